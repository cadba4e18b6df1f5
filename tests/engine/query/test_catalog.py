"""The catalog answers what tools ask: the statements of SQLAlchemy's reflection and of psql's ``\\d`` commands, as they send them."""

from pathlib import Path
from typing import Any

import pytest

import exdbsql
from exdbsql.schema.array import Array

QUERIES = [
    text.strip()
    for text in (Path(__file__).parent / "catalog_queries.sql").read_text(encoding="utf-8").split("\n;\n")
    if text.strip()
]
DEFINITIONS = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE p (id integer PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'x' UNIQUE, n numeric(8, 2) CHECK (n > 0), f mood);
COMMENT ON TABLE p IS 'the p';
COMMENT ON COLUMN p.name IS 'the name';
CREATE TABLE q (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  p_id integer REFERENCES p (id) ON DELETE CASCADE,
  g integer GENERATED ALWAYS AS (p_id * 2) STORED,
  tags text[]
);
CREATE INDEX q_p ON q (p_id DESC) WHERE p_id > 0;
CREATE VIEW v AS SELECT id, name FROM p;
CREATE SEQUENCE s
"""


@pytest.fixture(scope="module")
def con() -> Any:
    made = exdbsql.connect()
    made.autocommit = True
    for statement in DEFINITIONS.split(";"):
        made.execute(statement)
    return made


def rows(con: Any, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_tool_s_query_runs(con: Any, number: int) -> None:
    oids = dict(rows(con, "SELECT relname, oid FROM pg_class WHERE relname IN ('p', 'q')"))
    sql = QUERIES[number].replace("{p}", str(oids["p"])).replace("{q}", str(oids["q"]))
    rows(con, sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SELECT relname, relkind FROM pg_class WHERE relkind <> 'i' ORDER BY 1",
            [("p", "r"), ("q", "r"), ("q_id_seq", "S"), ("s", "S"), ("v", "v")],
        ),
        (
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = 'p'::regclass ORDER BY attnum",
            [
                ("id", "integer", True),
                ("name", "character varying(20)", True),
                ("n", "numeric(8,2)", False),
                ("f", "mood", False),
            ],
        ),
        (
            "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'q'::regclass ORDER BY 1",
            [
                ("q_p_id_fkey", "f", "FOREIGN KEY (p_id) REFERENCES p(id) ON DELETE CASCADE"),
                ("q_pkey", "p", "PRIMARY KEY (id)"),
            ],
        ),
        (
            "SELECT pg_get_indexdef('q_p'::regclass)",
            [("CREATE INDEX q_p ON public.q USING btree (p_id DESC) WHERE p_id > 0",)],
        ),
        ("SELECT pg_get_indexdef('q_p'::regclass, 1, true)", [("p_id",)]),
        ("SELECT pg_get_viewdef('v'::regclass), obj_description('p'::regclass)", [("SELECT id, name FROM p", "the p")]),
        ("SELECT col_description('p'::regclass, 2), col_description('p'::regclass, 1)", [("the name", None)]),
        ("SELECT enumlabel FROM pg_enum ORDER BY enumsortorder", [("sad",), ("ok",)]),
        ("SELECT 'p'::regclass::text, 'public.q'::regclass = 'q'::regclass, to_regclass('nope')", [("p", True, None)]),
        ("SELECT oid::regclass FROM pg_class WHERE relname = 'v'", [("v",)]),
        ("SELECT pg_get_serial_sequence('q', 'id'), has_table_privilege('q', 'SELECT')", [("public.q_id_seq", True)]),
        ("SELECT indkey, indisprimary FROM pg_index WHERE indexrelid = 'q_p'::regclass", [([2], False)]),
        ("SELECT sequencename, data_type FROM pg_sequences ORDER BY 1", [("q_id_seq", "bigint"), ("s", "bigint")]),
        ("SELECT setting FROM pg_settings WHERE name = 'TimeZone'", [("UTC",)]),
        ("SELECT current_setting('server_version_num')::integer >= 150000, 23::regtype", [(True, "integer")]),
        (
            "SELECT attname, count(*) FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid WHERE pg_catalog.pg_class.relname = 'v' GROUP BY attname ORDER BY 1",
            [("id", 1), ("name", 1)],
        ),
    ],
)
def test_rows(con: Any, sql: str, expected: list[tuple[Any, ...]]) -> None:
    assert [tuple(list(v) if isinstance(v, Array) else v for v in row) for row in rows(con, sql)] == expected


@pytest.mark.parametrize(
    ("sql", "state"),
    [
        ("SELECT 'nope'::regclass", "42P01"),
        ("SELECT 'nope'::regnamespace", "3F000"),
        ("SELECT current_setting('nope')", "42704"),
        ("SELECT 1.5::regclass", "42846"),
        ("SELECT * FROM pg_nope", "42P01"),
    ],
)
def test_errors(con: Any, sql: str, state: str) -> None:
    with pytest.raises(exdbsql.Error) as caught:
        rows(con, sql)
    assert caught.value.sqlstate == state
