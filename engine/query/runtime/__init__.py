"""What generated functions call: arithmetic, text, dates, aggregates, with PostgreSQL's semantics.

Each module gives its functions in a table `NAMES`; `ALL_NAMES` is the globals that every generated function starts from.
"""

from typing import Final

from exdbsql.engine.query.runtime import (
    aggregation,
    arithmetic,
    changes,
    digests,
    moments,
    ordering,
    patterns,
    ranges,
    regular_expressions,
    relations,
    text,
    windows,
)
from exdbsql.schema.types import GUARD_NAMES

ALL_NAMES: Final[dict[str, object]] = {
    **GUARD_NAMES,
    **arithmetic.NAMES,
    **text.NAMES,
    **regular_expressions.NAMES,
    **moments.NAMES,
    **aggregation.NAMES,
    **relations.NAMES,
    **ordering.NAMES,
    **patterns.NAMES,
    **ranges.NAMES,
    **changes.NAMES,
    **windows.NAMES,
    **digests.NAMES,
}
