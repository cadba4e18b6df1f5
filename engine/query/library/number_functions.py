"""Signatures of the functions of numbers that need more than a Python expression."""

import math
from typing import Any, Final

from exdbsql.engine.query.library import degrees as d
from exdbsql.engine.query.library import number_values as n
from exdbsql.engine.query.library import numeric_functions as exact
from exdbsql.engine.query.signatures import Function, Kind, Poly, Result
from exdbsql.schema.types import BIGINT, DOUBLE, INTEGER, NUMERIC, SMALLINT, TEXT

FUNCTIONS: Final[list[Function]] = []
_INTEGERS: Final = (SMALLINT, INTEGER, BIGINT)


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    names = ((function.__name__, function),)
    FUNCTIONS.append(Function(name, args, result, f"{function.__name__}({slots})", names=names, **more))


for _name in (
    "asin",
    "acos",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "sin",
    "cos",
    "tan",
    "atan",
    "degrees",
    "radians",
    "cbrt",
):
    _add(_name, (DOUBLE,), DOUBLE, n.in_domain(getattr(math, _name)))
_add("cot", (DOUBLE,), DOUBLE, n.cotangent)
_add("atanh", (DOUBLE,), DOUBLE, n.area_tangent)
for _name, _degrees in (
    *(("sind", d.sin_degrees), ("cosd", d.cos_degrees), ("tand", d.tan_degrees), ("cotd", d.cot_degrees)),
    *(("asind", d.arcsin_degrees), ("acosd", d.arccos_degrees), ("atand", d.arctan_degrees)),
):
    _add(_name, (DOUBLE,), DOUBLE, _degrees)
_add("atan2", (DOUBLE, DOUBLE), DOUBLE, n.arctan2)
_add("atan2d", (DOUBLE, DOUBLE), DOUBLE, d.arctan2_degrees)
_add("random", (), DOUBLE, n.random_number)
_add("setseed", (DOUBLE,), TEXT, n.set_seed)
for _t in _INTEGERS:
    FUNCTIONS.append(Function("mod", (_t, _t), _t, "int_modulo({0}, {1})"))
FUNCTIONS.append(Function("mod", (NUMERIC, NUMERIC), NUMERIC, "numeric_modulo({0}, {1})"))
_add("div", (NUMERIC, NUMERIC), NUMERIC, n.numeric_div)
_add("factorial", (BIGINT,), NUMERIC, n.factorial)
for _t in (INTEGER, BIGINT):
    _add("lcm", (_t, _t), _t, n.least_common_multiple, checked=True)
_add("gcd", (NUMERIC, NUMERIC), NUMERIC, exact.numeric_gcd)
_add("lcm", (NUMERIC, NUMERIC), NUMERIC, exact.numeric_lcm)
_add("exp", (NUMERIC,), NUMERIC, exact.numeric_exponential)
_add("ln", (NUMERIC,), NUMERIC, exact.numeric_ln)
FUNCTIONS.append(Function("log10", (DOUBLE,), DOUBLE, "logarithm10({0})"))
for _name in ("log", "log10"):
    _add(_name, (NUMERIC,), NUMERIC, exact.numeric_log10)
_add("log", (NUMERIC, NUMERIC), NUMERIC, exact.numeric_log)
_add("power", (NUMERIC, NUMERIC), NUMERIC, exact.numeric_power)
_add("scale", (NUMERIC,), INTEGER, n.numeric_scale, nullable=True)
_add("trim_scale", (NUMERIC,), NUMERIC, n.trim_scale)
_add("min_scale", (NUMERIC,), INTEGER, n.numeric_min_scale, nullable=True)
_add("width_bucket", (NUMERIC, NUMERIC, NUMERIC, INTEGER), INTEGER, n.width_bucket)
_add("width_bucket", (DOUBLE, DOUBLE, DOUBLE, INTEGER), INTEGER, n.width_bucket)
_add("width_bucket", (Poly.ELEMENT, Poly.ARRAY), INTEGER, n.width_bucket_of)
for _t in (SMALLINT, INTEGER, BIGINT):
    _bits = {"smallint": 16, "integer": 32, "bigint": 64}[_t.name]
    for _op, _function in (("<<", n.shift_left), (">>", n.shift_right)):
        FUNCTIONS.append(
            Function(
                _op,
                (_t, INTEGER),
                _t,
                f"{_function.__name__}({{0}}, {{1}}, {_bits})",
                checked=True,
                names=((_function.__name__, _function),),
            )
        )
