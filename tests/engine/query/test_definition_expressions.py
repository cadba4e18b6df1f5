"""An expression means in a definition what it means in a query, also after it was printed, renamed and read again."""

from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary

ROW = "(1, -7, 'Ab', '{\"k\": [1, 2], \"x\": null}', '{3,4,5}', '2024-02-29', 2.50, true)"
COLUMNS = '(id integer primary key, n integer, s text, j jsonb, a integer[], d date, m numeric(6,2), "Is it" boolean)'
EXPRESSIONS = [
    "n + 1 - -2", "-n % 3", "n / 2 * 1.5", "s || '-' || n", "upper(s) || lower(s)", "j -> 'k' -> 0", "j ->> 'k'", "j #>> '{k,1}'", "j ? 'x'",
    "j ?| array['z', 'k']", "j @> '{\"k\": [2]}'", "j - 'k'", "a[1] + a[2]", "a[2:3]", "a || 6", "array[n, id]", "array_length(a, 1)",
    "n::text || n::bigint", "cast(m as integer)", "m::numeric(3,1)", "case when n < 0 then 'neg' when n = 0 then 'zero' else s end",
    "case id when 1 then n end", "n in (1, -7)", "n not in (1, 2)", "n between -10 and -5", "s like 'A%'", "s ilike '_B'", "s similar to 'A(b|c)'",
    "s ~ '^A'", "s !~* '^a'", "n is null or s is not null", "n is distinct from id", "coalesce(nullif(n, -7), 5)", "greatest(n, id, 3)",
    "extract(year from d)", "d + 1", "d - date '2024-02-01'", "d + interval '1 month 2 days'", "interval '1' day * id", "date_trunc('month', d::timestamp)",
    "substring(s from 1 for 1)", "overlay(s placing 'x' from 1)", "position('b' in s)", "trim(both 'A' from s)", "E'\\t' || s", "$$it's$$ || s",
    "not \"Is it\"", "\"Is it\" is true and n < 0", "n = any (array[-7, 1])", "(n, s) = (-7, 'Ab')", "to_char(m, '9.99')", "md5(s)", "n & 3 | 4",
    "2 ^ id", "abs(n)", "regexp_replace(s, '(.)b', '\\1c')", "format('%s-%s', s, n)", "jsonb_build_object('n', n) -> 'n'", "left(s, 1)",
    "make_date(2020, 1, 2) < d", "t.n + t.id", "(((n)))", "n <> -7 /* a comment */ or true -- another\n",
]  # fmt: skip


def fresh() -> Database:
    return Database("test", Engine(Dictionary(), debug=True))


def test_generated_columns_give_what_a_query_gives() -> None:
    with fresh() as database:
        con = database.connect()
        con.autocommit = True
        con.execute(f"CREATE TABLE t {COLUMNS}")
        con.execute(f"INSERT INTO t VALUES {ROW}")
        expected = []
        for number, text in enumerate(EXPRESSIONS):
            (value,) = con.execute(f"SELECT {text} FROM t").fetchone()
            (kind,) = con.execute(f"SELECT pg_typeof({text}) FROM t").fetchone() if "--" not in text else ("boolean",)
            con.execute(f"ALTER TABLE t ADD g{number} {kind} GENERATED ALWAYS AS ({text}) STORED")
            expected.append(value)
        generated = ", ".join(f"g{number}" for number in range(len(EXPRESSIONS)))
        assert list(con.execute(f"SELECT {generated} FROM t").fetchone()) == expected
        for name in ("n", "s", "j", "a", "d", "m", "Is it"):
            con.execute(f'ALTER TABLE t RENAME "{name}" TO "New {name}"')
        con.execute('UPDATE t SET "New n" = 0')
        con.execute('UPDATE t SET "New n" = -7')
        assert list(con.execute(f"SELECT {generated} FROM t").fetchone()) == expected
        printed = database.dictionary.to_sql()
    made = Dictionary().with_all(parse_ddl(printed))
    assert made.to_sql() == printed
    with Database("again", Engine(made, debug=True)) as database:
        con = database.connect()
        con.execute(
            f'INSERT INTO t (id, "New n", "New s", "New j", "New a", "New d", "New m", "New Is it") VALUES {ROW}'
        )
        assert list(con.execute(f"SELECT {generated} FROM t").fetchone()) == expected


def test_checks_and_indexes_take_every_expression() -> None:
    with fresh() as database:
        con = database.connect()
        con.autocommit = True
        con.execute(f"CREATE TABLE t {COLUMNS}")
        for text in EXPRESSIONS:
            con.execute(f"ALTER TABLE t ADD CHECK (({text}) IS NOT NULL OR true)")
            con.execute(f"CREATE INDEX ON t (({text})) WHERE ({text}) IS NOT NULL")
        con.execute(f"INSERT INTO t VALUES {ROW}")
        assert con.execute("SELECT count(*) FROM t").fetchone() == (1,)
        assert len(database.dictionary.indexes) == len(EXPRESSIONS)
