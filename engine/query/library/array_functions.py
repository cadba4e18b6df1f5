"""Signatures of the functions and operators of arrays."""

from typing import Any, Final

from exdbsql.engine.query.library import array_values as a
from exdbsql.engine.query.signatures import Function, Kind, Poly, Result
from exdbsql.schema.types import BOOLEAN, INTEGER, TEXT, array_of

_ARRAY, _ELEMENT = Poly.ARRAY, Poly.ELEMENT
_INTEGERS: Final = array_of(INTEGER)
_TEXTS: Final = array_of(TEXT)
FUNCTIONS: Final[list[Function]] = []
OPERATORS: Final[list[Function]] = []


def _call(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> Function:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    return Function(name, args, result, f"{function.__name__}({slots})", names=((function.__name__, function),), **more)


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    FUNCTIONS.append(_call(name, args, result, function, **more))


OPERATORS.extend(
    [
        _call("||", (_ARRAY, _ARRAY), _ARRAY, a.array_cat, strict=False, nullable=True),
        _call("||", (_ARRAY, _ELEMENT), _ARRAY, a.array_append, strict=False),
        _call("||", (_ELEMENT, _ARRAY), _ARRAY, a.array_prepend, strict=False),
        _call("@>", (_ARRAY, _ARRAY), BOOLEAN, a.array_contains),
        Function(
            "<@", (_ARRAY, _ARRAY), BOOLEAN, "array_contains({1}, {0})", names=(("array_contains", a.array_contains),)
        ),
        _call("&&", (_ARRAY, _ARRAY), BOOLEAN, a.array_overlaps),
    ]
)
_add("array_append", (_ARRAY, _ELEMENT), _ARRAY, a.array_append, strict=False)
_add("array_prepend", (_ELEMENT, _ARRAY), _ARRAY, a.array_prepend, strict=False)
_add("array_cat", (_ARRAY, _ARRAY), _ARRAY, a.array_cat, strict=False, nullable=True)
_add("array_length", (_ARRAY, INTEGER), INTEGER, a.array_length, nullable=True)
_add("array_upper", (_ARRAY, INTEGER), INTEGER, a.array_length, nullable=True)
_add("array_lower", (_ARRAY, INTEGER), INTEGER, a.array_lower, nullable=True)
_add("array_ndims", (_ARRAY,), INTEGER, a.array_ndims, nullable=True)
_add("array_dims", (_ARRAY,), TEXT, a.array_dims, nullable=True)
_add("cardinality", (_ARRAY,), INTEGER, a.cardinality)
_add("array_position", (_ARRAY, _ELEMENT), INTEGER, a.array_position, strict=False, nullable=True)
_add("array_position", (_ARRAY, _ELEMENT, INTEGER), INTEGER, a.array_position, strict=False, nullable=True)
_add("array_positions", (_ARRAY, _ELEMENT), _INTEGERS, a.array_positions, strict=False, nullable=True)
_add("array_remove", (_ARRAY, _ELEMENT), _ARRAY, a.array_remove, strict=False, nullable=True)
_add("array_replace", (_ARRAY, _ELEMENT, _ELEMENT), _ARRAY, a.array_replace, strict=False, nullable=True)
_add("array_fill", (_ELEMENT, _INTEGERS), _ARRAY, a.array_fill, strict=False)
_add("array_fill", (_ELEMENT, _INTEGERS, _INTEGERS), _ARRAY, a.array_fill, strict=False)
_add("trim_array", (_ARRAY, INTEGER), _ARRAY, a.trim_array)
_add("array_to_string", (_ARRAY, TEXT), TEXT, a.array_to_string)
_add("array_to_string", (_ARRAY, TEXT, TEXT), TEXT, a.array_to_string, strict=False, nullable=True)
_add("string_to_array", (TEXT, TEXT), _TEXTS, a.string_to_array, strict=False, nullable=True)
_add("string_to_array", (TEXT, TEXT, TEXT), _TEXTS, a.string_to_array, strict=False, nullable=True)
_add("string_to_table", (TEXT, TEXT), TEXT, a.string_to_table, strict=False, rows=(("string_to_table", TEXT),))
_add("string_to_table", (TEXT, TEXT, TEXT), TEXT, a.string_to_table, strict=False, rows=(("string_to_table", TEXT),))
_add("unnest", (_ARRAY,), _ELEMENT, a.unnest, rows=(("unnest", _ELEMENT),))
_add("generate_subscripts", (_ARRAY, INTEGER), INTEGER, a.generate_subscripts, rows=(("generate_subscripts", INTEGER),))
_add(
    "generate_subscripts",
    (_ARRAY, INTEGER, BOOLEAN),
    INTEGER,
    a.generate_subscripts,
    rows=(("generate_subscripts", INTEGER),),
)
