"""The dictionary: what each statement makes of it, what it refuses, and what two of them can be asked."""

import pytest

from exdbsql.schema.codec import pack, unpack
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.ddl_statements import CreateIndex, CreateTable
from exdbsql.schema.dictionary import (
    Column,
    Dictionary,
    IndexDef,
    Table,
    TableKind,
    UniqueKey,
    dictionary_from_wire,
    dictionary_to_wire,
)
from exdbsql.schema.errors import ProgrammingError, ProtocolError
from exdbsql.schema.types import INTEGER


def after(sql: str, start: Dictionary | None = None) -> Dictionary:
    """The dictionary after the statements of `sql`."""
    return (start or Dictionary()).with_all(parse_ddl(sql))


def test_names_that_are_chosen_are_those_of_postgresql() -> None:
    made = after("""
        create table t (a int primary key, b int unique check (b > 0), c int check (c > b), unique (b, c),
                        check (b < 9), check (1 < 2), check (1 < 3), unique (b));
        create index on t (b); create index on t (b); create index on t (b, c);
        create table t_b_idx2 (a int); create unique index on t (b desc);
    """)
    table = made.tables["t"]
    assert [key.name for key in table.unique_keys] == ["t_pkey", "t_b_key", "t_b_c_key", "t_b_key1"]
    assert [check.name for check in table.checks] == ["t_b_check", "t_check", "t_b_check1", "t_check1", "t_check2"]
    assert list(made.indexes) == ["t_b_idx", "t_b_idx1", "t_b_c_idx", "t_b_idx3"]


def test_long_chosen_names_are_shortened_to_63_bytes() -> None:
    made = after(f"create table {'t' * 60} ({'é' * 30} int unique)")
    (key,) = made.tables["t" * 60].uniques
    assert len(key.name.encode()) <= 63
    assert key.name.startswith("ttt")
    assert key.name.endswith("_key")


def test_ids_are_never_used_again() -> None:
    first = after("create table t (a int); create table u (a int)")
    second = after("drop table t; create table t (a int)", first)
    assert [first.tables[name].id for name in "tu"] == [1, 2]
    assert [second.tables[name].id for name in "ut"] == [2, 3]
    assert second.table_by_id(1) is None
    assert second.table_by_id(3) is second.tables["t"]
    assert first.digest() == second.digest()


def test_versions_grow_with_every_change_only() -> None:
    made = after("create table t (a int)")
    assert made.version == 1
    assert after("create table if not exists t (b text)", made) is made
    assert after("drop table if exists u; drop index if exists i", made) is made
    indexed = after("create index i on t (a)", made)
    assert after("create index if not exists i on t (a)", indexed) is indexed
    assert indexed.version == 2


def test_a_dropped_table_takes_its_indexes_along() -> None:
    made = after("create table t (a int); create table u (a int); create index i on t (a); create index j on u (a)")
    assert list(after("drop table t", made).indexes) == ["j"]
    assert [index.name for index in made.indexes_of("t")] == ["i"]
    assert after("drop index i, j", made).indexes == {}


def test_the_old_value_does_not_change() -> None:
    made = after("create table t (a int)")
    after("drop table t", made)
    assert list(made.tables) == ["t"]
    with pytest.raises(TypeError):
        made.tables["u"] = made.tables["t"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("sql", "state", "words"),
    [
        ("create table t (b int)", "42P07", 'relation "t" already exists'),
        ("create table i (b int)", "42P07", 'relation "i" already exists'),
        ("create table t_pkey (b int)", "42P07", 'relation "t_pkey" already exists'),
        ("create table u (b int constraint t_pkey primary key)", "42P07", "t_pkey"),
        ("create table u (b int constraint u unique)", "42P07", '"u"'),
        ("create index t on t (a)", "42P07", 'relation "t" already exists'),
        ("create index on nope (a)", "42P01", 'relation "nope" does not exist'),
        ("create index on t (nope)", "42703", 'column "nope" named in key does not exist'),
        ("drop table nope", "42P01", 'relation "nope" does not exist'),
        ("drop table i", "42809", '"i" is not a table'),
        ("drop index nope", "42704", 'index "nope" does not exist'),
        ("drop index t", "42809", '"t" is not an index'),
        ("drop index t_pkey", "2BP01", "constraint t_pkey on table t requires it"),
        ("drop index if exists t_pkey", "2BP01", "requires it"),
    ],
)
def test_what_a_dictionary_refuses(sql: str, state: str, words: str) -> None:
    made = after("create table t (a int primary key); create index i on t (a)")
    with pytest.raises(ProgrammingError) as caught:
        after(sql, made)
    assert caught.value.sqlstate == state
    assert words in caught.value.message


def test_misspelt_names_get_a_hint() -> None:
    made = after("create table customers (a int); create index by_name on customers (a)")
    for sql, hint in [("drop table custmers", "customers"), ("drop index by_nam", "by_name")]:
        with pytest.raises(ProgrammingError) as caught:
            after(sql, made)
        assert caught.value.hint == f'did you mean "{hint}"?'
    with pytest.raises(ProgrammingError, match=r'relation "customer" does not exist\nHINT: did you mean "customers"'):
        made.table("customer")


def test_definitions_that_did_not_come_from_text_are_checked_too() -> None:
    column = Column("a", INTEGER)
    wrong = [
        CreateTable(Table(0, "t", TableKind.LOCAL, ())),
        CreateTable(Table(0, "", TableKind.LOCAL, (column,))),
        CreateTable(Table(0, "t", TableKind.LOCAL, (column, column))),
        CreateTable(Table(0, "t", TableKind.LOCAL, (column,), UniqueKey("", ("b",)))),
        CreateTable(Table(0, "t", TableKind.LOCAL, (column,), UniqueKey("", ()))),
        CreateTable(Table(0, "t", TableKind.LOCAL, (column,), UniqueKey("k", ("a",)), (UniqueKey("k", ("a",)),))),
        CreateIndex(IndexDef("i", "t", ())),
    ]
    for stmt in wrong:
        with pytest.raises(ProgrammingError):
            after("create table if not exists u (a int)").with_ddl(stmt)
    good = Dictionary().with_ddl(CreateTable(Table(0, "t", TableKind.LOCAL, (column,), UniqueKey("", ("a",)))))
    assert good.tables["t"].columns[0].not_null


def test_helpers_of_a_table() -> None:
    table = after("create table t (a int, b text, c date, primary key (c, a))").tables["t"]
    assert (table.column_index("b"), table.key_positions) == (1, (2, 0))
    assert table.column("b").type is table.column_types[1]
    assert table.has_column("c")
    assert not table.has_column("d")
    with pytest.raises(KeyError):
        table.column_index("d")


def test_a_dictionary_travels_with_ids_and_version() -> None:
    made = after("""
        create distributed table "T" (a int primary key, b varchar(3) default 'x' not null unique check (b <> 'y'));
        create table u (a numeric(5,2)); drop table u; create local table v (at timestamp(3) with time zone);
        create unique index i on v (at desc);
    """)
    assert dictionary_from_wire(unpack(pack(dictionary_to_wire(made)))) == made


@pytest.mark.parametrize(
    "garbage", [None, 1, [], {}, {"version": 1, "next_table_id": 1, "tables": [[1, 2]], "indexes": []},
                {"version": "x", "next_table_id": 1, "tables": [], "indexes": []},
                {"version": 1, "next_table_id": 1, "tables": [[1, "t", "ODD", [], None, [], []]], "indexes": []},
                {"version": 1, "next_table_id": 1, "tables": [[1, "t", "LOCAL", [["a", "odd", 0, None]], None, [], []]],
                 "indexes": []}],
)  # fmt: skip
def test_what_is_no_dictionary_is_refused(garbage: object) -> None:
    with pytest.raises(ProtocolError, match="no dictionary"):
        dictionary_from_wire(garbage)


def test_differences_are_told_in_lines() -> None:
    mine = after("""
        create table a (x int primary key, y text); create table only_mine (x int); create index i on a (y);
        create table k (x int); create table o (x int, y int); create table c (x int check (x > 0))""")
    theirs = after("""
        create table a (x bigint, y text default 'z' not null, z date); create index i on a (y desc);
        create local table k (x int); create table o (y int, x int); create table c (x int check (x > 1));
        create index j on a (y)""")
    assert mine.difference(theirs) == [
        "table a: column x: integer not null on this side, bigint on the other",
        "table a: column y: text on this side, text default 'z' not null on the other",
        "table a: column z: only on the other side",
        "table a: primary key a_pkey (x) on this side, none on the other",
        "table c: constraint c_x_check: CHECK (x > 0) on this side, CHECK (x > 1) on the other",
        "table k: REPLICATED on this side, LOCAL on the other",
        "table o: columns are in another order",
        "table only_mine: only on this side",
        "index i: CREATE INDEX i ON a (y) on this side, CREATE INDEX i ON a (y DESC) on the other",
        "index j: only on the other side",
    ]
    assert mine.difference(after(mine.to_sql())) == []
