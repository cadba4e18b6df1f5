"""Random queries, where SQLite and PostgreSQL mean the same, give the same rows here and in sqlite3."""

import random
import sqlite3
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DataError

SCHEMA = """
CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer NOT NULL, c text);
CREATE TABLE u (k integer PRIMARY KEY, t_id integer, d integer, e text NOT NULL);
CREATE TABLE w (x integer, y integer);
CREATE INDEX t_a ON t (a);
CREATE INDEX u_t ON u (t_id);
CREATE INDEX u_de ON u (d, e);
"""
COLUMNS = {"t": ("id", "a", "b"), "u": ("k", "t_id", "d"), "w": ("x", "y")}
TEXTS = {"t": ("c",), "u": ("e",), "w": ()}


class Pair:
    """The same tables in both."""

    def __init__(self, rng: random.Random, size: int) -> None:
        self.database = Database(Dictionary())
        self.planner = Planner(self.database)
        self.sqlite = sqlite3.connect(":memory:")
        for statement in parse_ddl(SCHEMA):
            self.database.execute_ddl(statement)
        self.sqlite.executescript(SCHEMA)

        def maybe(value: Any) -> Any:
            return None if rng.random() < 0.2 else value

        for i in range(size):
            self.both(
                "INSERT INTO t VALUES (?, ?, ?, ?)",
                (i, maybe(rng.randrange(6)), rng.randrange(4), maybe(rng.choice("xyz"))),
            )
            self.both(
                "INSERT INTO u VALUES (?, ?, ?, ?)",
                (i, maybe(rng.randrange(size)), maybe(rng.randrange(5)), rng.choice("xyz")),
            )
            self.both("INSERT INTO w VALUES (?, ?)", (maybe(rng.randrange(5)), maybe(rng.randrange(5))))

    def both(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, Any]:
        """Run it in both; rows as sorted text, or the counts."""
        bound = self.planner.prepare(sql)
        txn = self.database.begin()
        try:
            ours = bound.statement.run(txn, bound.bind(params))
            txn.commit()
        except BaseException:
            if txn.is_open:
                txn.rollback()
            raise
        cursor = self.sqlite.execute(sql, params)
        theirs = cursor.fetchall() if cursor.description else cursor.rowcount
        return ours, theirs


class Queries:
    """A generator of queries."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def number(self, tables: list[str], depth: int = 2) -> str:
        rng = self.rng
        if depth == 0 or rng.random() < 0.5:
            if rng.random() < 0.3:
                return str(rng.randrange(-3, 8))
            return self.column(tables)
        kind = rng.randrange(6)
        a, b = self.number(tables, depth - 1), self.number(tables, depth - 1)
        if kind < 3:
            return f"({a} {rng.choice('+-*')} {b})"
        if kind == 3:
            return f"coalesce({a}, {b})"
        if kind == 4:
            return f"CASE WHEN {self.condition(tables, depth - 1)} THEN {a} ELSE {b} END"
        return f"abs({a})"

    def column(self, tables: list[str]) -> str:
        alias = self.rng.choice(tables)
        return f"{alias}.{self.rng.choice(COLUMNS[alias[0]])}"

    def text(self, tables: list[str]) -> str:
        options = [f"{t}.{c}" for t in tables for c in TEXTS[t[0]]]
        return self.rng.choice([*options, "'y'"])

    def condition(self, tables: list[str], depth: int = 2) -> str:
        rng = self.rng
        kind = rng.randrange(12)
        if depth > 0 and kind < 3:
            op = rng.choice(["AND", "OR"])
            return f"({self.condition(tables, depth - 1)} {op} {self.condition(tables, depth - 1)})"
        if depth > 0 and kind == 3:
            return f"(NOT {self.condition(tables, depth - 1)})"
        if kind == 4:
            return f"({self.number(tables, 1)} IS {rng.choice(['', 'NOT '])}NULL)"
        if kind == 5:
            items = ", ".join(self.number(tables, 0) for _ in range(rng.randrange(1, 4)))
            return f"({self.number(tables, 1)} {rng.choice(['', 'NOT '])}IN ({items}))"
        if kind == 6:
            return f"({self.text(tables)} {rng.choice(['=', '<', '<>', '>='])} {self.text(tables)})"
        if kind == 7:
            return f"({self.number(tables, 0)} BETWEEN {self.number(tables, 0)} AND {self.number(tables, 1)})"
        if kind == 8 and depth > 0:
            return self.subquery(tables)
        return f"({self.number(tables, 1)} {rng.choice(['=', '=', '<', '<=', '>', '<>'])} {self.number(tables, 1)})"

    def subquery(self, tables: list[str]) -> str:
        rng = self.rng
        inner = rng.choice(["t", "u", "w"]) + "9"
        where = f"{self.column([inner])} = {self.column(tables)}"
        if rng.random() < 0.5:
            where += f" AND {self.condition([inner, *tables], 0)}"
        source = f"{inner[0]} AS {inner}"
        kind = rng.randrange(4)
        if kind == 0:
            return f"({rng.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {source} WHERE {where}))"
        if kind == 1:
            return f"({self.column(tables)} {rng.choice(['', 'NOT '])}IN (SELECT {self.column([inner])} FROM {source} WHERE {where}))"
        if kind == 2:
            return f"({self.column(tables)} {rng.choice(['', 'NOT '])}IN (SELECT {self.column([inner])} FROM {source}))"
        what = rng.choice(["count(*)", f"max({self.column([inner])})", f"sum({self.column([inner])})"])
        return f"({self.column(tables)} < (SELECT {what} FROM {source} WHERE {where}))"

    def source(self) -> tuple[str, list[str]]:
        rng = self.rng
        tables = [rng.choice("tuw") + "1"]
        text = f"{tables[0][0]} AS {tables[0]}"
        commas = rng.random() < 0.2  # mixed with JOIN, a comma has another precedence in SQLite
        for i in range(rng.choice([0, 0, 1, 1, 2])):
            alias = rng.choice("tuw") + str(i + 2)
            kind = "," if commas else rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])
            text += f" {kind} {alias[0]} AS {alias}" if kind != "," else f", {alias[0]} AS {alias}"
            if kind not in ("CROSS JOIN", ","):
                on = f"{self.column(tables)} = {self.column([alias])}"
                if rng.random() < 0.3:
                    on += f" AND {self.condition([*tables, alias], 0)}"
                text += f" ON {on}"
            tables.append(alias)
        return text, tables

    def select(self) -> str:
        rng = self.rng
        source, tables = self.source()
        where = f" WHERE {self.condition(tables)}" if rng.random() < 0.7 else ""
        if rng.random() < 0.4:
            key = self.column(tables)
            calls = [f"{f}({self.number(tables, 1)})" for f in rng.sample(["count", "sum", "min", "max"], 2)]
            having = f" HAVING count(*) > {rng.randrange(3)}" if rng.random() < 0.3 else ""
            return f"SELECT {key}, count(*), {', '.join(calls)} FROM {source}{where} GROUP BY {key}{having}"
        items = ", ".join(self.number(tables) for _ in range(rng.randrange(1, 4)))
        distinct = rng.choice(["", "", "DISTINCT "])
        return f"SELECT {distinct}{items} FROM {source}{where}"


def _sorted(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr(tuple(int(v) if isinstance(v, bool) else v for v in row)) for row in rows)


@pytest.mark.parametrize("seed", range(8))
def test_random_queries(seed: int) -> None:
    rng = random.Random(seed)
    pair = Pair(rng, 12)
    queries = Queries(rng)
    for _ in range(120):
        sql = queries.select()
        ours, theirs = pair.both(sql)
        assert _sorted(ours) == _sorted(theirs), sql


@pytest.mark.parametrize("seed", range(4))
def test_random_changes(seed: int) -> None:
    rng = random.Random(1000 + seed)
    pair = Pair(rng, 12)
    queries = Queries(rng)
    for _ in range(40):
        table = rng.choice("tuw")
        condition = queries.condition([table])
        column = {"t": "a", "u": "d", "w": "x"}[table]
        if rng.random() < 0.3:
            sql = f"DELETE FROM {table} WHERE {condition} AND {queries.condition([table], 0)}"
        else:
            sql = f"UPDATE {table} SET {column} = {queries.number([table], 1)} WHERE {condition}"
        try:
            ours, theirs = pair.both(sql)
        except DataError:
            continue
        assert ours == theirs, sql
        for name in "tuw":
            ours, theirs = pair.both(f"SELECT * FROM {name}")
            assert _sorted(ours) == _sorted(theirs), sql
