"""The function under construction: its globals, its lines, the names given so far, and frames for functions nested in it."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.index import Index
from exdbsql.engine.query.functions import LIBRARY_NAMES
from exdbsql.engine.query.runtime import ALL_NAMES
from exdbsql.engine.table import TableStore

_RESERVED: Final = frozenset(ALL_NAMES) | frozenset(dir(builtins)) | LIBRARY_NAMES | {"txn", "p", "run"}
_GIVEN_LATER: Final = ("parse_", "format_", "coerce_", "compare_", "match_", "own_", "jsonb_to_", "enum_", "record_")
"""How names begin that templates bring with them; a variable must not take one of them first."""


@dataclass(slots=True)
class Module:
    """One generated function and what it refers to.

    Attributes:
        database: whose tables the function reads.
        names: its globals, beside the runtime's.
        slots: the parameters it uses.
        root: the frame of the function itself.
        clock: whether it uses the time of the statement.
        numeric: whether it does arithmetic on numerics.
        folds: whether it may compute constants before its loops.
        scanned: the tables of relations, as far as they are compiled.
    """

    database: Catalog
    names: dict[str, Any] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)
    root: Frame = field(init=False)
    clock: bool = False
    numeric: bool = False
    folds: bool = False
    taken: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    hoisted: dict[Any, str] = field(default_factory=dict)
    scanned: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Frame(self)

    def name(self, wish: str) -> str:
        """A variable name like `wish` that is not used yet."""
        base = "".join(c if c.isalnum() or c == "_" else "_" for c in wish if c.isascii()) or "x"
        if base[0].isdigit():
            base = "_" + base
        if base.startswith(_GIVEN_LATER):
            base = f"v_{base}"
        n = self.numbers.get(base, 1)
        made = base if n == 1 else f"{base}_{n}"
        while made in self.taken or made in _RESERVED or made in self.names or keyword.iskeyword(made):
            n += 1
            made = f"{base}_{n}"
        self.numbers[base] = n + 1
        self.taken.add(made)
        return made

    def temporary(self) -> str:
        """A name for a value inside an expression."""
        return self.name("v")

    def slot(self, number: int) -> str:
        """The variable of a parameter."""
        self.slots.add(number)
        return f"p{number}"

    def bind(self, wish: str, value: Any) -> str:
        """A global name for an object; the same object under the same wish gets one name."""
        if self.names.get(wish) is value:
            return wish
        made = self.name(wish)
        self.names[made] = value
        return made

    def store(self, table: str) -> str:
        """The global name of a table."""
        store: TableStore = self.database.table(table)
        return self.bind(f"table_{table}", store)

    def index(self, table: str, index: str | None) -> str:
        """The global name of an index; None is the primary key."""
        store: TableStore = self.database.table(table)
        found: Index | TableStore = store if index is None else store.indexes[index]
        return self.store(table) if index is None else self.bind(f"index_{index}", found)

    def constant(self, value: Any) -> str:
        """Source of a constant."""
        if value is None or value is True or value is False or type(value) in (int, str, bytes):
            return repr(value)
        if type(value) is float and math.isfinite(value):
            return repr(value)
        shown = repr(value)  # values that are equal may be written differently: 1.0 and 1.00, 1 month and 30 days
        same = (n for n, v in self.names.items() if v is value or (type(v) is type(value) and repr(v) == shown))
        return next(same, None) or self.bind("constant", value)


@dataclass(slots=True)
class Frame:
    """A function: its lines, and the variables under which it has relations, or single columns (relation, position) of them.

    `accumulator` is the variable of what a chain of operators has come to.
    """

    module: Module
    lines: list[str] = field(default_factory=list)
    env: dict[int, str] = field(default_factory=dict)
    columns: dict[tuple[int, int], str] = field(default_factory=dict)
    accumulator: str = ""

    def add(self, line: str) -> None:
        """Append a line."""
        self.lines.append(line)

    def assign(self, wish: str, code: str) -> str:
        """Append ``name = code``; gives the name."""
        name = self.module.name(wish)
        self.lines.append(f"{name} = {code}")
        return name

    def child(self, rels: list[int]) -> Frame:
        """A frame for a function nested in the root, which gets these relations as arguments."""
        return Frame(self.module, [], {rel: self.env[rel] for rel in rels})

    def define(self, name: str, arguments: list[str], body: Frame, result: str) -> None:
        """Append the definition of a function whose lines are in `body`."""
        self.lines.append(f"def {name}({', '.join(arguments)}):")
        self.lines += ["    " + line for line in body.lines]
        self.lines.append(f"    return {result}")


def indented(lines: list[str], by: int = 1) -> list[str]:
    """Lines moved to the right."""
    return ["    " * by + line for line in lines]


MOST_LOOPS: Final = 12
"""Python allows 20 blocks within each other."""


def nested_loops(clauses: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Lines that do `lines` for all that `clauses`, at most `MOST_LOOPS`, run through."""
    if not clauses or not clauses[0].startswith("for "):
        clauses = ["for _ in (None,)", *clauses]
    heads = [line for depth, clause in enumerate(clauses) for line in indented([clause + ":"], depth)]
    return heads + indented(list(lines), len(clauses))


def append_to_lists(module: Module, clauses: Sequence[str], table: str, key: str, value: str) -> list[str]:
    """Lines that append `value` to the list that a table has for `key`, for all that `clauses` run through."""
    if sum(clause.startswith("for ") for clause in clauses) > MOST_LOOPS:
        item = module.name("item")
        loop = f"for {item} in (({key}, {value}) {' '.join(clauses)}):"
        return [loop, f"    {table}[{item}[0]].append({item}[1])"]
    return nested_loops(clauses, [f"{table}[{key}].append({value})"])
