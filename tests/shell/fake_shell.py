"""The real command line on the scripted database; started by the terminal tests as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from shell_fake import FakeServer

import exdbsql
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError, ProgrammingError
from exdbsql.shell.cli import main


def fake_server() -> FakeServer:
    server = FakeServer()
    sql = "SELECT *\nFROM sensr"
    server.answers[sql] = ProgrammingError(
        'relation "sensr" does not exist', sqlstate=states.UNDEFINED_TABLE, position=sql.index("sensr"), statement=sql
    )
    server.answers["SELECT\n1"] = server.answers["SELECT ';\n'"] = server.answers["SELECT 1"]
    server.breaks_at = "LOSE"
    if "--dead" in sys.argv:
        sys.argv.remove("--dead")
        server.refuses = OperationalError("connection refused", sqlstate=states.CANNOT_CONNECT)
    return server


if __name__ == "__main__":
    server = fake_server()
    exdbsql.connect = lambda target=None: server.connect()  # type: ignore[attr-defined]
    main()
