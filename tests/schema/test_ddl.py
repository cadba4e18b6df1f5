"""DDL text to statements: what is taken, and what is refused, where, and how it is named."""

from dataclasses import replace

import pytest

from exdbsql.schema import types as t
from exdbsql.schema.ddl import CreateIndex, CreateTable, DropIndex, DropTable, is_ddl, parse_ddl
from exdbsql.schema.dictionary import Check, Column, IndexColumn, IndexDef, Table, TableKind, UniqueKey
from exdbsql.schema.errors import DatabaseError, NotSupportedError
from exdbsql.schema.statements import first_keywords


def table_of(sql: str) -> Table:
    """The table of the only statement of `sql`."""
    (statement,) = parse_ddl(sql)
    assert isinstance(statement, CreateTable)
    return statement.table


def test_a_table_with_everything() -> None:
    made = table_of("""
        create table Orders (
            id bigint primary key,
            "Who" varchar(20) not null default 'x;y',
            total numeric(10,2) default 0 constraint sane check (TOTAL >= 0),
            at timestamptz default now() null,
            unique ("Who", at),
            constraint only_one unique (total),
            check (id > 0 or orders.total is null)
        )""")
    assert made == Table(
        id=0,
        name="orders",
        kind=TableKind.REPLICATED,
        columns=(
            Column("id", t.BIGINT, not_null=True),
            Column("Who", t.varchar(20), not_null=True, default="'x;y'"),
            Column("total", t.numeric(10, 2), default="0"),
            Column("at", t.TIMESTAMPTZ, default="now()"),
        ),
        primary_key=UniqueKey("", ("id",)),
        uniques=(UniqueKey("", ("Who", "at")), UniqueKey("only_one", ("total",))),
        checks=(Check("sane", "total >= 0"), Check("", "id > 0 OR total IS NULL")),
    )


@pytest.mark.parametrize("kind", list(TableKind))
def test_both_spellings_of_every_kind(kind: TableKind) -> None:
    word = kind.value.lower()
    assert table_of(f"create {word} table t (a int)").kind is kind
    assert table_of(f"CREATE TABLE t (a int) {word}").kind is kind
    assert table_of(f"create /* x */ {kind.value} -- y\n table t (a int);").kind is kind
    assert table_of(f"create {word} table if not exists t (a int)").kind is kind


def test_a_table_is_replicated_unless_said() -> None:
    assert table_of("create table t (a int)").kind is TableKind.REPLICATED


@pytest.mark.parametrize("word", ["local", "distributed", "replicated"])
def test_the_words_of_kinds_are_free_as_names_and_in_texts(word: str) -> None:
    made = table_of(
        f"create table {word} (a int /* {word} */, {word} text default ') {word}', \"{word} x\" int, check (a > 0)) -- {word}"
    )
    assert made.kind is TableKind.REPLICATED
    assert made.name == word
    assert made.column_names == ("a", word, f"{word} x")
    assert made.column(word).default == f"') {word}'"
    assert table_of(f"create local table {word} ({word} int)").kind is TableKind.LOCAL


def test_names_fold_unless_quoted() -> None:
    made = table_of('create table Public.MixedCase (A int, "B" int, "select" int, ÄB int)')
    assert made.name == "mixedcase"
    assert made.column_names == ("a", "B", "select", "Äb")


def test_null_as_a_default_is_no_default() -> None:
    assert table_of("create table t (a int default null)").columns == (Column("a", t.INTEGER),)


def test_a_default_ends_where_the_next_constraint_begins() -> None:
    made = table_of(
        "create table t (a int default case when not true then 1 else 2 end not null, b int default (1 + 2) unique,"
        " c boolean default 1 is not distinct from 2 check (c), d int not null default -5 primary key)"
    )
    defaults = ["CASE WHEN NOT TRUE THEN 1 ELSE 2 END", "1 + 2", "1 IS NOT DISTINCT FROM 2", "-5"]
    assert [column.default for column in made.columns] == defaults
    assert [column.not_null for column in made.columns] == [True, False, False, True]


def test_the_other_statements() -> None:
    assert parse_ddl("""
        create index on t (a);
        create unique index if not exists i on public.t using btree (a desc nulls first, "B" asc nulls last);
        drop table if exists t, u cascade;
        drop index i, j restrict;
    """) == [
        CreateIndex(IndexDef("", "t", (IndexColumn("a"),))),
        CreateIndex(
            IndexDef("i", "t", (IndexColumn("a", descending=True), IndexColumn("B")), unique=True), if_not_exists=True
        ),
        DropTable(("t", "u"), if_exists=True, cascade=True),
        DropIndex(("i", "j")),
    ]


def test_accepted_words_that_change_nothing() -> None:
    plain = table_of("create table t (a int primary key)")
    assert table_of("create table t (a int primary key not deferrable initially immediate)") == plain
    assert table_of("create table t (a int, primary key (a) not deferrable)") == replace(plain)


# Statement, with the place of the mistake marked by ^ before it; SQLSTATE; words of the message and hint.
MISTAKES = [
    ("create table t (a int check (a > 0) ^deferrable)", "42601", "misplaced DEFERRABLE clause"),
    ("create table t (a int, check (a > 0) ^not deferrable)", "42601", "misplaced NOT DEFERRABLE clause"),
    ("create table t (a int unique not deferrable ^initially deferred)", "42601", "must be DEFERRABLE"),
    ("create table t (a int, ^a int)", "42701", 'column "a" specified more than once'),
    ("create table t (a int, primary key (^b))", "42703", 'column "b" named in key does not exist'),
    ("create table t (name int, unique (^nam))", "42703", 'did you mean "name"?'),
    ("create table t (a int, unique (a, ^a))", "42701", "twice"),
    ("create table t (a ^intger)", "42704", 'did you mean "integer"?'),
    ("create table t (a varchar(^0))", "22023", "between 1 and"),
    ("create table t (a int default ^'abc')", "22P02", 'invalid input syntax for type integer: "abc"'),
    ("create table t (a varchar(2) default ^'abc')", "22001", "too long"),
    ("create table t (a int default 1 ^2)", "42601", 'at or near "2"'),
    ("create table t (a int default 1 ^default 2)", "42601", "multiple default values"),
    ("create table t (a int default ^)", "42601", "Expected an expression"),
    ("create table t (amount int check (^amont > 0))", "42703", 'did you mean "amount"?'),
    ("create table t (a int check (a ^> ))", "42601", "syntax error"),
    ("create table t (a int check (a > 0 ^b))", "42601", "not a single expression"),
    ("create table t (a int check (^))", "42601", "an expression is missing"),
    ("create table t (a int check (^x.a > 0))", "42P01", 'missing FROM-clause entry for table "x"'),
    ("create table t (a int check (^count(a) > 0))", "42803", "aggregate functions are not allowed"),
    ("create table t (a int check (a > $^1))", "42P02", "parameters are not allowed"),
    ("create table t (a int,^)", "42601", "Expected a name of a column"),
    ("create table t (^)", "42P16", "at least one column"),
    ("create table t (a int^", "42601", "syntax error at end of input"),
    ("create table ^select (a int)", "42601", 'must be quoted: "select"'),
    ("create local ^view v", "42601", "Expected TABLE"),
    ("create local table t (a int) ^local", "42601", "kind of the table is given twice"),
    ("create table t (a int) ^foo", "42601", 'at or near "foo"'),
    ("create table t (a int not null ^null)", "42601", "conflicting NULL/NOT NULL"),
    ("create table t (a int null ^primary key)", "42601", "conflicting NULL/NOT NULL"),
    ("create table t (a int primary key, b int ^primary key)", "42P16", "multiple primary keys"),
    ("create table t (a int ^auto_increment)", "42601", "from your program"),
    ("create table t (a int, constraint c check (a>0), constraint ^c unique (a))", "42710", "already exists"),
    ("create table t (a int default ^'x", "42601", "unterminated quoted string"),
    ("create index on t (a, ^a)", "42701", "twice"),
    ("create index ^(a)", "42601", "Expected a name of an index"),
    ("drop table^", "42601", "end of input"),
    ("drop table t ^u", "42601", 'at or near "u"'),
    ("^select 1", "42601", "Only CREATE TABLE"),
    ("create table t (a int); ^select 1", "42601", "Only CREATE TABLE"),
    (f"create table ^{'x' * 64} (a int)", "42622", "longer than 63 bytes"),
]

UNSUPPORTED = [
    ("create table t (a text ^collate \"C\")", "COLLATE"),
    ("create table t (a int, ^exclude using gist (a with =))", "an EXCLUDE constraint"),
    ("create table t (^like u)", "LIKE"),
    ("create table t (a int default ^b)", "a column reference in a DEFAULT"),
    ("create table t (a int check (a in (select ^1)))", "a subquery in check constraints"),
    ("create ^unlogged table t (a int)", "CREATE UNLOGGED TABLE"),
    ("create table t (a int) ^partition by range (a)", "PARTITION BY"),
    ("create table t (a int) ^inherits (u)", "INHERITS"),
    ("create table t (a int) ^with (fillfactor = 10)", "WITH (...)"),
    ("create table ^app.t (a int)", "a schema other than public"),
    ("create index i on t (a ^text_ops)", "operator class"),
    ("create index i on t using ^gin (a)", "this index method"),
    ("create index ^concurrently i on t (a)", "CONCURRENTLY"),
    ("^create or replace function f()", "CREATE FUNCTION"),
    ("^create materialized view v", "CREATE VIEW"),
    ("^drop schema s", "DROP SCHEMA"),
    ("^truncate t", "TRUNCATE"),
]  # fmt: skip


def refused(marked: str) -> DatabaseError:
    """The error for the text without the mark, after checking that it points at the mark."""
    position, sql = marked.index("^"), marked.replace("^", "", 1)
    with pytest.raises(DatabaseError) as caught:
        parse_ddl(sql)
    assert (caught.value.position, caught.value.statement) == (position, sql)
    return caught.value


@pytest.mark.parametrize(("marked", "state", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_place(marked: str, state: str, words: str) -> None:
    problem = refused(marked)
    assert problem.sqlstate == state
    assert words in str(problem)


@pytest.mark.parametrize(("marked", "what"), UNSUPPORTED)
def test_what_we_lack_is_refused_by_name(marked: str, what: str) -> None:
    problem = refused(marked)
    assert isinstance(problem, NotSupportedError)
    assert what in problem.message


def test_is_ddl() -> None:
    assert is_ddl(first_keywords("create local table t (a int)"))
    assert is_ddl(first_keywords("drop index i"))
    assert not is_ddl(first_keywords("select 1"))
    assert not is_ddl(())
