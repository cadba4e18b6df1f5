"""PREPARE, EXECUTE, DEALLOCATE; EXPLAIN ANALYZE."""

import pytest

import exdbsql
from exdbsql.connection import Connection


@pytest.fixture
def con() -> Connection:
    con = exdbsql.connect()
    con.execute("CREATE TABLE t (id integer PRIMARY KEY, a text)")
    return con


def test_prepared_statement_runs_with_values(con: Connection) -> None:
    con.execute("PREPARE add AS INSERT INTO t VALUES ($1, $2)")
    con.execute("EXECUTE add(1, 'one')")
    con.execute("EXECUTE add(1 + 1, upper('two'))")
    con.execute("PREPARE get (integer) AS SELECT a FROM t WHERE id = $1")
    assert con.execute("EXECUTE get('2')").fetchall() == [("TWO",)]
    con.execute("PREPARE everything AS SELECT count(*) FROM t")
    assert con.execute("EXECUTE everything").fetchall() == [(2,)]


def test_names(con: Connection) -> None:
    con.execute("PREPARE p AS SELECT 1")
    con.commit()
    with pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute("PREPARE p AS SELECT 2")
    assert caught.value.sqlstate == "42P05"
    con.rollback()
    con.execute("DEALLOCATE p")
    with pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute("EXECUTE p")
    assert caught.value.sqlstate == "26000"
    con.rollback()
    con.execute("PREPARE p AS SELECT 3")
    con.execute("DEALLOCATE ALL")
    with pytest.raises(exdbsql.ProgrammingError):
        con.execute("DEALLOCATE p")


def test_wrong_text_and_wrong_number_of_values(con: Connection) -> None:
    with pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute("PREPARE p AS SELECT nope FROM t")
    assert caught.value.sqlstate == "42703"
    con.rollback()
    con.execute("PREPARE p (integer) AS SELECT $1")
    con.commit()
    for text in ("EXECUTE p", "EXECUTE p(1, 2)"):
        with pytest.raises(exdbsql.ProgrammingError, match="wrong number of parameters"):
            con.execute(text)
        con.rollback()
    with pytest.raises(exdbsql.NotSupportedError, match="two-phase"):
        con.execute("PREPARE TRANSACTION 'x'")


def test_explain_analyze_runs_the_statement(con: Connection) -> None:
    lines = [row[0] for row in con.execute("EXPLAIN ANALYZE INSERT INTO t VALUES (1, 'x'), (2, 'y')")]
    assert "Rows: 2" in lines
    assert lines[-1].startswith("Execution time: ")
    assert con.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert "Rows: 1" in [row[0] for row in con.execute("EXPLAIN ANALYZE SELECT * FROM t WHERE id = ?", (1,))]
