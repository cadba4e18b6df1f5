"""What the test asks of the nodes from inside the hub's namespace: set up the tables, wait until all are ready, read all rows."""

import argparse
import json
import time
from pathlib import Path

import conftest  # noqa: F401  (makes the modules of examples/ importable, as it does for the tests)
from clients import set_up
from test_histories import last_state, spread_notes

import exdbsql

TIMEOUT_S = 60


def wait_ready(address: str) -> None:
    """Until the node answers and can write."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            with exdbsql.connect(f"exdb://{address}/") as connection:
                rows = connection.cursor().execute("SHOW CLUSTER").fetchall()
            if dict(rows)["can write to replicated tables"] == "yes":
                return
            why = str(dict(rows))
        except exdbsql.Error as error:
            why = str(error)
        if time.monotonic() > deadline:
            raise SystemExit(f"{address} after {TIMEOUT_S} s: {why}")
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["set-up", "wait", "states"])
    parser.add_argument("addresses", nargs="+")
    parser.add_argument("--output")
    arguments = parser.parse_args()
    for address in arguments.addresses:
        wait_ready(address)
    if arguments.action == "set-up":
        set_up(arguments.addresses[0])
    elif arguments.action == "states":
        for address in arguments.addresses:
            with exdbsql.connect(f"exdb://{address}/") as connection:
                spread_notes(connection)
        states = []
        for address in arguments.addresses:
            with exdbsql.connect(f"exdb://{address}/") as connection:
                states.append(last_state(connection))
        Path(arguments.output).write_text(json.dumps(states), encoding="utf-8")


if __name__ == "__main__":
    main()
