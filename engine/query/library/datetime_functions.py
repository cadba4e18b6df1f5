"""Signatures of the functions and operators of dates, times and intervals."""

from typing import Any, Final

from exdbsql.engine.query.library import datetime_values as d
from exdbsql.engine.query.signatures import Function, Kind, Result
from exdbsql.schema import interval_arithmetic as arithmetic
from exdbsql.schema.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
)

FUNCTIONS: Final[list[Function]] = []
OPERATORS: Final[list[Function]] = []
_MOMENTS: Final = (TIMESTAMP, TIMESTAMPTZ)


def _call(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> Function:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    return Function(name, args, result, f"{function.__name__}({slots})", names=((function.__name__, function),), **more)


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    FUNCTIONS.append(_call(name, args, result, function, **more))


def _operator(name: str, args: tuple[Kind, ...], result: Result, function: Any) -> None:
    OPERATORS.append(_call(name, args, result, function))


def _plain(name: str, args: tuple[Kind, ...], result: Result, template: str) -> None:
    OPERATORS.append(Function(name, args, result, template))


_plain("+", (INTERVAL, INTERVAL), INTERVAL, "({0} + {1})")
_plain("-", (INTERVAL, INTERVAL), INTERVAL, "({0} - {1})")
_plain("*", (INTERVAL, DOUBLE), INTERVAL, "({0} * {1})")
_plain("*", (DOUBLE, INTERVAL), INTERVAL, "({1} * {0})")
_plain("/", (INTERVAL, DOUBLE), INTERVAL, "({0} / {1})")
for _start, _result in ((DATE, TIMESTAMP), (TIMESTAMP, TIMESTAMP), (TIMESTAMPTZ, TIMESTAMPTZ)):
    _operator("+", (_start, INTERVAL), _result, arithmetic.add_interval)
    _operator("-", (_start, INTERVAL), _result, arithmetic.subtract_interval)
    OPERATORS.append(
        Function(
            "+",
            (INTERVAL, _start),
            _result,
            "add_interval({1}, {0})",
            names=(("add_interval", arithmetic.add_interval),),
        )
    )
_operator("+", (TIME, INTERVAL), TIME, arithmetic.add_interval_to_time)
OPERATORS.append(
    Function(
        "+",
        (INTERVAL, TIME),
        TIME,
        "add_interval_to_time({1}, {0})",
        names=(("add_interval_to_time", arithmetic.add_interval_to_time),),
    )
)
_operator("-", (TIME, INTERVAL), TIME, arithmetic.subtract_interval_from_time)
_operator("-", (TIME, TIME), INTERVAL, arithmetic.time_difference)
for _t in _MOMENTS:
    _operator("-", (_t, _t), INTERVAL, arithmetic.moment_difference)
_operator("+", (DATE, TIME), TIMESTAMP, d.date_plus_time)
OPERATORS.append(
    Function("+", (TIME, DATE), TIMESTAMP, "date_plus_time({1}, {0})", names=(("date_plus_time", d.date_plus_time),))
)

_add("extract", (TEXT, INTERVAL), NUMERIC, d.interval_part)
FUNCTIONS.append(
    Function(
        "date_part",
        (TEXT, INTERVAL),
        DOUBLE,
        "float(interval_part({0}, {1}))",
        names=(("interval_part", d.interval_part),),
    )
)
_add("date_trunc", (TEXT, INTERVAL), INTERVAL, d.trunc_interval)
FUNCTIONS.append(
    Function(
        "date_trunc",
        (TEXT, TIMESTAMPTZ, TEXT),
        TIMESTAMPTZ,
        "at_zone({2}, date_trunc({0}, in_zone({2}, {1})))",
        names=(("at_zone", d.at_zone), ("in_zone", d.in_zone)),
    )
)
for _t in _MOMENTS:
    _add("age", (_t, _t), INTERVAL, d.age)
    _add("date_bin", (INTERVAL, _t, _t), _t, d.date_bin)
for _name in ("justify_hours", "justify_days", "justify_interval"):
    _add(_name, (INTERVAL,), INTERVAL, getattr(arithmetic, _name))
for _n in range(7):
    _add("make_interval", (INTEGER,) * _n, INTERVAL, d.make_interval)
_add("make_interval", (*(INTEGER,) * 6, DOUBLE), INTERVAL, d.make_interval)
_add("make_time", (INTEGER, INTEGER, DOUBLE), TIME, d.make_time)
_add("make_timestamp", (*(INTEGER,) * 5, DOUBLE), TIMESTAMP, d.make_timestamp)
_add("make_timestamptz", (*(INTEGER,) * 5, DOUBLE), TIMESTAMPTZ, d.make_timestamptz)
_add("make_timestamptz", (*(INTEGER,) * 5, DOUBLE, TEXT), TIMESTAMPTZ, d.make_timestamptz)
_add("to_timestamp", (DOUBLE,), TIMESTAMPTZ, d.to_timestamp)
_add("timezone", (TEXT, TIMESTAMP), TIMESTAMPTZ, d.at_zone)
_add("timezone", (TEXT, TIMESTAMPTZ), TIMESTAMP, d.in_zone)
_add("timezone", (INTERVAL, TIMESTAMP), TIMESTAMPTZ, d.at_offset)
_add("timezone", (INTERVAL, TIMESTAMPTZ), TIMESTAMP, d.at_offset)
_add("clock_timestamp", (), TIMESTAMPTZ, d.clock_now)
_add("timeofday", (), TEXT, d.time_of_day)
for _t in (DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL):
    FUNCTIONS.append(Function("isfinite", (_t,), BOOLEAN, "({0} is not None)"))
for _t in (TIMESTAMP, TIMESTAMPTZ, TIME):
    FUNCTIONS.append(
        Function(
            "overlaps",
            (_t,) * 4,
            BOOLEAN,
            "overlaps({0}, {1}, {2}, {3})",
            strict=False,
            nullable=True,
            names=(("overlaps", d.overlaps),),
        )
    )

for _t in (INTEGER, BIGINT):
    _column = (("generate_series", _t),)
    _add("generate_series", (_t, _t), _t, d.series_of_numbers, rows=_column)
    _add("generate_series", (_t, _t, _t), _t, d.series_of_numbers, rows=_column)
_add("generate_series", (NUMERIC, NUMERIC), NUMERIC, d.series_of_numerics, rows=(("generate_series", NUMERIC),))
_add("generate_series", (NUMERIC,) * 3, NUMERIC, d.series_of_numerics, rows=(("generate_series", NUMERIC),))
for _t in (TIMESTAMPTZ, TIMESTAMP):  # dates become the first
    _add("generate_series", (_t, _t, INTERVAL), _t, d.series_of_moments, rows=(("generate_series", _t),))
