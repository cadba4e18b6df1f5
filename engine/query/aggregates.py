"""The table of aggregate functions: which result type for which argument, and the runtime function that computes it.

Generated code collects a group's values in a list, without NULLs, and gives it to the function, so that the loop runs in C.
"""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from exdbsql.engine.query import aggregates_more
from exdbsql.schema.types import BIGINT, BOOLEAN, DOUBLE, INTERVAL, NUMERIC, REAL, TEXT, SqlType


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """What a call of an aggregate with an argument of one type gives: its type, and the template over the list ``{0}``."""

    result: SqlType
    template: str


AGGREGATE_NODES: Final[dict[type[exp.Expr], str]] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.GroupConcat: "string_agg",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.Stddev: "stddev_samp",
    exp.StddevSamp: "stddev_samp",
    exp.StddevPop: "stddev_pop",
    exp.Variance: "var_samp",
    exp.VariancePop: "var_pop",
}
"""Aggregates for which sqlglot has a node of its own."""

AGGREGATE_NAMES: Final = {
    "every": "bool_and",
    "variance": "var_samp",
    "var_samp": "var_samp",
    **aggregates_more.NAMES,
}
"""Aggregates that sqlglot reads as functions it does not know, or is kept from knowing."""

WINDOW_FUNCTIONS: Final = frozenset(
    [
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
    ]
)
"""Functions that only a window gives a meaning to."""


def find_aggregate(name: str, argument: SqlType | None) -> AggregateFunction | None:
    """The aggregate `name` for an argument of a type (None: count(*)); None where there is none."""
    if name == "count":
        return AggregateFunction(BIGINT, "len({0})")
    if argument is None:
        return None
    if name in ("min", "max"):
        has_extremes = argument != BOOLEAN and not argument.is_json
        return AggregateFunction(argument.unconstrained, f"{name}_value({{0}})") if has_extremes else None
    if name in ("bool_and", "bool_or"):
        return AggregateFunction(BOOLEAN, f"{name}({{0}})") if argument == BOOLEAN else None
    if name == "string_agg":
        return AggregateFunction(TEXT, "string_agg({0})") if argument.is_text else None
    if argument.name == "interval" and name in ("sum", "avg"):
        return AggregateFunction(INTERVAL, f"{name}_interval({{0}})")
    if not argument.is_numeric:
        return None
    return _over_numbers(name, argument)


def _over_numbers(name: str, argument: SqlType) -> AggregateFunction | None:
    if name == "sum":
        if argument.is_float:
            return AggregateFunction(REAL if argument == REAL else DOUBLE, "sum_float({0})")
        if argument.name in ("smallint", "integer"):
            return AggregateFunction(BIGINT, "sum_bigint({0})")
        return AggregateFunction(NUMERIC, "sum_numeric({0})")
    kind = "float" if argument.is_float else "numeric"
    result = DOUBLE if argument.is_float else NUMERIC
    match name:
        case "avg":
            return AggregateFunction(result, f"avg_{kind}({{0}})")
        case "stddev_samp" | "var_samp":
            long = "stddev" if name.startswith("stddev") else "variance"
            return AggregateFunction(result, f"{long}_{kind}({{0}})")
        case "stddev_pop" | "var_pop":
            long = "stddev" if name.startswith("stddev") else "variance"
            return AggregateFunction(result, f"{long}_{kind}({{0}}, True)")
    return None
