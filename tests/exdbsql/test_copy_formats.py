"""COPY's two formats: a golden file that was held against PostgreSQL, and what COPY TO writes is what COPY FROM reads."""

import ast
import os
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exdbsql
from exdbsql.connection import Connection
from exdbsql.schema.errors import Error

CASES = Path(__file__).parent / "copy_cases.txt"


def given_by(con: Connection, statement: str, data: bytes) -> str:
    cur = con.cursor()
    try:
        with cur.copy(statement) as copy:
            copy.write(data)
    except Error as error:
        con.rollback()
        lines = [f"error {error.sqlstate}: {error.message}"]
        more = (("DETAIL", error.detail), ("HINT", error.hint), ("CONTEXT", error.context))
        return "\n".join([*lines, *[f"{name}: {text!r}" for name, text in more if text]])
    with cur.copy("COPY t TO STDOUT") as copy:
        written = b"".join(copy)
    con.rollback()
    return "\n".join([f"COPY {cur.rowcount}", *map(repr, written.splitlines(keepends=True))])


def test_golden() -> None:
    """REGOLD=1 writes the file anew, to be read in the diff."""
    blocks = CASES.read_text().split("\n\n")
    made = []
    with exdbsql.connect() as con:
        con.execute("CREATE TABLE t (a integer, b text, c double precision)")
        con.commit()
        for block in blocks[1:]:
            statement, data, *_ = block.split("\n")
            made.append("\n".join([statement, data, given_by(con, statement, ast.literal_eval(data))]))
    text = "\n\n".join([blocks[0], *made]) + "\n"
    if "REGOLD" in os.environ:
        CASES.write_text(text)
    assert text == CASES.read_text()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_it_does_not_matter_where_the_data_are_cut(size: int) -> None:
    data = b'a,b,c\r\n1,"x,\r\ny""z",1\r\n2,\xc3\xa9,\r\n3,"",3\r\n'
    text = b"1\ta\\\\\\tb\\\nc\t1\n2\t\\N\t2\n\\.\nmore"
    with exdbsql.connect() as con:
        con.execute("CREATE TABLE t (a integer, b text, c double precision)")
        cur = con.cursor()
        for statement, whole in (("COPY t FROM STDIN (FORMAT csv, HEADER match)", data), ("COPY t FROM STDIN", text)):
            with cur.copy(statement) as copy:
                for start in range(0, len(whole), size):
                    copy.write(whole[start : start + size])
        assert cur.execute("SELECT b FROM t").fetchall() == [
            ('x,\r\ny"z',),
            ("é",),
            ("",),
            ("a\\\tb\nc",),
            (None,),
        ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_cut_behind_an_escape_character(size: int) -> None:
    data = rb"""1,"a\"b\\","\\"
2,\\,"\"\\\""
"""
    with exdbsql.connect() as con:
        con.execute("CREATE TABLE t (a integer, b text, c text)")
        with con.cursor().copy("COPY t FROM STDIN (FORMAT csv, ESCAPE '\\')") as copy:
            for start in range(0, len(data), size):
                copy.write(data[start : start + size])
        expected = [(1, 'a"b\\', "\\"), (2, "\\\\", '"\\"')]
        assert con.execute("SELECT * FROM t ORDER BY a").fetchall() == expected


@pytest.mark.parametrize("options", ["", "(FORMAT csv)"])
def test_one_line_that_ends_with_a_carriage_return(options: str) -> None:
    with exdbsql.connect() as con:
        con.execute("CREATE TABLE t (a integer)")
        with con.cursor().copy(f"COPY t FROM STDIN {options}") as copy:
            copy.write("1\r")
        assert con.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_quote_in_the_line_of_names() -> None:
    with exdbsql.connect() as con:
        with con.cursor().copy(
            """COPY (SELECT 1 AS "it's", 'it''s') TO STDOUT (FORMAT csv, HEADER, QUOTE '''')"""
        ) as copy:
            written = b"".join(copy)
        assert written == b"'it''s',?column?\n1,'it''s'\n"
        with con.cursor().copy(
            """COPY (SELECT 1 AS "a%b") TO STDOUT (FORMAT csv, HEADER, QUOTE '%', ESCAPE '!')"""
        ) as copy:
            assert b"".join(copy) == b"%a!%b%\n1\n"


def test_a_mark_of_byte_order_is_written_once() -> None:
    with exdbsql.connect() as con:
        with con.cursor().copy("COPY (SELECT generate_series(1, 1001)) TO STDOUT (HEADER, ENCODING 'utf-16')") as copy:
            written = b"".join(copy)
        assert written.decode("utf-16").split() == ["generate_series", *map(str, range(1, 1002))]


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.decimals(allow_infinity=False, allow_nan=False, min_value=Decimal(-(10**12)), max_value=10**12),
    "real": st.floats(width=32),
    "double precision": st.floats(),
    "text": TEXTS,
    "varchar(5)": st.text("a\\,\"'\t\r\n.N", max_size=5),
    "bytea": st.binary(),
    "date": st.dates(min_value=date(1000, 1, 1)),
    "time": st.times().map(lambda value: value.replace(fold=0)),
    "timestamp": st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda value: value.replace(fold=0)),
    "uuid": st.uuids(),
    "interval": st.timedeltas(),
    "jsonb": st.dictionaries(TEXTS, st.none() | st.booleans() | TEXTS, max_size=3),
    "integer[]": st.lists(st.none() | st.integers(-9, 9), max_size=3),
    "text[]": st.lists(st.none() | st.text('a,\\"{} ', max_size=4), max_size=3),
    "mood": st.sampled_from(["sad", 'it\'s "fine"', "a,b\\c"]),
}
OPTIONS = [
    ("", ""),
    ("(FORMAT csv)", "(FORMAT csv)"),
    ("(FORMAT csv, HEADER)", "(FORMAT csv, HEADER match)"),
    ("(FORMAT csv, FORCE_QUOTE *)", "(FORMAT csv)"),
    ("(FORMAT csv, NULL 'N', DELIMITER ';', QUOTE '''', ESCAPE '\\')",) * 2,
    ("(FORMAT text, DELIMITER '|', NULL 'nil', HEADER)",) * 2,
]
# of COPY TO and COPY FROM


@pytest.fixture(scope="module")
def table() -> Iterator[Connection]:
    with exdbsql.connect() as con:
        con.execute("""CREATE TYPE mood AS ENUM ('sad', 'it''s "fine"', 'a,b\\c')""")
        columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(TYPES))
        con.execute(f"CREATE TABLE a ({columns})")
        con.execute(f"CREATE TABLE b ({columns})")
        con.commit()
        yield con


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.none() | values for values in TYPES.values()]), min_size=1, max_size=4),
    st.sampled_from(OPTIONS),
    st.booleans(),
)
def test_what_is_written_is_read(
    table: Connection, rows: list[tuple[Any, ...]], options: tuple[str, str], alone: bool
) -> None:
    table.rollback()  # what a failed example left
    cur = table.cursor()
    cur.executemany(f"INSERT INTO a VALUES ({', '.join('?' * len(TYPES))})", rows)
    name = "(c6)" if alone else ""
    with cur.copy(f"COPY a {name} TO STDOUT {options[0]}") as copy:
        data = b"".join(copy)
    with cur.copy(f"COPY b {name} FROM STDIN {options[1]}") as copy:
        copy.write(data)
    assert cur.rowcount == len(rows)
    what = "c6" if alone else "*"
    before = cur.execute(f"SELECT {what} FROM a").fetchall()
    assert list(map(repr, cur.execute(f"SELECT {what} FROM b").fetchall())) == list(map(repr, before))
    table.rollback()
