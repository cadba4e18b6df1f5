"""Which type results where types meet, and how a value gets from one type to another.

Numbers climb one ladder (smallint, integer, bigint, numeric, real, double precision), the types of characters become text,
dates become timestamps. Everything else needs a cast. Explicit casts follow PostgreSQL's rounding (numeric half away from zero,
floats half to even) and cut text to the length of a varchar(n).
"""

from collections.abc import Iterable
from typing import Any, Final

from exdbsql.engine.query.expressions import Call, Const, Expr
from exdbsql.engine.query.library.array_values import map_array
from exdbsql.engine.query.library.jsonb_reading import jsonb_to_scalar
from exdbsql.engine.query.runtime.arithmetic import float_to_real, numeric_to_int
from exdbsql.schema.interval_arithmetic import interval_to_time, time_to_interval
from exdbsql.schema.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    SqlType,
    array_of,
)

NUMBER_LADDER: Final = (SMALLINT, INTEGER, BIGINT, NUMERIC, REAL, DOUBLE)
_RANK: Final = {t.name: rank for rank, t in enumerate(NUMBER_LADDER)}
_TIME_LADDER: Final = (DATE, TIMESTAMP, TIMESTAMPTZ)


def promoted(left: SqlType, right: SqlType) -> SqlType:
    """The number type of an operation on two number types."""
    wider = max(left, right, key=lambda t: _RANK[t.name])
    # real meets an exact type as double precision, like in PostgreSQL
    if wider.name == "real" and left.name != right.name:
        return DOUBLE
    return wider.unconstrained


def common_type(types: Iterable[SqlType | None]) -> SqlType | None:
    """The type that all given types convert to implicitly; None where all are unknown; TypeError where there is none."""
    known = [t for t in types if t is not None]
    if not known:
        return None
    result = known[0]
    for t in known[1:]:
        if t == result:
            continue
        if t.is_numeric and result.is_numeric:
            result = _wider_number(result, t)
        elif t.is_text and result.is_text:
            result = TEXT if t.name != result.name else result.unconstrained
        elif t.name == result.name:
            result = t.unconstrained
        elif t in _TIME_LADDER and result in _TIME_LADDER:
            result = max(t, result, key=_TIME_LADDER.index)
        elif t.element is not None and result.element is not None:
            result = array_of(common_type((result.element, t.element)) or TEXT)
        elif {t.name, result.name} == {TIME.name, INTERVAL.name}:
            result = INTERVAL
        else:
            raise TypeError(f"{result} and {t}")
    return result


def _wider_number(left: SqlType, right: SqlType) -> SqlType:
    return max(left, right, key=lambda t: _RANK[t.name]).unconstrained


def can_convert_implicitly(source: SqlType, target: SqlType) -> bool:
    """Whether a value converts without being told to."""
    if source.name == target.name or (source.is_text and target.is_text):
        return True
    if source.is_numeric and target.is_numeric:
        return _RANK[source.name] <= _RANK[target.name]
    if source.element is not None and target.element is not None:
        return can_convert_implicitly(source.element, target.element)
    return (source.name, target.name) in {
        ("date", TIMESTAMP.name),
        ("date", TIMESTAMPTZ.name),
        (TIMESTAMP.name, TIMESTAMPTZ.name),
        (TIME.name, INTERVAL.name),
    }


def can_assign(source: SqlType, target: SqlType) -> bool:
    """Whether INSERT and UPDATE may put a value of `source` into a column of `target` without a cast."""
    if can_convert_implicitly(source, target) or (source.is_numeric and target.is_numeric) or target.is_text:
        return True
    if source.element is not None and target.element is not None:
        return can_assign(source.element, target.element)
    if (source.name, target.name) in (("interval", TIME.name), ("json", "jsonb"), ("jsonb", "json")):
        return True
    return source in _TIME_LADDER and target in (*_TIME_LADDER, TIME)


def convert(expr: Expr, target: SqlType) -> Expr:
    """`expr` as a value of `target` (parameters of the type left aside); the types must convert."""
    source = expr.known_type
    if source.name == "character" and target.name != "character":
        expr = without_padding(expr)
        source = TEXT
    if source.name == target.name or (source.is_text and target.is_text):
        return expr
    template, checked, names = _conversion(source, target)
    if isinstance(expr, Const) and expr.value is None:
        return Const(target, True, None)
    return Call(target.unconstrained, expr.nullable, "cast", template, (expr,), checked=checked, names=names)


def _conversion(source: SqlType, target: SqlType) -> tuple[str, bool, tuple[tuple[str, Any], ...]]:
    """Template, whether the result must be checked for its range, and names."""
    template, checked = _TEMPLATES.get((source.name, target.name), (None, False))
    if template is not None:
        return template, checked, ()
    special = CONVERTERS.get((source.name, target.name))
    if special is not None:
        return f"{special[0]}({{0}})", checked or target.is_integer, (special,)
    if target.is_text:
        template, names = _to_text(source)
        return template, False, names
    if source.is_text:
        name = f"parse_{_identifier(target)}"
        return f"{name}({{0}})", False, ((name, target.unconstrained.parse),)
    if source.element is not None and target.element is not None:
        return _array_conversion(source.element, target.element)
    raise TypeError(f"{source} to {target}")


def _array_conversion(source: SqlType, target: SqlType) -> tuple[str, bool, tuple[tuple[str, Any], ...]]:
    inner, checked, names = ("{0}", False, ()) if source.name == target.name else _conversion(source, target)
    code = inner.replace("{0}", "e")
    if checked:
        name = f"coerce_{_identifier(target.unconstrained)}"
        code, names = f"{name}({code})", (*names, (name, target.unconstrained.coerce))
    return f"map_array({{0}}, lambda e: {code})", False, (*names, ("map_array", map_array))


_FROM_JSON_NUMBER: Final[tuple[tuple[SqlType, Any], ...]] = (
    (SMALLINT, numeric_to_int),
    (INTEGER, numeric_to_int),
    (BIGINT, numeric_to_int),
    (NUMERIC, lambda v: v),
    (DOUBLE, float),
    (REAL, float_to_real),
)
CONVERTERS: Final[dict[tuple[str, str], tuple[str, Any]]] = {
    (JSONB.name, JSON.name): ("str", str),
    (JSON.name, JSONB.name): ("parse_jsonb", JSONB.parse),
    (TIME.name, INTERVAL.name): ("time_to_interval", time_to_interval),
    (INTERVAL.name, TIME.name): ("interval_to_time", interval_to_time),
    (JSONB.name, BOOLEAN.name): ("jsonb_to_boolean", lambda v: jsonb_to_scalar(v, "boolean")),
    **{
        (JSONB.name, t.name): (
            f"jsonb_to_{t.name.split()[0]}",
            lambda v, convert=convert, name=t.name: convert(jsonb_to_scalar(v, name)),
        )
        for t, convert in _FROM_JSON_NUMBER
    },
}
"""Conversions by one function."""


def without_padding(expr: Expr) -> Expr:
    """A text without blanks at its end: what a char(n) is as a text, and what comparing it looks at."""
    return Call(TEXT, expr.nullable, "rtrim", "{0}.rstrip(' ')", (expr,))


def apply_modifiers(expr: Expr, target: SqlType, *, explicit: bool) -> Expr:
    """`expr`, already of the kind of `target`, fitted to its length, precision and scale."""
    if target == target.unconstrained and target.name != "character":
        return expr if expr.type == target else retyped(expr, target)
    if isinstance(expr, Const) and expr.value is None:
        return Const(target, True, None)
    if not explicit and expr.type == target:
        return expr
    if explicit and target.is_text and target.length is not None:
        template = f"{{0}}[:{target.length}]"
        if target.name == "character":
            template += f".ljust({target.length})"
        return Call(target, expr.nullable, "cast", template, (expr,))
    name = f"coerce_{_identifier(target)}"
    return Call(target, expr.nullable, "cast", f"{name}({{0}})", (expr,), names=((name, target.coerce),))


def with_fields(text: Expr, target: SqlType) -> Expr:
    """A text as an interval with the fields of `target`, which say what a number without a unit is."""
    if isinstance(text, Const) and text.value is None:
        return Const(target, True, None)
    name = f"read_{_identifier(target)}"
    return Call(target, text.nullable, "cast", f"{name}({{0}})", (text,), names=((name, target.parse),))


def retyped(expr: Expr, target: SqlType) -> Expr:
    """The same value under another name of its type (text for varchar)."""
    return Call(target, expr.nullable, "cast", "{0}", (expr,))


def _identifier(t: SqlType) -> str:
    return "".join(c if c.isalnum() else "_" for c in str(t).replace("[]", " array")).strip("_")


def _to_text(source: SqlType) -> tuple[str, tuple[tuple[str, Any], ...]]:
    name = f"format_{_identifier(source.unconstrained)}"
    return f"{name}({{0}})", ((name, source.unconstrained.format),)


def _templates() -> dict[tuple[str, str], tuple[str, bool]]:
    out: dict[tuple[str, str], tuple[str, bool]] = {}
    integers = (SMALLINT, INTEGER, BIGINT)
    for i in integers:
        for j in integers:
            out[i.name, j.name] = ("{0}", _RANK[i.name] > _RANK[j.name])
        out[i.name, NUMERIC.name] = ("Decimal({0})", False)
        out[NUMERIC.name, i.name] = ("numeric_to_int({0})", True)
        for f in (REAL, DOUBLE):
            out[i.name, f.name] = ("float({0})", False)
            out[f.name, i.name] = ("float_to_int({0})", True)
    for f in (REAL, DOUBLE):
        out[NUMERIC.name, f.name] = ("numeric_to_float({0})", False)
        out[f.name, NUMERIC.name] = (f"{'real' if f is REAL else 'float'}_to_numeric({{0}})", False)
    out[REAL.name, DOUBLE.name] = ("{0}", False)
    out[DOUBLE.name, REAL.name] = ("float_to_real({0})", False)
    out[NUMERIC.name, REAL.name] = ("float_to_real({0})", False)
    for i in integers:
        out[i.name, REAL.name] = ("float_to_real({0})", False)
    out[INTEGER.name, BOOLEAN.name] = ("({0} != 0)", False)
    out[BOOLEAN.name, INTEGER.name] = ("int({0})", False)
    for text in (TEXT.name, "character varying", "character"):
        out[BOOLEAN.name, text] = ("('true' if {0} else 'false')", False)
    out[DATE.name, TIMESTAMP.name] = ("date_to_timestamp({0})", False)
    out[DATE.name, TIMESTAMPTZ.name] = ("date_to_timestamptz({0})", False)
    out[TIMESTAMP.name, DATE.name] = ("{0}.date()", False)
    out[TIMESTAMPTZ.name, DATE.name] = ("without_zone({0}).date()", False)
    out[TIMESTAMP.name, TIME.name] = ("{0}.time()", False)
    out[TIMESTAMPTZ.name, TIME.name] = ("without_zone({0}).time()", False)
    out[TIMESTAMP.name, TIMESTAMPTZ.name] = ("with_zone({0})", False)
    out[TIMESTAMPTZ.name, TIMESTAMP.name] = ("without_zone({0})", False)
    return out


_TEMPLATES: Final = _templates()
