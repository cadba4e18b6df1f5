"""Schema files: found by their name, and errors that begin with file, line and column."""

from pathlib import Path

import pytest

from exdbsql.schema.dictionary import dictionary_to_wire
from exdbsql.schema.errors import DatabaseError, OperationalError, ProgrammingError
from exdbsql.schema.files import canonical, load_schema

SCHEMA = "-- The shop.\ncreate table customers (id int primary key, name text);\ncreate index on customers (name);\n"


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    return path


def test_a_path_a_name_of_a_file_and_text_give_the_same(schema_file: Path) -> None:
    loaded = load_schema(schema_file)
    assert list(loaded.tables) == ["customers"]
    assert list(loaded.indexes) == ["customers_name_idx"]
    assert load_schema(str(schema_file)) == load_schema(SCHEMA) == loaded


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "schema.txt"
    path.write_text(SCHEMA, encoding="utf-8-sig")
    assert load_schema(path) == load_schema(SCHEMA)


def test_text_may_end_like_a_file_name() -> None:
    assert list(load_schema("create table t (a int) -- see schema.sql").tables) == ["t"]
    assert load_schema("").tables == {}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            "create table t (a int);\n\n  create table u (\n    a int,\n    b intger);\n",
            "5:7",
            'type "intger" does not exist',
        ),
        ("create table t (a int);\n  create table t (a int);\n", "2:3", 'relation "t" already exists'),
        ("create table t (a int);\ncreate index i on t (b);\n", "2:1", 'column "b" named in key does not exist'),
        ("create table t (\n  a int check (\n    a > 0 and\n    b > 0));", "4:5", 'column "b" does not exist'),
        ("create table t (a int);\n-- ä 'x\ncreate table u (a text default 'x);", "3:32", "unterminated quoted string"),
    ],
)
def test_errors_say_file_line_and_column(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = tmp_path / "schema.sql"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatabaseError) as caught:
        load_schema(path)
    assert str(caught.value).startswith(f"{path}:{place}: ")
    assert words in str(caught.value)


def test_errors_in_text_know_line_and_column() -> None:
    with pytest.raises(ProgrammingError) as caught:
        load_schema("create table t (a int);\ncreate table t (b int)")
    assert caught.value.line_and_column == (2, 1)
    assert caught.value.file is None


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.sql"
    with pytest.raises(OperationalError, match="cannot read the schema file: No such file") as caught:
        load_schema(str(missing))
    assert (caught.value.file, caught.value.sqlstate) == (str(missing), "58P01")
    binary = tmp_path / "binary.sql"
    binary.write_bytes(b"create table \xff")
    with pytest.raises(ProgrammingError, match="not UTF-8"):
        load_schema(binary)


def test_ids_do_not_depend_on_the_order_of_the_statements() -> None:
    """Two nodes may have the same schema in files of another order, and their write sets name tables by id (R2)."""
    statements = ["CREATE TABLE b (id integer);", "CREATE TABLE a (id serial);", "CREATE TABLE c (id integer) LOCAL;"]
    one, other = (canonical(load_schema("\n".join(order))) for order in (statements, statements[::-1]))
    assert {t.name: t.id for t in one.tables.values()} == {t.name: t.id for t in other.tables.values()}
    assert dictionary_to_wire(one) == dictionary_to_wire(other)
    assert one.digest() == load_schema("\n".join(statements)).digest()


@pytest.mark.parametrize(
    "text", ["create temp table t (a int)", "create temp view v as select 1 as a", "create temporary sequence s"]
)
def test_what_belongs_to_a_session_has_no_place_in_a_schema(text: str) -> None:
    with pytest.raises(ProgrammingError, match="no temporary tables, views or sequences") as caught:
        load_schema(f"{text};\n")
    assert caught.value.sqlstate == "42P16"
