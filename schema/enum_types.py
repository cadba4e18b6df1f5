"""Enum types: conversions, and what a definition must obey (PostgreSQL's manual, section 8.7)."""

from collections.abc import Sequence
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import Conversions, mismatch, shortened
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DataError, ProgrammingError
from exdbsql.schema.identifiers import MAX_NAME_BYTES, did_you_mean


def check_labels(labels: Sequence[str]) -> None:
    """Raises ProgrammingError 42602 for a label that is empty or beyond 63 bytes, 23505 for one that comes twice."""
    seen = set()
    for label in labels:
        if not label or len(label.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            message = f'invalid enum label "{shortened(label)}"'
            hint = f"Labels have 1 to {MAX_NAME_BYTES} bytes."
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_NAME, hint=hint)
        if label in seen:
            raise ProgrammingError(f'enum label "{label}" used more than once', sqlstate=sqlstate.UNIQUE_VIOLATION)
        seen.add(label)


def enum_conversions(name: str, labels: Sequence[str]) -> Conversions:
    """Behaviour of the enum type `name`."""
    values = {label: EnumValue(label, position) for position, label in enumerate(labels)}

    def parse(text: str) -> EnumValue:
        found = values.get(text)
        if found is None:
            message = f'invalid input value for enum {name}: "{shortened(text)}"'
            hint = did_you_mean(text, values) or f"Its values are {', '.join(map(repr, labels))}."
            raise DataError(message, sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION, hint=hint)
        return found

    def coerce(value: Any) -> EnumValue | None:
        if value is None:
            return None
        if isinstance(value, EnumValue):
            return parse(value.label)
        if isinstance(value, str):
            return parse(str.__str__(value))
        raise mismatch(name, value)

    return Conversions(None, None, coerce, parse, str)
