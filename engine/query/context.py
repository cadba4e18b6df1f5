"""What binding one statement gathers: literals and parameters with their types, relation numbers, tables, and error places.

The parameter tuple of a run holds the lifted literals first, in the order of the text, then the user's values. A literal
whose value decided something about the plan (ORDER BY 1, numeric(10,2), a LIKE pattern made into a range) is *pinned*: it stays
part of the cache's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sqlglot import exp

from exdbsql.engine.query.expressions import Const, Expr, Param
from exdbsql.engine.query.lexical import Literal, read_literal
from exdbsql.engine.query.parse import ParsedStatement, Placeholders
from exdbsql.engine.query.runs import Runs
from exdbsql.engine.query.tokens import MARK
from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DatabaseError, NotSupportedError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.queries import read_relations
from exdbsql.schema.table import Table, View
from exdbsql.schema.types import SqlType

if TYPE_CHECKING:
    from exdbsql.engine.query.signatures import Function

STRICT: Final = "strict"
COMPARE: Final = "compare"
ASSIGN: Final = "assign"

_HARMLESS_ARGUMENTS: Final = frozenset({"nested", "_type", "big_int", "safe", "typed", "coalesce", "ignore_nulls"})


@dataclass(slots=True)
class Slot:
    """One value of the parameter tuple.

    Attributes:
        type: what its context made it; None while no context has.
        mode: how the value becomes one of that type: `STRICT` (only without loss), `COMPARE` (any number will do where a
            number is compared), `ASSIGN` (by the rules of INSERT).
        pinned: the plan depends on the value.
    """

    type: SqlType | None = None
    mode: str = STRICT
    pinned: bool = False


@dataclass(slots=True)
class StatementContext:
    """The state of binding one statement against one dictionary."""

    text: str
    dictionary: Dictionary
    placeholders: Placeholders
    literals: Sequence[Literal]
    slots: list[Slot] = field(default_factory=list)
    slot_of_offset: dict[int, int] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    functions: Mapping[str, Sequence["Function"]] = field(default_factory=dict)
    aggregates: Mapping[str, Any] = field(default_factory=dict)
    next_rel: int = 0
    next_cte: int = 0
    pin_literals: bool = False
    runs: Runs = field(default_factory=Runs)
    overriding: str | None = None
    made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slot_of_offset = {literal.start: i for i, literal in enumerate(self.literals)}
        self.slots = [Slot(literal.type) for literal in self.literals]
        self.slots += [Slot() for _ in range(self.placeholders.count)]

    @classmethod
    def of(cls, parsed: ParsedStatement, dictionary: Dictionary, literals: Sequence[Literal]) -> "StatementContext":
        """The context for a parsed statement."""
        return cls(parsed.text, dictionary, parsed.placeholders, literals, overriding=parsed.overriding)

    def new_rel(self) -> int:
        """A relation number not used yet."""
        self.next_rel += 1
        return self.next_rel

    def new_cte(self) -> int:
        """A number for a common table expression."""
        self.next_cte += 1
        return self.next_cte

    # literals and parameters

    def literal(self, node: exp.Literal, *, negative: bool = False) -> Expr:
        """The expression for a literal of the text: a parameter where it was lifted, else a constant."""
        start = node.meta.get("start")
        slot = self.slot_of_offset.get(start) if start is not None else None
        if slot is not None and not self.pin_literals and not self.slots[slot].pinned:
            return Param(self.slots[slot].type, False, slot)
        literal = self._value_of(node, slot)
        if slot is not None:
            self.slots[slot].pinned = True
        return Const(literal.type, False, literal.value)

    def _value_of(self, node: exp.Literal, slot: int | None) -> Literal:
        if slot is not None:
            return self.literals[slot]
        return Literal(0, node.this, None) if node.is_string else read_literal(node.this, 0)

    def literal_value(self, node: exp.Literal) -> Any:
        """The value of a literal that decides something about the plan."""
        slot = self.slot_of_offset.get(node.meta.get("start", -1))
        if slot is not None:
            self.slots[slot].pinned = True
        return self._value_of(node, slot).value

    def parameter(self, number: int) -> Param:
        """The user's parameter `number`, from 0."""
        slot = len(self.literals) + number
        return Param(self.slots[slot].type, True, slot)

    def resolve(self, expr: Expr, target: SqlType, mode: str = STRICT) -> Expr:
        """An expression of unknown type as one of `target`."""
        if isinstance(expr, Const):
            if expr.value is None:
                return Const(target, True, None)
            return Const(target.unconstrained, False, target.unconstrained.parse(expr.value))
        assert isinstance(expr, Param), expr
        slot = self.slots[expr.slot]
        if expr.slot < len(self.literals):
            return self._resolve_literal(expr, slot, target)
        if slot.type is None:
            slot.type, slot.mode = (target if mode == ASSIGN else target.unconstrained), mode
        return Param(slot.type, True, expr.slot)

    def _resolve_literal(self, expr: Param, slot: Slot, target: SqlType) -> Expr:
        target = target.unconstrained
        if slot.type not in (None, target):
            slot.pinned = True
            value = self.literals[expr.slot].value
            assert isinstance(value, str)
            return Const(target, False, target.parse(value))
        slot.type = target
        return Param(target, False, expr.slot)

    def take_over(self, inner: "StatementContext") -> None:
        """Go on with the numbers and the tables of the context of a view."""
        self.next_rel, self.next_cte = inner.next_rel, inner.next_cte
        self.tables.update(inner.tables)

    # names and errors

    def view(self, node: exp.Table) -> View | None:
        """The view that a name means, or None."""
        schema = node.args.get("db")
        view = self.dictionary.views.get(name_of(node.this))
        if schema is not None and view is not None:
            own_schema = TEMPORARY_SCHEMA if view.is_temporary else "public"
            if name_of(schema) != own_schema:
                return None
        if view is not None and self.dictionary.hidden:
            hidden = read_relations(view.query) & self.dictionary.hidden
            if hidden:
                what = f'the view "{view.name}" while a temporary table hides its table "{min(hidden)}"'
                raise self.unsupported(node.this, what)
        return view

    def table(self, node: exp.Table) -> Table:
        """The table that a name means."""
        name = name_of(node.this)
        schema = node.args.get("db")
        table = self.dictionary.tables.get(name)
        named = None if schema is None else name_of(schema)
        if named == TEMPORARY_SCHEMA and (table is None or not table.is_temporary):
            raise self.error(node.this, f'relation "{named}.{name}" does not exist', sqlstate.UNDEFINED_TABLE)
        if node.args.get("catalog") or named not in (None, "public", TEMPORARY_SCHEMA):
            raise self.unsupported(node.this, "a schema other than public")
        if named == "public" and table is not None and table.is_temporary:
            if name not in self.dictionary.hidden:
                raise self.error(node.this, f'relation "public.{name}" does not exist', sqlstate.UNDEFINED_TABLE)
            raise self.unsupported(node.this, f'"public.{name}" while a temporary table hides it')
        view = None if table is not None else self.dictionary.views.get(name)
        if named == "public" and view is not None and view.is_temporary:
            if name not in self.dictionary.hidden:
                raise self.error(node.this, f'relation "public.{name}" does not exist', sqlstate.UNDEFINED_TABLE)
            raise self.unsupported(node.this, f'"public.{name}" while a temporary view hides it')
        if view is not None:
            raise self.unsupported(node.this, f'changing the view "{name}"')
        if table is None:
            raise self.error(
                node.this,
                f'relation "{name}" does not exist',
                sqlstate.UNDEFINED_TABLE,
                did_you_mean(name, self.dictionary.tables),
            )
        self.tables[name] = table
        return table

    def error(self, node: exp.Expr | None, message: str, state: str, hint: str | None = None) -> ProgrammingError:
        """A ProgrammingError at a node's place."""
        return ProgrammingError(message, sqlstate=state, position=position_of(node), statement=self.text, hint=hint)

    def unsupported(self, node: exp.Expr | None, what: str) -> NotSupportedError:
        """A NotSupportedError at a node's place."""
        return NotSupportedError(f"{what} is not supported", position=position_of(node), statement=self.text)

    def located(self, error: DatabaseError, node: exp.Expr | None) -> NoReturn:
        """Raise `error` with the node's place, if it has none."""
        if error.position is None:
            error.position, error.statement = position_of(node), self.text
        raise error

    def only(self, node: exp.Expr, handled: Iterable[str], what: str | None = None) -> None:
        """Refuse every argument of a node that its binder does not deal with, so that no clause is ever ignored."""
        for name, value in node.args.items():
            if value and name not in handled and name not in _HARMLESS_ARGUMENTS:
                place = value[0] if isinstance(value, list) else value
                label = name.strip("_").replace("_", " ")
                found = position_of(place if isinstance(place, exp.Expr) else node)
                raise NotSupportedError(
                    f"{label} in {what or type(node).__name__.upper()} is not supported",
                    position=found,
                    statement=self.text,
                )


def name_of(node: exp.Expr | str) -> str:
    """A name as the dictionary has it: folded to lower case unless quoted."""
    if isinstance(node, exp.Identifier):
        return str(node.this) if node.args.get("quoted") else str(node.this).lower().removeprefix(MARK)
    if isinstance(node, exp.Expr):
        if not isinstance(node.this, (exp.Expr, str)):
            raise ProgrammingError(
                f"a name is expected, not {node.sql('postgres').replace(MARK, '')}",
                sqlstate=sqlstate.SYNTAX_ERROR,
                position=position_of(node),
                hint="a word of the language is a name between double quotes",
            )
        return name_of(node.this)
    return node.lower().removeprefix(MARK)


def position_of(node: exp.Expr | None) -> int | None:
    """Offset of the leftmost thing in a node that has one."""
    if node is None:
        return None
    starts = [n.meta["start"] for n in node.walk() if n._meta and "start" in n._meta]
    return min(starts, default=None)
