"""Enum types: values, CREATE TYPE and DROP TYPE, and what a dictionary makes of them."""

import pickle

import pytest

from exdbsql.schema.codec import pack, unpack
from exdbsql.schema.ddl import CreateType, DropType, parse_ddl
from exdbsql.schema.dictionary import Dictionary, dictionary_from_wire, dictionary_to_wire
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DatabaseError, DataError, NotSupportedError, ProgrammingError
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import TEXT, array_of, enum_type

MOOD = enum_type("mood", ["sad", "ok", "happy"])
DDL = """
    create type mood as enum ('sad', 'ok', 'it''s fine');
    create type "Empty" as enum ();
    create table t (a mood default 'ok', b public.mood[], "c" "Empty", check (a <> 'sad'::mood));
"""


def after(sql: str, start: Dictionary | None = None) -> Dictionary:
    """The dictionary after the statements of `sql`."""
    made = start or Dictionary()
    return made.with_all(parse_ddl(sql, made.types))


def test_values_order_by_declaration_and_equal_their_labels() -> None:
    sad, ok, happy = map(MOOD.coerce, ("sad", "ok", "happy"))
    assert sorted([happy, sad, ok]) == ["sad", "ok", "happy"]
    assert sad < ok <= happy > ok
    assert sad == "sad" != ok
    assert hash(sad) == hash("sad")
    assert str(ok) == "ok"
    assert MOOD.coerce(EnumValue("ok", 0)) is ok
    assert MOOD.coerce(None) is None
    assert pickle.loads(pickle.dumps(ok)) == ok
    assert TEXT.coerce(ok) == "ok"
    with pytest.raises(TypeError):
        sad < "ok"  # noqa: B015
    with pytest.raises(AttributeError):
        sad.label = "x"
    with pytest.raises(AttributeError):
        del sad.position


def test_what_is_no_value() -> None:
    with pytest.raises(DataError, match='invalid input value for enum mood: "hapy"') as caught:
        MOOD.coerce("hapy")
    assert caught.value.hint == 'did you mean "happy"?'
    with pytest.raises(DataError, match="Its values are 'sad', 'ok', 'happy'"):
        MOOD.parse("zzzzzz")
    with pytest.raises(ProgrammingError):
        MOOD.coerce(1)


def test_types_are_equal_by_name_and_labels() -> None:
    assert enum_type("mood", ("sad", "ok", "happy")) == MOOD != enum_type("mood", ("sad",))
    assert pickle.loads(pickle.dumps(array_of(MOOD))) == array_of(MOOD)
    assert str(enum_type("My Mood", ("a",))) == '"My Mood"'
    assert MOOD.is_enum
    assert MOOD.has_order


def test_statements() -> None:
    assert parse_ddl("create type Mood as enum ('a', 'B b'); drop type if exists mood, public.x restrict") == [
        CreateType(enum_type("mood", ("a", "B b"))),
        DropType(("mood", "x"), if_exists=True),
    ]


@pytest.mark.parametrize(
    ("marked", "state", "words"),
    [
        ("create type m as enum ('a', ^'a')", "23505", "more than once"),
        ("create type m as enum (^'')", "42602", "invalid enum label"),
        (f"create type m as enum (^'{'x' * 64}')", "42602", "invalid enum label"),
        ("create type m as enum (^a)", "42601", "label in single quotes"),
        ("create type m as enum ('a',^)", "42601", "label in single quotes"),
        ("create type m as enum ('a' ^'b')", "42601", 'Expected ")"'),
        ("create type ^jsonb as enum ('a')", "42710", "already exists"),
        ("create type m ^as (a int)", "0A000", "other than AS ENUM"),
        ("create type m^", "0A000", "other than AS ENUM"),
        ("create table t (a ^m)", "42704", 'type "m" does not exist'),
        ("create type mood as enum ('a'); create table t (a ^moood)", "42704", 'did you mean "mood"'),
        ("create type mood as enum ('a'); create table t (a mood default ^'b')", "22P02", "enum mood"),
        ("create type mood as enum ('a'); drop type mood; create table t (a ^mood)", "42704", "does not exist"),
        ("create table t (a json ^unique)", None, ""),
        ("create table t (a json, unique (^a))", "42704", "has no order"),
    ],
)
def test_a_mistake_is_told_with_its_place(marked: str, state: str | None, words: str) -> None:
    position, sql = marked.index("^"), marked.replace("^", "", 1)
    if state is None:  # the dictionary finds it, without a place
        with pytest.raises(ProgrammingError, match="no order"):
            after(sql)
        return
    with pytest.raises(DatabaseError) as caught:
        parse_ddl(sql)
    assert (caught.value.sqlstate, caught.value.position) == (state, position)
    assert words in str(caught.value)


def test_an_index_may_be_called_like_a_type() -> None:
    made = after(
        "create type mood as enum ('a'); create table n (a int); create index i on n (a); create view v as select 1 as a;"
    )
    assert "mood" in after("alter index i rename to mood", made).indexes
    with pytest.raises(ProgrammingError, match='type "mood" already exists'):
        after("alter view v rename to mood", made)


@pytest.mark.parametrize(
    ("sql", "state", "words"),
    [
        ("create type mood as enum ('x')", "42710", 'type "mood" already exists'),
        ("create type t as enum ('x')", "42710", 'type "t" already exists'),
        ("create table mood (a int)", "42710", 'type "mood" already exists'),
        ("drop type moood", "42704", 'did you mean "mood"'),
        ("drop type mood", "2BP01", "column a of table t depends on type mood\ncolumn b of table t"),
        ("drop type if exists mood", "2BP01", "constraint t_a_check on table t depends on type mood"),
        ('drop type "Empty"', "2BP01", "column c of table t"),
    ],
)
def test_what_a_dictionary_refuses(sql: str, state: str, words: str) -> None:
    made = after(DDL)
    with pytest.raises(ProgrammingError) as caught:
        after(sql, made)
    assert caught.value.sqlstate == state
    assert words in str(caught.value)


def test_a_type_goes_once_nothing_uses_it() -> None:
    made = after("drop table t; drop type mood", after(DDL))
    assert list(made.types) == ["Empty"]
    assert after("drop type if exists gone", made) is made
    assert made.version == 5


def test_a_default_of_another_type_holds_a_type_too() -> None:
    made = after("create type m as enum ('a'); create table t (a text default 'a'::public.m::text)")
    with pytest.raises(ProgrammingError, match="default value for column a of table t depends on type m"):
        after("drop type m", made)


def test_a_statement_with_a_type_that_changed_since_is_refused() -> None:
    first = after("create type m as enum ('a')")
    statements = parse_ddl("create table t (a m[])", first.types)
    changed = after("drop type m; create type m as enum ('b')", first)
    with pytest.raises(ProgrammingError, match='type "m" does not exist'):
        changed.with_all(statements)


def test_dictionaries_print_and_travel_with_their_types() -> None:
    made = after(DDL)
    assert made.to_sql().startswith(
        "CREATE TYPE \"Empty\" AS ENUM ();\n\nCREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine');\n\nCREATE TABLE t ("
    )
    back = after(made.to_sql())
    assert (back.digest(), back.types, back.tables) == (made.digest(), made.types, made.tables)
    assert dictionary_from_wire(unpack(pack(dictionary_to_wire(made)))) == made


def test_differences_name_types() -> None:
    mine = after("create type a as enum ('x'); create type b as enum ('y')")
    theirs = after("create type a as enum ('x', 'z')")
    assert mine.difference(theirs) == [
        "type a: CREATE TYPE a AS ENUM ('x') on this side, CREATE TYPE a AS ENUM ('x', 'z') on the other",
        "type b: only on this side",
    ]


def test_names_resolve_with_the_dictionary_s_types() -> None:
    types = after(DDL).types
    assert parse_type("mood", types) is types["mood"]
    assert parse_type('public."Empty"[]', types) == array_of(types["Empty"])
    with pytest.raises(ProgrammingError):
        parse_type("pg_catalog.mood", types)
    with pytest.raises(NotSupportedError):
        parse_type("app.mood", types)
