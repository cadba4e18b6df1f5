"""Aggregates beside count, sum, avg, min and max: of arrays and documents, bits, pairs, and ordered sets.

Each gives what an `AggregateCall` needs beyond its arguments: their types, the result's, the template, and how NULLs count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.engine.query.library import array_values as arrays
from exdbsql.engine.query.library import json_values as json
from exdbsql.engine.query.library import number_values as numbers
from exdbsql.schema.types import BIGINT, DOUBLE, INTERVAL, JSON, JSONB, SqlType, array_of

REGRESSIONS: Final = (
    *("corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_intercept", "regr_r2", "regr_slope"),
    *("regr_sxx", "regr_sxy", "regr_syy"),
)
BITS: Final = {"bit_and": "&", "bit_or": "|", "bit_xor": "^"}
ORDERED_SETS: Final = ("percentile_cont", "percentile_disc", "mode")
NAMES: Final = {
    name: name
    for name in (
        *("array_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "regr_count"),
        *("any_value", *REGRESSIONS, *BITS, *ORDERED_SETS),
    )
}


@dataclass(frozen=True, slots=True)
class MoreAggregate:
    """What a call of one of these aggregates is; `args` are the types that its arguments become (None: as they are)."""

    args: tuple[SqlType | None, ...]
    result: SqlType
    template: str
    nulls: str = "skip"
    names: tuple[tuple[str, Any], ...] = ()
    is_nullable: bool = True


def find(name: str, types: Sequence[SqlType]) -> MoreAggregate | None:
    """The aggregate for arguments of these types; None where there is none."""
    if name in REGRESSIONS or name == "regr_count":
        return _regression(name, types)
    if name in ("json_object_agg", "jsonb_object_agg"):
        function = getattr(json, name)
        result = JSON if name == "json_object_agg" else JSONB
        names: tuple[tuple[str, Any], ...] = ((name, function),)
        return MoreAggregate((None, None), result, f"{name}({{0}})", "keep", names) if len(types) == 2 else None
    if len(types) != 1:
        return None
    (t,) = types
    if name == "array_agg":
        return MoreAggregate(
            (None,), array_of(t.unconstrained), "array_agg({0})", "keep", (("array_agg", arrays.array_agg),)
        )
    if name in ("json_agg", "jsonb_agg"):
        function = getattr(json, name)
        return MoreAggregate(
            (None,), JSON if name == "json_agg" else JSONB, f"{name}({{0}})", "keep", ((name, function),)
        )
    if name == "any_value":
        return MoreAggregate((None,), t.unconstrained, "({0} or (None,))[0]")
    if name in BITS and t.is_integer:
        return MoreAggregate((None,), t, f"bits_of({{0}}, {BITS[name]!r})", names=(("bits_of", bits_of),))
    return None


def _regression(name: str, types: Sequence[SqlType]) -> MoreAggregate | None:
    if len(types) != 2 or not all(t.is_numeric for t in types):
        return None
    if name == "regr_count":
        return MoreAggregate((DOUBLE, DOUBLE), BIGINT, "len({0})", "skip_any", is_nullable=False)
    names = (("regression", numbers.regression),)
    return MoreAggregate((DOUBLE, DOUBLE), DOUBLE, f"regression({name!r}, {{0}})", "skip_any", names)


def bits_of(values: Sequence[int], op: str) -> int | None:
    """``bit_and``, ``bit_or``, ``bit_xor``."""
    if not values:
        return None
    found = values[0]
    for value in values[1:]:
        found = found & value if op == "&" else found | value if op == "|" else found ^ value
    return found


def ordered_set(name: str, sorted_type: SqlType, direct: SqlType | None) -> MoreAggregate | None:
    """An ordered-set aggregate over values of `sorted_type`; `direct` is the type of the fraction."""
    if name == "mode":
        names: tuple[tuple[str, Any], ...] = (("mode_value", numbers.mode_value),)
        return (
            MoreAggregate((None,), sorted_type.unconstrained, "mode_value({0})", names=names)
            if direct is None
            else None
        )
    if direct is None:
        return None
    function = getattr(numbers, name)
    target: SqlType | None = None
    result = sorted_type.unconstrained
    if name == "percentile_cont":
        is_interval = sorted_type.name == INTERVAL.name
        if not (sorted_type.is_numeric or is_interval):
            return None
        result = target = INTERVAL if is_interval else DOUBLE
    names = ((name, function), ("percentiles", numbers.percentiles))
    if direct.is_array:
        return MoreAggregate((target,), array_of(result), f"percentiles({name}, {{0}}, {{1}})", names=names)
    return MoreAggregate((target,), result, f"{name}({{0}}, {{1}})", names=names)
