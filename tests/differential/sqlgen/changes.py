"""Random statements that change rows."""

from sqlgen.expressions import sight_of
from sqlgen.queries import NAMES, Queries

_TARGETS = {"t": ("a", "b", "c", "n"), "u": ("t_id", "d", "e"), "v": ("z", "m"), "w": ("g", "h")}
_KINDS = {"c": "text", "e": "text", "z": "text", "n": "num", "m": "num"}


class Changes(Queries):
    """Makes INSERT, UPDATE and DELETE."""

    def change(self) -> tuple[str, str]:
        """A statement, and the table it changes."""
        self._aliases = 0
        table = self.rng.choice(NAMES)
        kind = self.rng.randrange(8)
        if kind < 4:
            return self._update(table), table
        if kind < 6:
            return self._delete(table), table
        return self._insert(table), table

    def _update(self, table: str) -> str:
        rng = self.rng
        sight = sight_of(table, table)
        text = f"UPDATE {table} SET "
        columns = rng.sample(_TARGETS[table], rng.choice((1, 1, 2)))
        source = ""
        if rng.random() < 0.25:
            # one row at most of the other table, so that both take the same
            other = rng.choice([n for n in "tu" if n != table])
            key = {"t": "id", "u": "k"}[other]
            source = f" FROM {other} AS o WHERE o.{key} = {self.column(sight)}"
            sight = {**sight, **sight_of(other, "o")}
        text += ", ".join(f"{c} = {self.value(sight, _KINDS.get(c, 'int'), 1)}" for c in columns)
        return text + (source + f" AND {self.condition(sight, 1)}" if source else f" WHERE {self.condition(sight)}")

    def _delete(self, table: str) -> str:
        sight = sight_of(table, table)
        return f"DELETE FROM {table} WHERE {self.condition(sight)} AND {self.condition(sight, 0)}"

    def _insert(self, table: str) -> str:
        rng = self.rng
        if table == "w":
            source, sight = self.source(2)
            return f"INSERT INTO w SELECT {self.value(sight, 'int', 1)}, {self.value(sight, 'int', 1)} FROM {source}"
        columns, values = {
            "t": ("id, a, b, c", (str(rng.randrange(40)), "int", "int", "text")),
            "u": ("k, d, e", (str(rng.randrange(40)), "int", "text")),
            "v": ("x, y, m", (str(rng.randrange(12)), str(rng.randrange(3)), "num")),
        }[table]
        row = ", ".join(self.constant(v) if v in ("int", "text", "num") else v for v in values)
        keys, column = {"t": ("id", "a"), "u": ("k", "d"), "v": ("x, y", "m")}[table]
        conflict = rng.choice(
            (f" ON CONFLICT ({keys}) DO NOTHING", f" ON CONFLICT ({keys}) DO UPDATE SET {column} = excluded.{column}")
        )
        return f"INSERT INTO {table} ({columns}) VALUES ({row}){conflict}"
