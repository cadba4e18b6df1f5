"""Signatures of the functions of numbers that need more than a Python expression."""

import math
from typing import Any, Final

from exdbsql.engine.query.library import number_values as n
from exdbsql.engine.query.runtime.arithmetic import scale_of
from exdbsql.engine.query.signatures import Function, Kind, Poly, Result
from exdbsql.schema.types import BIGINT, DOUBLE, INTEGER, NUMERIC, SMALLINT, TEXT

FUNCTIONS: Final[list[Function]] = []
_INTEGERS: Final = (SMALLINT, INTEGER, BIGINT)


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    names = ((function.__name__, function),)
    FUNCTIONS.append(Function(name, args, result, f"{function.__name__}({slots})", names=names, **more))


for _name in ("asin", "acos", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"):
    _add(_name, (DOUBLE,), DOUBLE, n.in_domain(getattr(math, _name)))
_add("cot", (DOUBLE,), DOUBLE, n.cotangent)
_add("sind", (DOUBLE,), DOUBLE, n.sin_degrees)
_add("cosd", (DOUBLE,), DOUBLE, n.cos_degrees)
_add("tand", (DOUBLE,), DOUBLE, n.tan_degrees)
FUNCTIONS.append(Function("atan2", (DOUBLE, DOUBLE), DOUBLE, "math.atan2({0}, {1})"))
FUNCTIONS.append(Function("atand", (DOUBLE,), DOUBLE, "math.degrees(math.atan({0}))"))
_add("random", (), DOUBLE, n.random_number)
_add("setseed", (DOUBLE,), TEXT, n.set_seed)
for _t in _INTEGERS:
    FUNCTIONS.append(Function("mod", (_t, _t), _t, "int_modulo({0}, {1})"))
FUNCTIONS.append(Function("mod", (NUMERIC, NUMERIC), NUMERIC, "numeric_modulo({0}, {1})"))
_add("div", (NUMERIC, NUMERIC), NUMERIC, n.numeric_div)
_add("factorial", (BIGINT,), NUMERIC, n.factorial)
for _t in (INTEGER, BIGINT):
    _add("lcm", (_t, _t), _t, n.least_common_multiple, checked=True)
_add("exp", (NUMERIC,), NUMERIC, n.numeric_exp)
_add("ln", (NUMERIC,), NUMERIC, n.numeric_ln)
FUNCTIONS.append(Function("log", (NUMERIC,), NUMERIC, "log_base(Decimal(10), {0})", names=(("log_base", n.log_base),)))
FUNCTIONS.append(Function("log10", (DOUBLE,), DOUBLE, "logarithm10({0})"))
FUNCTIONS.append(
    Function("log10", (NUMERIC,), NUMERIC, "log_base(Decimal(10), {0})", names=(("log_base", n.log_base),))
)
_add("log", (NUMERIC, NUMERIC), NUMERIC, n.log_base)
_add("power", (NUMERIC, NUMERIC), NUMERIC, n.numeric_power)
FUNCTIONS.append(Function("scale", (NUMERIC,), INTEGER, "scale_of({0})", names=(("scale_of", scale_of),)))
_add("trim_scale", (NUMERIC,), NUMERIC, n.trim_scale)
FUNCTIONS.append(
    Function(
        "min_scale",
        (NUMERIC,),
        INTEGER,
        "scale_of(trim_scale({0}))",
        names=(("scale_of", scale_of), ("trim_scale", n.trim_scale)),
    )
)
_add("width_bucket", (NUMERIC, NUMERIC, NUMERIC, INTEGER), INTEGER, n.width_bucket)
_add("width_bucket", (DOUBLE, DOUBLE, DOUBLE, INTEGER), INTEGER, n.width_bucket)
_add("width_bucket", (Poly.ELEMENT, Poly.ARRAY), INTEGER, n.width_bucket_of)
for _t in (SMALLINT, INTEGER, BIGINT):
    _bits = {"smallint": 32, "integer": 32, "bigint": 64}[_t.name]
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
