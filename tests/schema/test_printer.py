"""What is printed reads back as the same, whatever the names, types, constraints and kinds."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exdbsql.schema import types as t
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.ddl_statements import CreateIndex, CreateTable
from exdbsql.schema.dictionary import Check, Column, Dictionary, IndexColumn, IndexDef, Table, TableKind, UniqueKey
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import check_expression, default_expression
from exdbsql.schema.files import load_schema
from exdbsql.schema.identifiers import quote_name, quote_text
from exdbsql.schema.printer import create_table_sql
from exdbsql.schema.types import SqlType

NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "t", "t_a_key", "t_pkey", "select", "local", "distributed", "Mixed", "a b", 'q"q', "ä", "x;y", "--"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
TYPES = st.sampled_from(
    [t.INTEGER, t.TEXT, t.varchar(9), t.char(2), t.numeric(5, 2), t.numeric(3, -1), t.DOUBLE, t.TIMESTAMPTZ,
     t.TIME, SqlType("timestamp without time zone", precision=0), t.BOOLEAN, t.UUID, t.BYTEA, t.INTERVAL, t.JSONB, t.array_of(t.varchar(3)), SqlType("interval", precision=1)]
)  # fmt: skip
OPTIONAL_NAMES = st.one_of(st.just(""), NAMES)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table as a parser would give it, with expressions in canonical form."""
    table_name = draw(NAMES)
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    timings = st.sampled_from([(False, False), (True, False), (True, True)])
    keys = st.builds(
        lambda name, columns, timing, nulls: UniqueKey(name, tuple(columns), *timing, nulls_not_distinct=nulls),
        OPTIONAL_NAMES,
        st.lists(st.sampled_from(names), min_size=1, unique=True),
        timings,
        st.booleans(),
    )
    primary = draw(st.none() | keys.map(lambda key: replace(key, nulls_not_distinct=False)))
    uniques = draw(st.lists(keys, max_size=2))
    if primary is not None and primary.deferrable:
        uniques.insert(0, replace(primary, is_primary=True))
        primary = None

    def column(name: str) -> Column:
        sql_type = draw(TYPES)
        text = draw(st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5))
        default = None if text is None else default_expression(f"CAST({quote_text(text)} AS TEXT)", sql_type)
        return Column(name, sql_type, draw(st.booleans()), default)

    def check(name: str) -> Check:
        operand = quote_name(draw(st.sampled_from(names)))
        shape = draw(st.sampled_from(["({0} > 1)", "{0} IS NOT NULL", "lower({0}) LIKE 'x;%'", "1 < 2 OR {0} = 3"]))
        return Check(name, check_expression(shape.format(operand), table_name, names))

    return Table(
        id=0,
        name=table_name,
        kind=draw(st.sampled_from(TableKind)),
        columns=tuple(column(name) for name in names),
        primary_key=primary,
        uniques=tuple(uniques),
        checks=tuple(check(name) for name in draw(st.lists(OPTIONAL_NAMES, max_size=2))),
    )


@st.composite
def indexes(draw: st.DrawFn, table: Table) -> IndexDef:
    """An index on some columns, and on an expression, perhaps partial."""
    columns = [IndexColumn(c.name, draw(st.booleans()), None, draw(st.booleans())) for c in table.columns[:2]]
    name = quote_name(table.columns[-1].name)
    if draw(st.booleans()):
        shape = draw(st.sampled_from(["lower({0})", "({0} || 'x') || {0}", "{0} -> 'a'", "coalesce({0}, 1)"]))
        text = check_expression(shape.format(name), table.name, table.column_names)
        columns.append(IndexColumn("", draw(st.booleans()), text, draw(st.booleans())))
    where = draw(st.none() | st.just(check_expression(f"{name} IS NOT NULL AND NOT {name} = 3", table.name, None)))
    included = draw(st.sampled_from([(), table.column_names[:1]]))
    return IndexDef(
        draw(OPTIONAL_NAMES), table.name, tuple(columns), draw(st.booleans()), where, included, draw(st.booleans())
    )


@st.composite
def dictionaries(draw: st.DrawFn) -> Dictionary:
    """A dictionary made by statements, of which those that it refuses are left out."""
    made = Dictionary()
    for table in draw(st.lists(tables(), max_size=3)):
        try:
            made = made.with_ddl(CreateTable(table))
        except ProgrammingError:
            continue
        try:
            made = made.with_ddl(CreateIndex(draw(indexes(table))))
        except ProgrammingError:
            continue
    return made


@settings(max_examples=60, deadline=None)
@given(dictionaries())
def test_printing_and_parsing_give_the_same_dictionary(made: Dictionary) -> None:
    text = made.to_sql()
    back = Dictionary().with_all(parse_ddl(text))
    assert made.difference(back) == []
    assert back.tables.keys() == made.tables.keys()
    assert back.indexes == made.indexes
    assert (back.to_sql(), back.digest()) == (text, made.digest())


@given(NAMES)
def test_quoted_names_read_back(name: str) -> None:
    assume(len(name.encode()) <= 63)
    (stmt,) = parse_ddl(f"create table {quote_name(name)} ({quote_name(name)} int)")
    assert isinstance(stmt, CreateTable)
    assert (stmt.table.name, stmt.table.column_names) == (name, (name,))


def test_the_canonical_form() -> None:
    made = Dictionary().with_all(
        parse_ddl("""
            create table T (ID int primary key, "Who" varchar(9) default 'x' not null unique, check ((id > 0)),
                            constraint big check (id < 99)) local;
            create unique index on t ("Who" desc, id)""")
    )
    assert create_table_sql(made.tables["t"], made.indexes_of("t")) == (
        "CREATE LOCAL TABLE t (\n"
        "    id integer,\n"
        "    \"Who\" character varying(9) DEFAULT 'x' NOT NULL,\n"
        "    PRIMARY KEY (id),\n"
        '    UNIQUE ("Who"),\n'
        "    CHECK (id > 0),\n"
        "    CONSTRAINT big CHECK (id < 99)\n"
        ");\n"
        'CREATE UNIQUE INDEX "t_Who_id_idx" ON t ("Who" DESC, id);'
    )


def test_a_table_called_if_reads_back() -> None:
    """Unquoted it would begin IF NOT EXISTS."""
    dictionary = load_schema('CREATE TABLE "if" (a integer);')
    assert load_schema(dictionary.to_sql()).digest() == dictionary.digest()
