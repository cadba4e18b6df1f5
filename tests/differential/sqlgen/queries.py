"""Random queries: joins, subqueries of all kinds, groups, set operations, common tables, order and limits."""

from random import Random

from sqlgen.expressions import KINDS, Expressions, Sight, sight_of

NAMES = "tuvw"


class Queries(Expressions):
    """Makes queries."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._aliases = 0

    def alias(self, table: str) -> str:
        """A name not used in this query."""
        self._aliases += 1
        return f"{table}{self._aliases}"

    def query(self) -> str:
        """A whole query."""
        self._aliases = 0
        rng = self.rng
        kind = rng.randrange(14)
        if kind == 0:
            return self._set_operation()
        if kind == 1:
            return self._with_common_table()
        if kind > 11:
            return self._windowed()
        if kind < 5:
            return self._grouped()
        if kind < 7:
            return self._ordered()
        return self._plain()

    # FROM

    def relation(self, outer: Sight) -> tuple[str, Sight]:
        """A table or a subquery in FROM."""
        rng = self.rng
        table = rng.choice(NAMES)
        alias = self.alias(table)
        if rng.random() < 0.8:
            return f"{table} AS {alias}", sight_of(table, alias)
        inner = self.alias(table)
        sight = sight_of(table, inner)
        if rng.random() < 0.5:
            key = self.column(sight)
            text = f"SELECT {key} AS p, count(*) AS q, max({self.value(sight, 'int', 1)}) AS r FROM {table} AS {inner}"
            if rng.random() < 0.5:
                text += f" WHERE {self.condition(sight, 1)}"
            return f"({text} GROUP BY {key}) AS {alias}", {alias: _named(int=["p", "q", "r"])}
        distinct = rng.choice(("", "", "DISTINCT "))
        text = f"SELECT {distinct}{self.value(sight, 'int', 1)} AS p, {self.value(sight, 'text', 1)} AS q, {self.column(sight)} AS r"
        text += f" FROM {table} AS {inner}"
        if rng.random() < 0.7:
            text += f" WHERE {self.condition(sight, 1)}"
        return f"({text}) AS {alias}", {alias: _named(int=["p", "r"], text=["q"])}

    def source(self, most: int = 4) -> tuple[str, Sight]:
        """A FROM clause."""
        rng = self.rng
        text, sight = self.relation({})
        commas = rng.random() < 0.25  # mixed with JOIN, a comma has another precedence in SQLite
        conditions = []
        for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 2, 3)[: 2 * most])):
            right, seen = self.relation(sight)
            joined = {**sight, **seen}
            on = f"{self.column(sight)} = {self.column(seen)}"
            if rng.random() < 0.3:
                on += f" AND {self.condition(joined, 1)}"
            if commas:
                text += f", {right}"
                conditions.append(on)
            else:
                join = rng.choice(("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"))
                if join == "FULL JOIN":  # PostgreSQL has them for equalities alone
                    on = f"{self.column(sight)} = {self.column(seen)}"
                text += f" {join} {right}" + ("" if join == "CROSS JOIN" else f" ON {on}")
            sight = joined
        if rng.random() < 0.75:
            conditions.append(self.condition(sight))
        if conditions:
            text += " WHERE " + " AND ".join(conditions)
        return text, sight

    # subqueries

    def subquery_condition(self, sight: Sight) -> str:
        """EXISTS, IN, or a comparison with a scalar subquery; correlated or not."""
        rng = self.rng
        source, inner, where = self._inner(sight)
        negated = rng.choice(("", "NOT "))
        match rng.randrange(6):
            case 0 | 1:
                return f"({negated}EXISTS (SELECT 1 FROM {source}{where}))"
            case 2:
                return f"({self.column(sight)} {negated}IN (SELECT {self.column(inner)} FROM {source}{where}))"
            case 3:
                pair = f"({self.column(sight)}, {self.column(sight)})"
                return f"({pair} {negated}IN (SELECT {self.column(inner)}, {self.column(inner)} FROM {source}{where}))"
            case 4:
                text = self.column(inner, "text")
                return f"({self.column(sight, 'text')} {negated}IN (SELECT {text} FROM {source}{where}))"
        return f"({self.value(sight, 'int', 1)} {rng.choice(('<', '=', '>='))} {self._scalar(source, inner, where)})"

    def _scalar(self, source: str, inner: Sight, where: str) -> str:
        what = self.rng.choice(("count(*)", "max({})", "min({})", "sum({})")).format(self.value(inner, "int", 1))
        return f"(SELECT {what} FROM {source}{where})"

    def _inner(self, sight: Sight) -> tuple[str, Sight, str]:
        """FROM and WHERE of a subquery that may look at `sight`."""
        rng = self.rng
        table = rng.choice(NAMES)
        alias = self.alias(table)
        inner = sight_of(table, alias)
        source = f"{table} AS {alias}"
        conditions = []
        if rng.random() < 0.2:
            other = rng.choice(NAMES)
            second = self.alias(other)
            seen = sight_of(other, second)
            source += f", {other} AS {second}"
            conditions.append(f"{self.column(inner)} = {self.column(seen)}")
            inner = {**inner, **seen}
        if rng.random() < 0.75:
            kind = rng.choice(("int", "int", "int", "text"))
            conditions.append(f"{self.column(inner, kind)} = {self.column(sight, kind)}")
        if rng.random() < 0.5:
            conditions.append(self.condition({**inner, **sight} if rng.random() < 0.4 else inner, 0))
        return source, inner, f" WHERE {' AND '.join(conditions)}" if conditions else ""

    # SELECT

    def _items(self, sight: Sight) -> list[str]:
        items = [self.value(sight, self.rng.choice(KINDS)) for _ in range(self.rng.randrange(1, 4))]
        if self.rng.random() < 0.15:
            items.append(self._scalar(*self._inner(sight)))
        return items

    def _plain(self) -> str:
        source, sight = self.source()
        distinct = self.rng.choice(("", "", "DISTINCT "))
        return f"SELECT {distinct}{', '.join(self._items(sight))} FROM {source}"

    def _ordered(self) -> str:
        """Ordered by all its outputs, so that the order is whole."""
        rng = self.rng
        source, sight = self.source()
        items = [self.value(sight, rng.choice(KINDS), 1) for _ in range(rng.randrange(1, 4))]
        places = rng.sample(range(1, len(items) + 1), len(items))
        keys = [f"{p} {rng.choice(('ASC', 'DESC'))} NULLS {rng.choice(('FIRST', 'LAST'))}" for p in places]
        text = f"SELECT {', '.join(items)} FROM {source} ORDER BY {', '.join(keys)}"
        if rng.random() < 0.7:
            text += f" LIMIT {rng.randrange(8)}"
            if rng.random() < 0.4:
                text += f" OFFSET {rng.randrange(4)}"
        return text

    def _call(self, sight: Sight) -> str:
        rng = self.rng
        kind = rng.choice(("int", "int", "num", "text", "day"))
        value = self.value(sight, kind, 1)
        names = ("count", "min", "max") if kind in ("text", "day") else ("count", "sum", "avg", "min", "max")
        distinct = rng.choice(("", "", "", "DISTINCT "))
        filtered = f" FILTER (WHERE {self.condition(sight, 0)})" if rng.random() < 0.2 else ""
        return f"{rng.choice(names)}({distinct}{value}){filtered}"

    def _grouped(self) -> str:
        rng = self.rng
        source, sight = self.source()
        calls = [self._call(sight) for _ in range(rng.randrange(1, 4))] + ["count(*)"]
        if rng.random() < 0.25:
            return f"SELECT {', '.join(calls)} FROM {source}"
        columns = [name for kind in KINDS for name in self.columns(sight, kind)]
        keys = rng.sample(columns, rng.choice((1, 1, 2)))
        if rng.random() < 0.2:
            keys.append(f"({self.column(sight)} % 2)")
        text = f"SELECT {', '.join([*keys, *calls])} FROM {source} GROUP BY {', '.join(keys)}"
        if rng.random() < 0.4:
            text += rng.choice((f" HAVING count(*) > {rng.randrange(3)}", f" HAVING {self._call(sight)} IS NOT NULL"))
        return text

    def _windowed(self) -> str:
        """Window functions whose value does not depend on the order among equal rows."""
        source, sight = self.source()
        items = [self._window_call(sight) for _ in range(self.rng.randrange(1, 3))]
        return f"SELECT {', '.join([*self._items(sight), *items])} FROM {source}"

    def _window_call(self, sight: Sight) -> str:
        rng = self.rng
        parts = []
        if rng.random() < 0.6:
            parts.append(f"PARTITION BY {self.value(sight, rng.choice(KINDS), 1)}")
        if rng.random() < 0.7:
            order = f"{rng.choice(('ASC', 'DESC'))} NULLS {rng.choice(('FIRST', 'LAST'))}"
            parts.append(f"ORDER BY {self.column(sight, rng.choice(KINDS))} {order}")
            if rng.random() < 0.3:
                parts.append("RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")
        value = self.value(sight, "int", 1)
        call = rng.choice(
            ("rank()", "dense_rank()", "count(*)", f"sum({value})", f"min({value})", f"max({value})", f"count({value})")
        )
        return f"{call} OVER ({' '.join(parts)})"

    # more than one SELECT

    def _part(self) -> str:
        source, sight = self.source(2)
        return f"SELECT {self.value(sight, 'int', 1)} AS p, {self.value(sight, 'text', 1)} AS q FROM {source}"

    def _set_operation(self) -> str:
        op = self.rng.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT"))
        return f"{self._part()} {op} {self._part()}"

    def _with_common_table(self) -> str:
        rng = self.rng
        text = f"WITH c (p, q) AS ({self._part()}) "
        first, second = {"c1": _named(int=["p"], text=["q"])}, {"c2": _named(int=["p"], text=["q"])}
        if rng.random() < 0.5:
            return text + f"SELECT p, q FROM c AS c1 WHERE {self.condition(first, 1)}"
        join = rng.choice(("JOIN", "LEFT JOIN"))
        both = {**first, **second}
        items = f"{self.value(both, 'int', 1)}, c2.q"
        return text + f"SELECT {items} FROM c AS c1 {join} c AS c2 ON c1.p = c2.p AND {self.condition(both, 0)}"


def _named(**columns: list[str]) -> dict[str, list[str]]:
    return {kind: columns.get(kind, []) for kind in KINDS}
