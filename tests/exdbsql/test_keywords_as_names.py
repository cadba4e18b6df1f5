"""A keyword of PostgreSQL names tables, columns and outputs wherever PostgreSQL lets it.

``postgresql_keywords.txt`` is what ``pg_get_keywords()`` gives: a word, its category (U: not reserved; C: not reserved, but for functions and
types; T: reserved, but for functions and types; R: reserved), and whether it names an output without AS. In the statements, ``W`` is the word.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

import exdbsql
from exdbsql.engine.query.parse import parse_statement
from exdbsql.schema.identifiers import RESERVED_WORDS, quote_name

KEYWORDS = [line.split() for line in (Path(__file__).parent / "postgresql_keywords.txt").read_text().splitlines()]
NAMES = [word for word, category, _ in KEYWORDS if category in "UC"]
LABELS = [word for word, _, label in KEYWORDS]
BARE_LABELS = [word for word, _, label in KEYWORDS if label == "bare"]
PARTS = 8
PLAIN = "plain_name"

CREATED = """
CREATE TABLE W (W int PRIMARY KEY, v int DEFAULT 1 CHECK (W IS NOT NULL), CHECK (W > 0 OR W + 1 < 3), g int GENERATED ALWAYS AS (W * 2) STORED)
CREATE INDEX ON W ((W + 1), W) WHERE W IS NOT NULL
"""
USED = """
INSERT INTO W (W, v) VALUES (1, 2)
INSERT INTO W AS W (v, W) SELECT v, W + 1 FROM W WHERE W = 1 ON CONFLICT (W) DO UPDATE SET W = W.W, v = excluded.W WHERE W.W > 0 RETURNING W, W.v AS W
SELECT W, -W, W + W, W::text, W.W, (W), (W, W) = (W, W), (ARRAY[W])[1], W IN (W), W BETWEEN W AND W, W IS NULL, NOT W = W FROM W WHERE W = 1
SELECT CASE W WHEN W THEN W ELSE W END, coalesce(W, W), W IS DISTINCT FROM W, cast(W AS text) FROM W WHERE W = 1 AND W IS NOT NULL OR W > 5 LIMIT 1
SELECT count(W) FILTER (WHERE W > 0) OVER (PARTITION BY W ORDER BY W), sum(W) OVER W FROM W WINDOW W AS (ORDER BY W) ORDER BY W.W, W + 1 DESC
SELECT v AS W, W.v FROM W AS W GROUP BY W, W.v HAVING W > 1
SELECT a.W, b.W, W FROM W a JOIN W AS b USING (W) LEFT JOIN (SELECT W AS k FROM W) W ON W.k = a.W WHERE a.W = 1
SELECT W FROM (VALUES (1)) W (W) CROSS JOIN LATERAL (SELECT W.W + 1 AS x) b
SELECT W.v FROM W W WHERE W.W = 1
WITH W AS (SELECT 1 AS W), x (W) AS (SELECT W FROM W) SELECT W FROM W UNION SELECT W FROM x ORDER BY W
WITH RECURSIVE W (W) AS (SELECT 1 UNION ALL SELECT W + 1 FROM W WHERE W < 3) SELECT W FROM W
UPDATE W SET W = W.W, v = x.W FROM W AS x WHERE x.W = W.W AND x.W = 1 RETURNING W.W
UPDATE W SET (W, v) = (W, W + 1) WHERE W = 1
MERGE INTO W USING (SELECT 1 AS W) x ON x.W = W.W WHEN MATCHED AND W.W > 0 THEN UPDATE SET v = W.W WHEN NOT MATCHED THEN INSERT (W, v) VALUES (x.W, 1)
SELECT W FROM W WHERE W = 1 FOR UPDATE OF W
DELETE FROM W USING W AS x WHERE W.W = x.W AND x.W = 2
"""
CHANGED = """
ALTER TABLE W RENAME COLUMN v TO v2
ALTER TABLE W ADD COLUMN c int, ADD CONSTRAINT W CHECK (W < 1000)
ALTER TABLE W ALTER COLUMN W SET DEFAULT 4
CREATE VIEW v AS SELECT W FROM W WHERE W > 0
SELECT * FROM v
DROP VIEW v
DELETE FROM W WHERE W = 1 RETURNING W
ALTER TABLE W RENAME COLUMN W TO d
DROP TABLE W
"""


def statements(template: str, word: str) -> list[str]:
    return [re.sub(r"\bW\b", word, line) for line in template.split("\n") if line]


def answers(script: list[str]) -> list[Any]:
    with exdbsql.connect() as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        given = []
        for statement in script:
            cursor.execute(statement)
            given.append(cursor.fetchall() if cursor.description else cursor.rowcount)
        return given


def tree(statement: str, word: str) -> str:
    """The tree of a statement without the word and without places."""
    root = parse_statement(statement).tree
    for node in root.walk():
        node.pop_comments()
        if isinstance(node, exp.Identifier):
            name = node.this.lstrip("\ue000").lower()
            node.set("this", PLAIN if name == word else name)
    return repr(root)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_statement_is_read_with_any_word_as_with_a_plain_name(part: int) -> None:
    plain = [tree(statement, PLAIN) for statement in statements(USED, PLAIN)]
    wrong = []
    for word in NAMES[part::PARTS]:
        for statement, expected in zip(statements(USED, word), plain, strict=True):
            try:
                if tree(statement, word) != expected:
                    wrong.append(statement)
            except exdbsql.Error as error:
                wrong.append(f"{statement}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", range(PARTS))
def test_any_word_names_tables_and_columns_of_definitions(part: int) -> None:
    script = [s for word in NAMES[part::PARTS] for s in statements(CREATED, word)]
    assert set(answers(script)) == {0}


def test_any_word_names_an_output() -> None:
    with exdbsql.connect() as connection:
        cursor = connection.cursor()
        for word in LABELS:
            cursor.execute(f"SELECT a.{word}, a.x AS {word} FROM (SELECT 1 AS {word}, 2 AS x) a")
            assert ([c[0] for c in cursor.description], cursor.fetchall()) == ([word, word], [(1, 2)])
        for word in BARE_LABELS:
            cursor.execute(f"SELECT a.x {word}, x {word} FROM (SELECT 1 {word}, 2 AS x) a WHERE a.x > 1")
            assert ([c[0] for c in cursor.description], cursor.fetchall()) == ([word, word], [(2, 2)])


HARD = [
    "abort",
    "begin",
    "between",
    "comment",
    "copy",
    "exclude",
    "explain",
    "if",
    "name",
    "date",
    "set",
    "show",
    "text",
    "timestamp",
    "values",
]


@pytest.mark.parametrize("word", HARD)
def test_statements_answer_the_same_with_any_word(word: str) -> None:
    assert answers(statements(CREATED + USED + CHANGED, word)) == answers(statements(CREATED + USED + CHANGED, PLAIN))


@pytest.mark.soak
@pytest.mark.parametrize("word", sorted({*NAMES} - {*HARD}))
def test_statements_answer_the_same_with_every_word(word: str) -> None:
    test_statements_answer_the_same_with_any_word(word)


def test_reserved_words_are_those_of_postgresql() -> None:
    assert {word for word, category, _ in KEYWORDS if category != "U"} == RESERVED_WORDS
    assert all((quote_name(word) == word) == (category == "U") for word, category, _ in KEYWORDS)


@pytest.mark.parametrize("word", [word for word, category, _ in KEYWORDS if category in "RT"])
def test_a_reserved_word_names_no_table_without_quotes(word: str) -> None:
    with exdbsql.connect() as connection, pytest.raises(exdbsql.ProgrammingError) as error:
        connection.execute(f"CREATE TABLE {word} (a int)")
    assert error.value.sqlstate == "42601"
