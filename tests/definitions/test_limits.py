"""DDL and the memory limit of a database."""

import pytest

from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import OperationalError


def test_tables_made_in_a_transaction_count() -> None:
    engine = Engine(Dictionary(), memory_limit=200_000, debug=True)
    with Database("small", engine) as database, database.connect() as con:
        con.execute("CREATE TABLE t (id integer PRIMARY KEY, v text)")
        with pytest.raises(OperationalError) as caught:
            con.executemany("INSERT INTO t VALUES (?, ?)", [(i, "x" * 1000) for i in range(500)])
        assert caught.value.sqlstate == "53200"
        con.rollback()
        con.execute("CREATE TABLE t (id integer PRIMARY KEY, v text)")
        con.executemany("INSERT INTO t VALUES (?, ?)", [(i, "x" * 1000) for i in range(100)])
        con.commit()
        used = engine.memory_used
        assert used > 100_000
        con.execute("ALTER TABLE t ADD COLUMN w integer DEFAULT 1")
        con.commit()
        assert engine.memory_used > used
        con.execute("DROP TABLE t")
        con.commit()
        assert engine.memory_used == 0
