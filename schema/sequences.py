"""Sequences: what statements say about them, the rules that they obey, and what they are when nothing is said.

Rules and defaults are PostgreSQL's (CREATE SEQUENCE). Which number comes next is not part of a definition.
"""

from dataclasses import dataclass, replace

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.table import Sequence
from exdbsql.schema.types import BIGINT, SqlType


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """What a statement says about a sequence; None where it says nothing.

    Attributes:
        name: for the sequence of an identity column (SEQUENCE NAME), else None.
        type: AS smallint, integer or bigint.
        minimum, maximum: a number, or "NO" for the type's own.
        restart: for ALTER: RESTART [WITH n]; True without a number.
        owned_by: table and column; () for OWNED BY NONE.
        serial: made by the type serial, whose column gets a default instead of an identity.
    """

    name: str | None = None
    type: SqlType | None = None
    start: int | None = None
    increment: int | None = None
    minimum: int | str | None = None
    maximum: int | str | None = None
    cache: int | None = None
    cycle: bool | None = None
    restart: int | bool | None = None
    owned_by: tuple[str, ...] | None = None
    serial: bool = False


def made_sequence(name: str, options: SequenceOptions) -> Sequence:
    """The sequence that CREATE SEQUENCE makes, without id and owner. Raises ProgrammingError 22023."""
    return _checked(
        _with_options(Sequence(0, name, options.type or BIGINT, 0, options.increment or 1, 0, 0), options, new=True)
    )


def altered_sequence(sequence: Sequence, options: SequenceOptions) -> Sequence:
    """The sequence after ALTER SEQUENCE, its owner unchanged. Raises ProgrammingError 22023."""
    return _checked(_with_options(sequence, options, new=False))


def _with_options(old: Sequence, options: SequenceOptions, *, new: bool) -> Sequence:
    sql_type = options.type or old.type
    increment = old.increment if options.increment is None else options.increment
    low, high = _natural_bounds(sql_type, increment)
    was_low, was_high = (old.minimum, old.maximum) if new else _natural_bounds(old.type, old.increment)
    # An own bound of the old type moves along with the type.
    minimum = _bound(options.minimum, low if new or old.minimum == was_low else old.minimum, low)
    maximum = _bound(options.maximum, high if new or old.maximum == was_high else old.maximum, high)
    start = options.start
    if start is None:
        start = (minimum if increment > 0 else maximum) if new else old.start
    return replace(
        old,
        type=sql_type,
        start=start,
        increment=increment,
        minimum=minimum,
        maximum=maximum,
        cache=old.cache if options.cache is None else options.cache,
        cycle=old.cycle if options.cycle is None else options.cycle,
    )


def _natural_bounds(sql_type: SqlType, increment: int) -> tuple[int, int]:
    low, high = sql_type.integer_range or (0, 0)
    return (1, high) if increment > 0 else (low, -1)


def _bound(given: int | str | None, unsaid: int, natural: int) -> int:
    if given is None:
        return unsaid
    return given if isinstance(given, int) else natural


def _checked(sequence: Sequence) -> Sequence:
    s = sequence
    low, high = s.type.integer_range or (0, 0)
    for wrong, message in (
        (not s.type.is_integer, "sequence type must be smallint, integer, or bigint"),
        (s.increment == 0, "INCREMENT must not be zero"),
        (not low <= s.minimum <= high, f"MINVALUE ({s.minimum}) is out of range for sequence data type {s.type}"),
        (not low <= s.maximum <= high, f"MAXVALUE ({s.maximum}) is out of range for sequence data type {s.type}"),
        (s.minimum >= s.maximum, f"MINVALUE ({s.minimum}) must be less than MAXVALUE ({s.maximum})"),
        (s.start < s.minimum, f"START value ({s.start}) cannot be less than MINVALUE ({s.minimum})"),
        (s.start > s.maximum, f"START value ({s.start}) cannot be greater than MAXVALUE ({s.maximum})"),
        (s.cache < 1, f"CACHE ({s.cache}) must be greater than zero"),
    ):
        if wrong:
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE)
    return sequence
