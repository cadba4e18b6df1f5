"""Random queries that indexes serve: equality, ranges, lists, prefixes of keys, LIKE, ORDER BY with LIMIT, least and greatest values.

One table each, so that most of them do find an index; what is ordered gives its sort keys alone, so that rows which tie look the same.
"""

from sqlgen.expressions import sight_of
from sqlgen.queries import Queries
from sqlgen.tables import columns_of

_KEYS = {
    "t": (("id",), ("a", "b"), ("a",), ("c", "b"), ("n",), ("b", "a", "c")),
    "u": (("k",), ("t_id", "e"), ("d", "e"), ("day",)),
    "v": (("x", "y"), ("y",), ("y", "z")),
    "w": (("g",), ("g", "h")),
}
_PATTERNS = ("'x%'", "'X%'", "'o!_%' ESCAPE '!'", "'a%b'", "'%'", "'xy'")
_KINDS = {"c": "text", "e": "text", "z": "text", "n": "num", "m": "num", "day": "day"}


class IndexedQueries(Queries):
    """Makes such queries."""

    def indexed(self) -> str:
        """A query."""
        self._aliases = 0
        rng = self.rng
        table = rng.choice("ttuuvw")
        keys = rng.choice(_KEYS[table])
        where = self._where(table, keys)
        match rng.randrange(6):
            case 0:
                return f"SELECT * FROM {table}{where}"
            case 1:
                calls = [f"{rng.choice(('min', 'max'))}({rng.choice(keys)})" for _ in range(rng.randrange(1, 3))]
                return f"SELECT {', '.join(calls)} FROM {table}{where}"
            case 2:
                return self._joined(table, keys, where)
        return self._ordered_by(table, keys, where)

    def _where(self, table: str, keys: tuple[str, ...]) -> str:
        rng = self.rng
        conditions = [self._condition(table, key) for key in keys[: rng.randrange(len(keys) + 1)]]
        if rng.random() < 0.3:
            conditions.append(self.condition(sight_of(table, table), 1))
        rng.shuffle(conditions)
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _condition(self, table: str, key: str) -> str:
        rng = self.rng
        kind = _KINDS.get(key, "int")
        column = f"{table}.{key}"
        values = [self.constant(kind) for _ in range(rng.randrange(1, 4))]
        match rng.randrange(8):
            case 0:
                items = [*values, *(["NULL"] if rng.random() < 0.2 else [])]
                return f"{column} IN ({', '.join(items)})"
            case 1:
                return "(" + " OR ".join(f"{column} = {v}" for v in values) + ")"
            case 2:
                return f"{column} {rng.choice(('<', '<=', '>', '>='))} {values[0]}"
            case 3:
                return f"{column} BETWEEN {values[0]} AND {self.constant(kind)}"
            case 4:
                return f"{column} IS {rng.choice(('', 'NOT '))}NULL"
            case 5 if kind == "text":
                return f"{column} LIKE {rng.choice(_PATTERNS)}"
            case 6:
                other = rng.choice([n for n in "tuv" if columns_of(kind, n)] or ["t"])
                inner = sight_of(other, "s")
                return f"{column} IN (SELECT {self.column(inner, kind)} FROM {other} AS s WHERE {self.condition(inner, 0)})"
        return f"{column} = {values[0]}"

    def _ordered_by(self, table: str, keys: tuple[str, ...], where: str) -> str:
        rng = self.rng
        chosen = keys[rng.choice((0, 0, len(keys) - 1)) : rng.randrange(1, len(keys) + 1)] or keys
        direction, nulls = rng.choice((("ASC", "LAST"), ("DESC", "FIRST"), ("ASC", "FIRST"), ("DESC", "LAST")))
        order = []
        for place, _ in enumerate(chosen, 1):
            if rng.random() < 0.25:
                direction = rng.choice(("ASC", "DESC"))
            order.append(f"{place} {direction} NULLS {nulls}")
        text = f"SELECT {', '.join(chosen)} FROM {table}{where} ORDER BY {', '.join(order)}"
        if rng.random() < 0.8:
            text += f" LIMIT {rng.randrange(6)}"
            if rng.random() < 0.3:
                text += f" OFFSET {rng.randrange(4)}"
        return text

    def _joined(self, table: str, keys: tuple[str, ...], where: str) -> str:
        rng = self.rng
        other = rng.choice("tuvw")
        sight = sight_of(other, "o")
        left = f"{table}.{rng.choice([k for k in (*keys, 'id', 'k', 'x', 'g') if k in columns_of('int', table)])}"
        join = rng.choice(("JOIN", "LEFT JOIN"))
        on = f"{left} = {self.column(sight)}"
        text = f"SELECT {left} FROM {table} {join} {other} AS o ON {on}{where}"
        if rng.random() < 0.6:
            text += f" ORDER BY 1 {rng.choice(('ASC NULLS LAST', 'DESC NULLS FIRST'))} LIMIT {rng.randrange(1, 6)}"
        return text
