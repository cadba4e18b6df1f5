"""Constructs of DDL that this layer reads, checks and keeps, and that the layers above do not carry out yet.

A constraint that nobody enforces would be a lie, so `parse_ddl` refuses each construct that is listed here, by name and with its
place. Whoever teaches the engine to carry one out takes it off the list; nothing else needs to change here.
"""

from enum import Enum
from typing import Final

from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token


class Feature(Enum):
    """A construct; the value names it in the refusal."""

    ENUM_TYPE = "CREATE TYPE"
    ALTER_TABLE = "ALTER TABLE"
    FOREIGN_KEY = "a foreign key"
    GENERATED_COLUMN = "a generated or identity column"
    SERIAL = "the type serial"
    SEQUENCE = "SEQUENCE"
    PARTIAL_INDEX = "a partial index"
    EXPRESSION_INDEX = "an expression in an index"
    VIEW = "VIEW"
    COMMENT = "COMMENT"


NOT_YET_CARRIED_OUT: Final[set[Feature]] = set(Feature) - {
    Feature.ALTER_TABLE,
    Feature.COMMENT,
    Feature.ENUM_TYPE,
    Feature.FOREIGN_KEY,
    Feature.GENERATED_COLUMN,
    Feature.SEQUENCE,
    Feature.SERIAL,
    Feature.VIEW,
}
"""Take an entry out once the engine carries the construct out, and FACE knows the statement."""


def require_feature(
    feature: Feature,
    reader: TokenReader,
    *,
    called: str | None = None,
    at: Token | None = None,
    hint: str | None = None,
) -> None:
    """Raises NotSupportedError, with the position of `at` or of the next token, where `feature` is on the list."""
    if feature in NOT_YET_CARRIED_OUT:
        raise reader.not_supported(called or feature.value, at=at, hint=hint)
