"""Random values and conditions over the columns in sight."""

from random import Random
from typing import Final

from sqlgen.tables import WORDS, columns_of

Sight = dict[str, dict[str, list[str]]]
"""What a query sees: for each alias the columns by kind (int, text, num, day)."""

KINDS: Final = ("int", "text", "num", "day")
_COMPARISONS: Final = ("=", "=", "=", "<", "<=", ">", ">=", "<>")


def sight_of(table: str, alias: str) -> Sight:
    """A table under an alias."""
    return {alias: {kind: columns_of(kind, table) for kind in KINDS}}


class Expressions:
    """Makes expressions; `subqueries` makes those in conditions (see `queries`)."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def columns(self, sight: Sight, kind: str) -> list[str]:
        """All columns of a kind in sight."""
        return [f"{alias}.{name}" for alias, columns in sight.items() for name in columns[kind]]

    def column(self, sight: Sight, kind: str = "int") -> str:
        """A column of a kind; a constant where there is none."""
        found = self.columns(sight, kind)
        return self.rng.choice(found) if found else self.constant(kind)

    def constant(self, kind: str) -> str:
        """A literal."""
        rng = self.rng
        match kind:
            case "int":
                return str(rng.randrange(-3, 8))
            case "num":
                return f"{rng.randrange(-3, 9)}.{rng.choice(('0', '25', '5', '75'))}"
            case "text":
                return "'" + rng.choice(WORDS) + "'"
        return f"date '2024-0{rng.choice('23')}-0{rng.randrange(1, 10)}'"

    def value(self, sight: Sight, kind: str, depth: int = 2) -> str:
        """A value of a kind."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.45:
            return self.constant(kind) if rng.random() < 0.25 else self.column(sight, kind)
        if rng.random() < 0.25:
            return self._any_kind(sight, kind, depth)
        match kind:
            case "int":
                return self._integer(sight, depth)
            case "num":
                return self._number(sight, depth)
            case "text":
                return self._text(sight, depth)
        return self.column(sight, kind)

    def _any_kind(self, sight: Sight, kind: str, depth: int) -> str:
        a, b = self.value(sight, kind, depth - 1), self.value(sight, kind, depth - 1)
        match self.rng.randrange(4):
            case 0:
                return f"coalesce({a}, {b})"
            case 1:
                return f"nullif({a}, {b})"
            case 2:
                return f"CASE WHEN {self.condition(sight, depth - 1)} THEN {a} ELSE {b} END"
        return f"CASE WHEN {self.condition(sight, depth - 1)} THEN {a} END"

    def _integer(self, sight: Sight, depth: int) -> str:
        rng = self.rng
        a, b = self.value(sight, "int", depth - 1), self.value(sight, "int", depth - 1)
        match rng.randrange(8):
            case 0 | 1 | 2:
                return f"({a} {rng.choice('+-*')} {b})"
            case 3:
                return f"({a} {rng.choice('/%')} {rng.choice((b, '2', '3'))})"
            case 4:
                return f"abs({a})"
            case 5:
                return f"(- {a})"
            case 6:
                return f"length({self.value(sight, 'text', depth - 1)})"
        operand = self.value(sight, "int", depth - 1)
        whens = " ".join(f"WHEN {self.constant('int')} THEN {v}" for v in (a, b))
        return f"CASE {operand} {whens} ELSE {self.constant('int')} END"

    def _number(self, sight: Sight, depth: int) -> str:
        rng = self.rng
        a = self.value(sight, "num", depth - 1)
        b = self.value(sight, rng.choice(("num", "int")), depth - 1)
        return f"({a} {rng.choice('+-*')} {b})" if rng.random() < 0.8 else f"abs({a})"

    def _text(self, sight: Sight, depth: int) -> str:
        a, b = self.value(sight, "text", depth - 1), self.value(sight, "text", depth - 1)
        match self.rng.randrange(6):
            case 0 | 1:
                return f"({a} || {b})"
            case 2:
                return f"upper({a})"
            case 3:
                return f"lower({a})"
            case 4:
                return f"substr({a}, {self.rng.randrange(1, 3)}, {self.rng.randrange(3)})"
        return f"replace({a}, 'x', {b})"

    # conditions

    def condition(self, sight: Sight, depth: int = 2) -> str:
        """A boolean."""
        rng = self.rng
        kind = rng.randrange(15)
        if depth > 0 and kind < 4:
            op = rng.choice(("AND", "OR"))
            parts = [self.condition(sight, depth - 1) for _ in range(rng.choice((2, 2, 3)))]
            return "(" + f" {op} ".join(parts) + ")"
        if depth > 0 and kind == 4:
            return f"(NOT {self.condition(sight, depth - 1)})"
        if depth > 0 and kind == 5:
            return self.subquery_condition(sight)
        return self._simple(sight, kind, depth)

    def _simple(self, sight: Sight, kind: int, depth: int) -> str:
        rng = self.rng
        negated = rng.choice(("", "", "NOT "))
        of = rng.choice(("int", "int", "int", "text", "num", "day"))
        left = self.value(sight, of, min(depth, 1))
        match kind:
            case 6:
                return f"({left} IS {negated}NULL)"
            case 7:
                items = [self.value(sight, of, 0) for _ in range(rng.randrange(1, 4))]
                items += ["NULL"] * (rng.random() < 0.1)
                return f"({left} {negated}IN ({', '.join(items)}))"
            case 8:
                return f"({left} {negated}BETWEEN {self.value(sight, of, 0)} AND {self.value(sight, of, 0)})"
            case 9:
                text = self.value(sight, "text", min(depth, 1))
                pattern = rng.choice(("'x%'", "'%y'", "'%x%'", "'_y'", "'xy'", "'%'", "'o!_o' ESCAPE '!'", "'X_'"))
                return f"({text} {negated}LIKE {pattern})"
            case 10:
                return f"({left} IS {negated}DISTINCT FROM {self.value(sight, of, 0)})"
            case 11:
                pair = f"({self.column(sight)}, {self.column(sight)})"
                return (
                    f"({pair} {rng.choice(('=', '<>'))} ({self.value(sight, 'int', 0)}, {self.value(sight, 'int', 0)}))"
                )
            case 12:
                other = self.value(sight, "int" if of == "num" else "num" if of == "int" else of, 0)
                return f"({left} {rng.choice(_COMPARISONS)} {other})"
        return f"({left} {rng.choice(_COMPARISONS)} {self.value(sight, of, min(depth, 1))})"

    def subquery_condition(self, sight: Sight) -> str:
        """A condition with a subquery; `Queries` has them."""
        return self.condition(sight, 0)
