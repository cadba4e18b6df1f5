"""Transactions as PostgreSQL has them, for embedded and remote connections: blocks, failure, savepoints, modes, DDL."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.schema.errors import (
    ConflictError,
    Error,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)

Connect = Callable[[], Connection]
Query = Callable[..., list[tuple[Any, ...]]]
COUNT = "SELECT count(*) FROM t"


def failing(con: Connection, sql: str, kind: type[Error] = OperationalError) -> Error:
    with pytest.raises(kind) as caught:
        con.execute(sql)
    return caught.value


def test_a_transaction_begins_with_the_first_statement_and_others_see_it_after_commit(connect: Connect) -> None:
    one, two = connect(), connect()
    assert one.transaction_state == "idle"
    one.execute("INSERT INTO t (id) VALUES (1)")
    assert one.transaction_state == "open"
    assert two.execute(COUNT).fetchone() == (0,)
    one.commit()
    assert one.transaction_state == "idle"
    assert two.execute(COUNT).fetchone() == (0,), "a snapshot stays"
    two.rollback()
    assert two.execute(COUNT).fetchone() == (1,)


def test_autocommit_and_blocks_within_it(connect: Connect) -> None:
    con, other = connect(), connect()
    con.autocommit = other.autocommit = True
    con.execute("INSERT INTO t (id) VALUES (1)")
    assert (con.transaction_state, other.execute(COUNT).fetchone()) == ("idle", (1,))
    con.execute("BEGIN")
    assert con.transaction_state == "open"
    con.execute("INSERT INTO t (id) VALUES (2)")
    assert other.execute(COUNT).fetchone() == (1,)
    with pytest.raises(ProgrammingError, match="inside a transaction"):
        con.autocommit = False
    con.execute("COMMIT")
    assert (con.transaction_state, other.execute(COUNT).fetchone()) == ("idle", (2,))
    con.execute("START TRANSACTION")
    con.execute("DELETE FROM t")
    con.execute("ROLLBACK")
    assert other.execute(COUNT).fetchone() == (2,)


def test_a_failed_statement_with_autocommit_leaves_nothing_behind(con: Connection, query: Query) -> None:
    con.autocommit = True
    failing(con, "INSERT INTO t (id) VALUES (1), (2), (1)", IntegrityError)
    assert con.transaction_state == "idle"
    assert query(con, COUNT) == [(0,)]


def test_a_failed_transaction_refuses_all_but_its_end(con: Connection, query: Query) -> None:
    con.execute("INSERT INTO t (id) VALUES (1)")
    failing(con, "INSERT INTO t (id) VALUES (1)", IntegrityError)
    assert con.transaction_state == "failed"
    for sql in (COUNT, "INSERT INTO t (id) VALUES (2)", "SAVEPOINT a", "SHOW TABLES", "CREATE TABLE x (a integer)"):
        assert failing(con, sql).sqlstate == "25P02"
    result = con.session.execute("COMMIT")
    assert result.tag == "ROLLBACK"
    assert "rolled back" in result.notices[0]
    assert query(con, COUNT) == [(0,)]


def test_commit_never_returns_unless_it_is_committed(con: Connection, query: Query) -> None:
    con.execute("INSERT INTO t (id) VALUES (1)")
    failing(con, "SELECT no FROM t", ProgrammingError)
    with pytest.raises(OperationalError) as caught:
        con.commit()
    assert caught.value.sqlstate == "25P02"
    assert con.transaction_state == "idle"
    con.commit()
    assert query(con, COUNT) == [(0,)]


def test_an_error_right_after_begin_fails_the_block(con: Connection) -> None:
    con.execute("BEGIN")
    failing(con, "SELEC 1", ProgrammingError)
    assert con.transaction_state == "failed"
    con.execute("ROLLBACK")
    failing(con, "SELEC 1", ProgrammingError)
    assert con.transaction_state == "idle"


def test_savepoints(con: Connection, query: Query) -> None:
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("SAVEPOINT a")
    con.execute("INSERT INTO t (id) VALUES (2)")
    con.execute("SAVEPOINT b")
    failing(con, "INSERT INTO t (id) VALUES (1)", IntegrityError)
    con.execute("ROLLBACK TO b")
    assert con.transaction_state == "open"
    assert query(con, COUNT) == [(2,)]
    con.execute("ROLLBACK TO SAVEPOINT a")
    assert query(con, COUNT) == [(1,)]
    assert failing(con, "ROLLBACK TO b", ProgrammingError).sqlstate == "3B001"
    con.execute("ROLLBACK TO a")
    con.execute("SAVEPOINT a")
    con.execute("INSERT INTO t (id) VALUES (3)")
    con.execute("RELEASE a")
    con.execute("ROLLBACK TO a")
    assert query(con, COUNT) == [(1,)], "the earlier savepoint of that name"
    con.commit()
    assert query(con, "SELECT id FROM t") == [(1,)]


def test_savepoints_need_a_block(con: Connection) -> None:
    con.autocommit = True
    for sql in ("SAVEPOINT a", "RELEASE a", "ROLLBACK TO a"):
        assert failing(con, sql).sqlstate == "25P01"


def test_what_postgresql_warns_of_is_a_notice(con: Connection) -> None:
    con.autocommit = True
    assert "no transaction" in con.session.execute("COMMIT").notices[0]
    con.execute("BEGIN")
    assert "already" in con.session.execute("BEGIN").notices[0]
    con.session.execute("ROLLBACK")
    assert con.session.execute("ROLLBACK").notices == ()


def test_the_first_committer_wins(connect: Connect, query: Query) -> None:
    one, two = connect(), connect()
    one.execute("INSERT INTO t (id, name) VALUES (1, 'a')")
    one.commit()
    one.execute("UPDATE t SET name = 'b' WHERE id = 1")
    two.execute("UPDATE t SET name = 'c' WHERE id = 1")
    one.commit()
    with pytest.raises(ConflictError) as caught:
        two.commit()
    assert (caught.value.table, caught.value.code, caught.value.retryable) == ("t", 87, True)
    assert two.transaction_state == "idle"
    assert query(two, "SELECT name FROM t") == [("b",)]


def test_read_committed_sees_what_was_committed_meanwhile(connect: Connect, query: Query) -> None:
    one, two = connect(), connect()
    two.autocommit = True
    one.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    assert query(one, COUNT) == [(0,)]
    two.execute("INSERT INTO t (id) VALUES (1)")
    assert query(one, COUNT) == [(1,)]
    assert query(one, "SHOW transaction_isolation") == [("read committed",)]
    one.commit()
    assert query(one, "SHOW TRANSACTION ISOLATION LEVEL") == [("repeatable read",)]


def test_read_only_transactions(con: Connection, query: Query) -> None:
    con.execute("BEGIN READ ONLY")
    assert query(con, COUNT) == [(0,)]
    assert failing(con, "INSERT INTO t (id) VALUES (1)").sqlstate == "25006"
    con.rollback()
    con.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    assert failing(con, "CREATE TABLE x (a integer)").sqlstate == "25006"
    con.rollback()
    con.execute("SET default_transaction_read_only = off")
    con.execute("INSERT INTO t (id) VALUES (1)")


def test_set_transaction_comes_first(con: Connection) -> None:
    con.execute("SET TRANSACTION READ ONLY")
    con.execute(COUNT)
    assert failing(con, "SET TRANSACTION READ WRITE").sqlstate == "25001"


def test_serializable_refuses_write_skew(connect: Connect, query: Query) -> None:
    one, two = connect(), connect()
    one.execute("INSERT INTO t (id, price) VALUES (1, 1), (2, 1)")
    one.commit()
    for con, mine in ((one, 1), (two, 2)):
        con.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        assert query(con, "SHOW transaction_isolation") == [("serializable",)]
        assert query(con, "SELECT sum(price) FROM t") == [(2,)]
        con.execute("UPDATE t SET price = 0 WHERE id = ?", (mine,))
    one.commit()
    with pytest.raises(ConflictError) as caught:
        two.commit()
    assert (caught.value.sqlstate, caught.value.retryable, two.transaction_state) == ("40001", True, "idle")
    two.execute("SET default_transaction_isolation = 'serializable'")
    assert query(two, "SELECT sum(price) FROM t") == [(1,)]


def test_an_unknown_level_is_an_error(con: Connection) -> None:
    assert failing(con, "BEGIN ISOLATION LEVEL CHAOS", ProgrammingError).sqlstate == "42601"
    assert failing(con, "SET default_transaction_isolation = chaos", ProgrammingError).sqlstate == "22023"


def test_settings(con: Connection, query: Query) -> None:
    con.execute("SET application_name = 'demo'")
    assert query(con, "SHOW application_name") == [("demo",)]
    con.commit()
    assert failing(con, "SET aplication_name = 'x'", ProgrammingError).hint == 'did you mean "application_name"?'
    assert failing(con, "SET server_version = '1'", ProgrammingError).sqlstate == "55000"
    con.execute("SET application_name TO DEFAULT")
    assert query(con, "SHOW application_name") == [("",)]
    assert ("timezone", "UTC") in query(con, "SHOW ALL")


def test_ddl_is_part_of_its_transaction(connect: Connect, query: Query) -> None:
    con, other = connect(), connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    assert con.session.execute("CREATE TABLE x (a integer PRIMARY KEY)").tag == "CREATE TABLE"
    con.execute("INSERT INTO x VALUES (1), (2)")
    con.execute("CREATE UNIQUE INDEX xa ON x (a DESC)")
    assert query(con, "SELECT a FROM x ORDER BY a") == [(1,), (2,)]
    assert ("x", "replicated", 1) in [row[:3] for row in query(con, "SHOW TABLES")]
    assert failing(other, "SELECT * FROM x", ProgrammingError).sqlstate == "42P01"
    other.rollback()
    con.commit()
    assert query(other, "SELECT a FROM x ORDER BY a") == [(1,), (2,)]
    assert query(other, COUNT) == [(1,)]
    assert failing(other, "INSERT INTO x VALUES (1)", IntegrityError).sqlstate == "23505"


def test_ddl_is_rolled_back_with_its_transaction(connect: Connect, query: Query) -> None:
    con, other = connect(), connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("CREATE TABLE x (a integer)")
    con.execute("INSERT INTO x VALUES (1)")
    con.execute("DROP TABLE t")
    assert failing(con, COUNT, ProgrammingError).sqlstate == "42P01"
    con.rollback()
    assert query(con, COUNT) == [(0,)]
    assert failing(con, "SELECT * FROM x", ProgrammingError).sqlstate == "42P01"
    con.rollback()
    assert "x" not in [row[0] for row in query(other, "SHOW TABLES")]


def test_savepoints_keep_the_definitions_of_their_time(con: Connection, query: Query) -> None:
    con.execute("CREATE TABLE x (a integer)")
    con.execute("INSERT INTO x VALUES (1)")
    con.execute("SAVEPOINT s")
    con.execute("CREATE INDEX xa ON x (a)")
    con.execute("INSERT INTO x VALUES (2)")
    con.execute("DROP TABLE t")
    con.execute("ROLLBACK TO s")
    assert query(con, "SELECT a FROM x") == [(1,)]
    assert query(con, COUNT) == [(0,)]
    con.execute("DROP TABLE x")
    con.execute("CREATE TABLE x (b text)")
    con.execute("INSERT INTO x VALUES ('new')")
    con.commit()
    assert query(con, "SELECT b FROM x") == [("new",)]
    assert [row[1] for row in query(con, "SHOW INDEXES FROM x")] == []


def test_ddl_over_rows_that_another_transaction_changed(connect: Connect, query: Query) -> None:
    con, other = connect(), connect()
    con.execute("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'a')")
    con.commit()
    con.execute("UPDATE t SET name = 'b' WHERE id = 1")
    con.execute("CREATE UNIQUE INDEX names ON t (name)")
    other.execute("INSERT INTO t (id, name) VALUES (3, 'b')")
    other.commit()
    with pytest.raises(IntegrityError) as caught:
        con.commit()
    assert caught.value.sqlstate == "23505"
    assert query(con, "SHOW INDEXES FROM t")[1:] == []
    con.execute("UPDATE t SET name = 'c' WHERE id = 1")
    con.execute("CREATE INDEX names ON t (name)")
    other.execute("UPDATE t SET name = 'd' WHERE id = 1")
    other.commit()
    with pytest.raises(ConflictError):
        con.commit()


def test_two_transactions_with_ddl(connect: Connect, query: Query) -> None:
    con, other = connect(), connect()
    con.execute("CREATE TABLE x (a integer)")
    other.execute("CREATE TABLE y (a integer)")
    con.commit()
    other.commit()
    con.execute("INSERT INTO x VALUES (1)")
    con.execute("CREATE TABLE z (a integer)")
    other.execute("CREATE INDEX ya ON y (a)")
    other.commit()
    with pytest.raises(ConflictError, match="definitions"):
        con.commit()
    con.execute("CREATE TABLE x2 (a integer)")
    other.execute("CREATE TABLE x2 (b integer)")
    con.commit()
    with pytest.raises(ProgrammingError) as caught:
        other.commit()
    assert caught.value.sqlstate == "42P07"
    assert query(con, "SELECT a FROM x2") == []


def test_a_statement_is_prepared_anew_when_its_table_is_another(con: Connection, query: Query) -> None:
    con.execute("CREATE TABLE x (a integer)")
    con.execute("INSERT INTO x VALUES (1)")
    con.commit()
    assert query(con, "SELECT * FROM x") == [(1,)]
    con.commit()
    con.execute("DROP TABLE x")
    con.execute("CREATE TABLE x (b text, c text)")
    assert query(con, "SELECT * FROM x") == []
    assert con.execute("SELECT * FROM x").description is not None
    con.execute("INSERT INTO x VALUES ('p', 'q')")
    assert query(con, "SELECT * FROM x") == [("p", "q")]


def test_two_ddl_statements_in_one_text_are_refused(con: Connection) -> None:
    assert failing(con, "CREATE TABLE x (a integer); DROP TABLE x", ProgrammingError).sqlstate == "42601"


def test_own_statements_take_no_parameters(con: Connection) -> None:
    with pytest.raises(ProgrammingError, match="takes no parameters"):
        con.execute("BEGIN", (1,))
