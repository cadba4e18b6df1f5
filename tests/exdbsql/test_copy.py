"""COPY through the program's interface, embedded and remote: streams, files, transactions, errors."""

import io
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import exdbsql
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.errors import (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.service import SqlService

Connect = Callable[[], Connection]


def rows(con: Connection) -> list[tuple[object, ...]]:
    return con.execute("SELECT id, name FROM t ORDER BY id").fetchall()


def load(con: Connection, data: str | bytes, options: str = "", columns: str = "(id, name)") -> int:
    cur = con.cursor()
    with cur.copy(f"COPY t {columns} FROM STDIN {options}") as copy:
        copy.write(data)
    return cur.rowcount


def test_a_stream_in_and_out(connect: Connect) -> None:
    con = connect()
    cur = con.cursor()
    with cur.copy("COPY t (id, name) FROM STDIN") as copy:
        copy.write("1\ton")
        copy.write(b"e\n2\t\\N\n")
    assert (cur.rowcount, cur.statusmessage) == (2, "COPY 2")
    con.commit()
    with cur.copy("COPY t TO STDOUT (FORMAT csv, HEADER)") as copy:
        assert b"".join(copy) == b"id,name,price\n1,one,1.50\n2,,1.50\n"
    assert cur.statusmessage == "COPY 2"


def test_rows_of_values(connect: Connect) -> None:
    con = connect()
    cur = con.cursor()
    with cur.copy("COPY t (id, name) FROM STDIN") as copy:
        for number in range(2500):
            copy.write_row((number if number % 2 else str(number), f"name {number}"))
    assert cur.rowcount == 2500
    with cur.copy("COPY (SELECT id, name, price FROM t WHERE id < 2 ORDER BY id) TO STDOUT") as copy:
        assert list(copy.rows()) == [("0", "name 0", "1.50"), ("1", "name 1", "1.50")]
    with cur.copy("COPY (SELECT id, name FROM t WHERE id < 2 ORDER BY id) TO STDOUT (FORMAT csv, HEADER)") as copy:
        copy.set_types(["integer", "text"])
        assert copy.read_row() == (0, "name 0")
        assert copy.read_row() == (1, "name 1")
        assert copy.read_row() is None
    with pytest.raises(DataError) as caught, cur.copy("COPY t (id, name) FROM STDIN") as copy:
        copy.write_row(("many", "x"))
    assert caught.value.context == 'COPY t, line 1, column id: "many"'


def test_nothing_is_loaded_where_something_is_wrong(connect: Connect) -> None:
    con = connect()
    load(con, "1\tone\n")
    con.commit()
    wrong = {
        "2\ttwo\nthree\tx\n": (DataError, "22P02", 'COPY t, line 2, column id: "three"'),
        "2\ttwo\n3\n": (DataError, "22P04", 'COPY t, line 2: "3"'),
        "2\ttwo\n\\N\tx\n": (IntegrityError, "23502", 'COPY t, line 2: "\\N\tx"'),
        "2\ttwo\n1\tagain\n": (IntegrityError, "23505", 'COPY t, line 2: "1\tagain"'),
        "2\ttwo\n2\tagain\n": (IntegrityError, "23505", 'COPY t, line 2: "2\tagain"'),
    }
    for data, (kind, sqlstate, context) in wrong.items():
        with pytest.raises(kind) as caught:
            load(con, data)
        assert (caught.value.sqlstate, caught.value.context) == (sqlstate, context)
        assert con.transaction_state == "failed" or data.startswith("2\ttwo\n") and con.transaction_state == "idle"
        con.rollback()
        assert rows(con) == [(1, "one")]
        con.rollback()


def test_a_check_of_the_table_in_a_transaction_with_more(connect: Connect) -> None:
    con = connect()
    con.execute("INSERT INTO t (id, name) VALUES (1, 'one')")
    con.execute("SAVEPOINT s")
    with pytest.raises(IntegrityError) as caught:
        load(con, "2,two,1\n3,three,-1\n", "(FORMAT csv)", "")
    assert (caught.value.sqlstate, caught.value.context) == ("23514", 'COPY t, line 2: "3,three,-1.00"')
    con.execute("ROLLBACK TO s")
    assert load(con, "2,two\n", "(FORMAT csv)") == 1
    con.commit()
    assert rows(con) == [(1, "one"), (2, "two")]


def test_an_exception_of_the_program_gives_it_up(connect: Connect) -> None:
    con = connect()
    with pytest.raises(ZeroDivisionError), con.cursor().copy("COPY t (id, name) FROM STDIN") as copy:
        copy.write("1\tone\n")
        _ = 1 / 0
    con.rollback()
    assert rows(con) == []
    assert load(con, "1\tone\n") == 1


def test_where(connect: Connect) -> None:
    con = connect()
    assert load(con, "1\tone\n2\ttwo\n3\t\\N\n", "WHERE id > 1 AND name IS NOT NULL") == 1
    assert rows(con) == [(2, "two")]
    with pytest.raises(IntegrityError) as caught:
        load(con, "1\tone\n2\ttwo\n", "WHERE id > 1")
    assert caught.value.context == 'COPY t, line 2: "2\ttwo"'
    con.rollback()
    for condition, kind in {
        "price > 1": NotSupportedError,
        "nam = 'x'": ProgrammingError,
        "id IN (SELECT 1)": Exception,
    }.items():
        with pytest.raises(kind):
            load(con, "1\tone\n", f"WHERE {condition}")
        con.rollback()


def test_columns_that_are_not_named(connect: Connect) -> None:
    con = connect()
    con.execute(
        "CREATE TABLE s (id serial PRIMARY KEY, a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c text DEFAULT 'x')"
    )
    cur = con.cursor()
    with cur.copy("COPY s (a) FROM STDIN") as copy:
        copy.write("5\n6\n")
    assert cur.execute("SELECT * FROM s ORDER BY id").fetchall() == [(1, 5, 10, "x"), (2, 6, 12, "x")]
    with cur.copy("COPY s TO STDOUT") as copy:
        assert b"".join(copy) == b"1\t5\tx\n2\t6\tx\n"
    for columns, sqlstate in {"(b)": "42P10", "(zz)": "42703", "(a, a)": "42701"}.items():
        cur.execute("SAVEPOINT p")
        with pytest.raises(ProgrammingError) as caught:
            cur.copy(f"COPY s {columns} FROM STDIN")
        assert caught.value.sqlstate == sqlstate
        cur.execute("ROLLBACK TO p")


def test_what_cannot_be_copied(connect: Connect) -> None:
    con = connect()
    con.autocommit = True
    con.execute("CREATE VIEW v AS SELECT id FROM t")
    cur = con.cursor()
    for sql, sqlstate in {
        "COPY v TO STDOUT": "42809",
        "COPY v FROM STDIN": "42809",
        "COPY none FROM STDIN": "42P01",
        "COPY none TO STDOUT": "42P01",
        "COPY (DELETE FROM t) TO STDOUT": "0A000",
        "COPY t FROM STDIN (FORMAT binary)": "0A000",
        "COPY t FROM PROGRAM 'ls'": "0A000",
        "COPY t FROM 'file'": "42601",
        "COPY t TO STDOUT WHERE id > 1": "42601",
        "SELECT 1": "42601",
    }.items():
        with pytest.raises((ProgrammingError, NotSupportedError)) as caught:
            cur.copy(sql)
        assert caught.value.sqlstate == sqlstate, sql
    with pytest.raises(ProgrammingError) as caught:
        con.execute("COPY t FROM STDIN")
    assert "cursor.copy" in str(caught.value.hint)
    with pytest.raises(InterfaceError), cur.copy("COPY t TO STDOUT") as copy:
        copy.write("1")
    con.execute("SET default_transaction_read_only = on")
    with pytest.raises(OperationalError) as refused:
        cur.copy("COPY t FROM STDIN")
    assert refused.value.sqlstate == "25006"


def test_a_query_with_returning(connect: Connect) -> None:
    con = connect()
    with con.cursor().copy("COPY (INSERT INTO t (id, name) VALUES (1, 'a,b') RETURNING *) TO STDOUT csv") as copy:
        assert copy.read() == b'1,"a,b",1.50\n'
    assert rows(con) == [(1, "a,b")]


def test_psycopg2_s_way(connect: Connect) -> None:
    con = connect()
    cur = con.cursor()
    cur.copy_expert("COPY t (id, name) FROM STDIN CSV", io.StringIO("1,é\n2,two\n"))
    assert cur.rowcount == 2
    text, data = io.StringIO(), io.BytesIO()
    cur.copy_expert("COPY t TO STDOUT", text)
    cur.copy_expert("COPY t TO STDOUT", data)
    assert text.getvalue() == data.getvalue().decode() == "1\té\t1.50\n2\ttwo\t1.50\n"


def test_more_than_one_part(connect: Connect) -> None:
    con = connect()
    data = "".join(f"{number},name {number}\n" for number in range(40_000))
    assert load(con, data, "(FORMAT csv)") == 40_000
    with con.cursor().copy("COPY (SELECT id, name FROM t ORDER BY id) TO STDOUT (FORMAT csv)") as copy:
        parts = list(copy)
    assert b"".join(parts) == data.encode()
    assert max(map(len, parts)) < 100_000
    with con.cursor().copy("COPY t TO STDOUT") as copy:
        copy.read()  # and no more
    assert len(rows(con)) == 40_000


def test_a_client_that_vanishes_has_loaded_nothing(database: Database, service: SqlService) -> None:
    con = exdbsql.connect(f"exdb://{service.address}/")
    con.autocommit = True
    con.cursor().copy("COPY t (id, name) FROM STDIN").write("1\tone\n")
    con.session._wire.close()  # type: ignore[attr-defined]
    other = database.connect()
    assert rows(other) == []
    assert load(other, "1\tone\n") == 1


def test_files(tmp_path: Path, database: Database, service: SqlService) -> None:
    con = database.connect()
    path = tmp_path / "it's t.csv"
    name = str(path).replace("'", "''")
    path.write_text("id,name\n1,one\n2,two\n")
    cur = con.execute(f"COPY t (id, name) FROM '{name}' WITH CSV HEADER")
    assert cur.statusmessage == "COPY 2"
    con.execute(f"COPY t (name, id) TO '{name}'")
    assert path.read_text() == "one\t1\ntwo\t2\n"
    con.commit()
    for sql, sqlstate in {
        f"COPY t FROM '{tmp_path}/none'": "58P01",
        f"COPY t FROM '{tmp_path}'": "42809",
        f"COPY t TO '{tmp_path}/none/t'": "58P01",
    }.items():
        with pytest.raises(OperationalError) as caught:
            con.execute(sql)
        assert caught.value.sqlstate == sqlstate
        con.rollback()
    with exdbsql.connect(f"exdb://{service.address}/") as client:
        with pytest.raises(ProgrammingError) as refused:
            client.execute(f"COPY t TO '{name}'")
        assert refused.value.sqlstate == "42501"
        assert "\\copy" in str(refused.value.hint)


LATE = (
    "COPY (SELECT CASE WHEN n < 2000 THEN 'x' ELSE '€' END FROM generate_series(1, 2000) n) TO '{}' (ENCODING 'latin1')"
)
"""Fails when it has written several parts."""


def test_a_file_is_replaced_when_all_rows_are_written(tmp_path: Path, database: Database) -> None:
    con = database.connect()
    for name, before in (("new", None), ("old", "as it was")):
        path = tmp_path / name
        if before is not None:
            path.write_text(before)
            path.chmod(0o640)
        with pytest.raises(DataError, match="no equivalent"):
            con.execute(LATE.format(path))
        con.rollback()
        assert (path.read_text() if path.exists() else None) == before
        con.execute(f"COPY (SELECT 1) TO '{path}'")
        assert path.read_text() == "1\n"
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_what_is_no_plain_file_is_written_in_place(tmp_path: Path, database: Database) -> None:
    con = database.connect()
    plain, link, name, pipe = (tmp_path / name for name in ("plain", "link", "name", "pipe"))
    plain.write_text("")
    link.symlink_to(plain)
    name.hardlink_to(plain)
    con.execute(f"COPY (SELECT 1) TO '{link}'")
    assert link.is_symlink()
    assert plain.read_text() == "1\n"
    con.execute(f"COPY (SELECT 2) TO '{name}'")
    assert plain.read_text() == "2\n"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        con.execute(f"COPY (SELECT 3) TO '{pipe}'")
        assert os.read(reader, 10) == b"3\n"
    finally:
        os.close(reader)


def test_a_file_that_cannot_be_written_to_its_end(database: Database) -> None:
    with pytest.raises(OperationalError, match='could not write file "/dev/full": No space left') as caught:
        database.connect().execute("COPY (SELECT 1) TO '/dev/full'")
    assert caught.value.sqlstate == "58030"


def test_a_table_with_a_dot_in_its_name(connect: Connect) -> None:
    con = connect()
    con.execute('CREATE TABLE "a.b" (x integer)')
    with con.cursor().copy('COPY "a.b" FROM STDIN') as copy:
        copy.write("1\n")
    with con.cursor().copy('COPY public."a.b" TO STDOUT') as copy:
        assert copy.read() == b"1\n"
    con.execute('TRUNCATE "a.b"')
    assert con.execute('SELECT count(*) FROM "a.b"').fetchone() == (0,)
    with pytest.raises(ProgrammingError, match='relation "a.t" does not exist'):
        con.execute("TRUNCATE a.t")


def test_the_memory_limit_stops_a_stream() -> None:
    with Database("small", Engine(exdbsql.load_dictionary(""), memory_limit=1_000_000)) as db:
        con = db.connect()
        con.execute("CREATE TABLE t (id integer, name text)")
        con.commit()
        with pytest.raises(OperationalError) as caught, con.cursor().copy("COPY t FROM STDIN") as copy:
            while True:
                copy.write("1\t" + "x" * 10_000 + "\n")
        assert caught.value.sqlstate == "53200"
        con.rollback()
        assert load(con, "1\tone\n") == 1


def test_it_can_be_interrupted(connect: Connect) -> None:
    con = connect()
    data = "".join(f"{number},name {number}\n" for number in range(100_000))
    timer = threading.Timer(0.05, con.interrupt)
    with pytest.raises(OperationalError) as caught, con.cursor().copy("COPY t (id, name) FROM STDIN csv") as copy:
        timer.start()
        for _ in range(50):
            copy.write(data)
    timer.join()
    assert caught.value.sqlstate == "57014"
    con.rollback()
    assert rows(con) == []
