"""What every node shows in the end, and whether it is what the clients' record says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checker import Append, Level, Read, Transaction, anomalies, orphans, wrong_rows
from clients import ACCOUNTS, GENERATIONS, LISTS, OPENING_BALANCE, PARENTS
from definer import wrong_definitions, wrong_values
from faults import eventually
from holdings import Deaths, Holdings

import exdbsql
from local_cluster import LocalCluster

TABLES = ("list", "account", "claim", "parent", "child", "duty", "note", "board")
State = dict[str, Any]
"""Of one node: rows, columns and digests by table, the indexes, and what is found by them."""


def final_states(cluster: LocalCluster) -> list[State]:
    """All of every node, once nothing is left that only some nodes have."""
    nodes = sorted(cluster.processes)
    for node in nodes:
        exchange(cluster, node, "SCATTER note TO ALL")
    for node in nodes * 2:
        exchange(cluster, node, "SCATTER board TO ALL ON CONFLICT KEEP SOURCE")
    return [state_of(cluster, node) for node in nodes]


def exchange(cluster: LocalCluster, node: int, what: str) -> None:
    """Ship. (What an exchange that was under way has set aside is free again soon.)"""

    def work() -> None:
        with cluster.connect(node) as connection:
            connection.cursor().execute(what)

    eventually(work)


def state_of(cluster: LocalCluster, node: int) -> State:
    """All that a node has, after a commit that makes sure that it is up to date."""
    eventually(lambda: _write_something(cluster, node))
    with cluster.connect(node, autocommit=False) as connection:
        state: State = {"rows": {}, "columns": {}, "digests": {}}
        for table in TABLES:
            cursor = connection.cursor().execute(f"SELECT * FROM {table} ORDER BY id")
            state["columns"][table] = [column[0] for column in cursor.description or ()]
            state["rows"][table] = cursor.fetchall()
            state["digests"][table] = cursor.execute(f"SELECT table_digest('{table}')").fetchall()
        cursor = connection.cursor().execute("SELECT indexname FROM pg_indexes ORDER BY indexname")
        state["indexes"] = [row[0] for row in cursor.fetchall()]
        state["children"] = {
            parent: cursor.execute("SELECT id FROM child WHERE parent = ? ORDER BY id", (parent,)).fetchall()
            for parent in range(PARENTS)
        }
        return state


def _write_something(cluster: LocalCluster, node: int) -> None:
    with cluster.connect(node, autocommit=False) as connection:
        connection.cursor().execute("UPDATE account SET balance = balance WHERE id = 0")
        connection.commit()


def check(record: Mapping[str, Any], states: Sequence[State], level: Level, deaths: Deaths = ()) -> None:
    """Nothing that the level forbids, nothing acknowledged lost, nothing refused there, every node with the same rows."""
    nothing(record["stuck"])
    nothing(record["surprises"])
    for node, state in enumerate(states):
        different = [f"{what} {of}" for what in state for of in _differences(state[what], states[0][what])]
        nothing([f"node {node} differs from node 0: {one}" for one in different])
    (state, *_) = states
    check_lists(record, state, level)
    check_families(record, state)
    assert sum(balance for _, balance in columns_of(state, "account", "id", "balance")) == ACCOUNTS * OPENING_BALANCE
    assert any(present for (present,) in columns_of(state, "duty", "present"))
    nothing(Holdings(record, deaths).wrong_at_the_end(columns_of(state, "note", "id", "version")))
    said = {(place, what) for place, what, outcome in record["said"] if outcome != "void"}
    assert set(columns_of(state, "board", "id", "said")) <= said, "the board shows what nobody said"
    nothing(wrong_definitions(record["definitions"], state["columns"], state["indexes"]))
    for table in TABLES:
        nothing(wrong_values(table, state["columns"][table], state["rows"][table]))


def _differences(one: Any, other: Any) -> list[str]:
    if not isinstance(one, dict):
        return [] if one == other else [f"{one} and {other}"]
    return [f"{of}: {one[of]!r:.2000} and {other[of]!r:.2000}" for of in one if one[of] != other[of]]


def columns_of(state: State, table: str, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of a table's rows."""
    places = [state["columns"][table].index(name) for name in names]
    return [tuple(row[at] for at in places) for row in state["rows"][table]]


def nothing(found: Sequence[str]) -> None:
    """Fail with what was found."""
    assert not found, "\n".join([f"{len(found)} found:", *(line[:1000] for line in found[:20])])


def check_lists(record: Mapping[str, Any], state: State, level: Level) -> None:
    """No anomaly among appends and reads."""
    final = {
        key: tuple(int(part) for part in text.split()) for key, text in columns_of(state, "list", "id", "elements")
    }
    assert len(final) == LISTS * GENERATIONS
    history = list(history_of(record))
    assert sum(transaction.outcome == "ok" for transaction in history) > 50, "too little happened to say anything"
    nothing(anomalies(history, final, level))


def history_of(record: Mapping[str, Any]) -> Iterable[Transaction]:
    for one in record["history"]:
        operations = (
            Append(key, value) if kind == "append" else Read(key, tuple(value))
            for kind, key, value in one["operations"]
        )
        yield Transaction(one["name"], tuple(operations), one["outcome"])


def check_families(record: Mapping[str, Any], state: State) -> None:
    """Unique names, parents for all children, and what was acknowledged is there."""
    there = set(columns_of(state, "claim", "id", "name"))
    assert len({name for _, name in there}) == len(there)
    for element, name, outcome in record["claims"]:
        assert outcome != "ok" or (element, name) in there, f"lost claim {element}"
        assert outcome != "void" or (element, name) not in there, f"claim {element} was refused, and is there"
    children = columns_of(state, "child", "id", "parent")
    nothing(orphans(columns_of(state, "parent", "id"), children))  # type: ignore[arg-type]  # pairs
    nothing(wrong_rows("child", record["children"], children))
    for parent, found in state["children"].items():
        assert found == [(child,) for child, of in children if of == parent], f"the children of {parent} by the index"


def check_conflicts(cluster: LocalCluster) -> None:
    """Nodes that have been through all this settle a conflict as they are told to: refused, then the source's, then the target's."""
    nodes = sorted(cluster.processes)
    first, second = nodes[0], nodes[-1]
    for round_number, keep in enumerate(("SOURCE", "TARGET")):
        for node in (first, second):
            with cluster.connect(node) as connection:
                connection.cursor().execute("UPDATE board SET said = ? WHERE id = 0", (-10 * round_number - node,))
        before = [_board(cluster, node) for node in nodes]
        _refused(cluster, first, f"SCATTER board TO {second}")
        _refused(cluster, second, f"GATHER board FROM {first}")
        assert [_board(cluster, node) for node in nodes] == before, "an exchange that was refused changed something"
        exchange(cluster, first, f"SCATTER board TO {second} ON CONFLICT KEEP {keep}")
        kept = before[0] if keep == "SOURCE" else before[-1]
        assert _board(cluster, second) == kept
        exchange(cluster, second, "SCATTER board TO ALL")
        assert [_board(cluster, node) for node in nodes] == [kept] * len(nodes)


def _board(cluster: LocalCluster, node: int) -> list[tuple[int, int]]:
    with cluster.connect(node) as connection:
        return connection.cursor().execute("SELECT id, said FROM board ORDER BY id").fetchall()


def _refused(cluster: LocalCluster, node: int, what: str) -> None:
    try:
        with cluster.connect(node) as connection:
            connection.cursor().execute(what)
    except exdbsql.ConflictError as error:
        text = str(error)
        assert not error.retryable and "board" in text and "(id)=(0)" in text and "node" in text, text
        return
    raise AssertionError(f"{what} at node {node} was not refused")
