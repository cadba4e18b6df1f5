"""Results that the shell makes itself, shaped like those of the database so that one writer serves both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalColumn:
    """A column by name and SQL type."""

    name: str
    type_name: str


def columns(*pairs: tuple[str, str]) -> tuple[LocalColumn, ...]:
    """Columns from pairs of name and type."""
    return tuple(LocalColumn(name, type_name) for name, type_name in pairs)
