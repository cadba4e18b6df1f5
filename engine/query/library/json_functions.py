"""Signatures of the functions and operators of json and jsonb."""

from typing import Any, Final

from exdbsql.engine.query.library import json_texts as t
from exdbsql.engine.query.library import json_values as j
from exdbsql.engine.query.library import jsonb_changing as c
from exdbsql.engine.query.library import jsonb_reading as r
from exdbsql.engine.query.library import jsonpath as p
from exdbsql.engine.query.signatures import Function, Kind, Poly, Result
from exdbsql.schema.jsonb import kind
from exdbsql.schema.types import BOOLEAN, INTEGER, JSON, JSONB, TEXT, array_of

_TEXTS: Final = array_of(TEXT)
FUNCTIONS: Final[list[Function]] = []
OPERATORS: Final[list[Function]] = []


def _call(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> Function:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args))) if not more.get("variadic") else "{all}"
    return Function(name, args, result, f"{function.__name__}({slots})", names=((function.__name__, function),), **more)


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    FUNCTIONS.append(_call(name, args, result, function, **more))


def _operator(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    OPERATORS.append(_call(name, args, result, function, **more))


for _key in (TEXT, INTEGER):
    _operator("->", (JSONB, _key), JSONB, r.jsonb_get, nullable=True)
    _operator("->>", (JSONB, _key), TEXT, r.jsonb_get_text, nullable=True)
    _operator("->", (JSON, _key), JSON, t.json_get, nullable=True)
    _operator("->>", (JSON, _key), TEXT, t.json_get_text, nullable=True)
_operator("#>", (JSONB, _TEXTS), JSONB, r.jsonb_path, nullable=True)
_operator("#>>", (JSONB, _TEXTS), TEXT, r.jsonb_path_text, nullable=True)
_operator("#>", (JSON, _TEXTS), JSON, t.json_path, nullable=True)
_operator("#>>", (JSON, _TEXTS), TEXT, t.json_path_text, nullable=True)
_operator("#-", (JSONB, _TEXTS), JSONB, c.jsonb_delete_path)
_operator("@>", (JSONB, JSONB), BOOLEAN, r.jsonb_contains)
OPERATORS.append(
    Function("<@", (JSONB, JSONB), BOOLEAN, "jsonb_contains({1}, {0})", names=(("jsonb_contains", r.jsonb_contains),))
)
_operator("?", (JSONB, TEXT), BOOLEAN, r.jsonb_exists)
_operator("?|", (JSONB, _TEXTS), BOOLEAN, r.jsonb_exists_any)
_operator("?&", (JSONB, _TEXTS), BOOLEAN, r.jsonb_exists_all)
_operator("||", (JSONB, JSONB), JSONB, c.jsonb_concat)
_operator("-", (JSONB, TEXT), JSONB, c.jsonb_delete_key)
_operator("-", (JSONB, INTEGER), JSONB, c.jsonb_delete_index)
_operator("-", (JSONB, _TEXTS), JSONB, c.jsonb_delete_keys)

_add("to_json", (Poly.ANY,), JSON, j.json_text)
_add("to_jsonb", (Poly.ANY,), JSONB, j.to_jsonb)
_add("array_to_json", (Poly.ARRAY,), JSON, j.json_text)
_add("json_build_object", (Poly.ANY,), JSON, j.json_build_object, variadic=True, strict=False)
_add("jsonb_build_object", (Poly.ANY,), JSONB, j.jsonb_build_object, variadic=True, strict=False)
_add("json_build_array", (Poly.ANY,), JSON, j.json_build_array, variadic=True, strict=False)
_add("jsonb_build_array", (Poly.ANY,), JSONB, j.jsonb_build_array, variadic=True, strict=False)
for _prefix, _t, _get, _get_text in (
    ("json", JSON, t.json_path, t.json_path_text),
    ("jsonb", JSONB, r.jsonb_path, r.jsonb_path_text),
):
    _object = j.json_object if _prefix == "json" else j.jsonb_object
    _add(f"{_prefix}_object", (_TEXTS,), _t, _object)
    _add(f"{_prefix}_object", (_TEXTS, _TEXTS), _t, _object)
    for _name, _result, _function in (("extract_path", _t, _get), ("extract_path_text", TEXT, _get_text)):
        FUNCTIONS.append(
            Function(
                f"{_prefix}_{_name}",
                (_t, TEXT),
                _result,
                _function.__name__ + "({0}, ({rest}))",
                variadic=True,
                least=2,
                nullable=True,
                names=((_function.__name__, _function),),
            )
        )
_add("json_typeof", (JSON,), TEXT, t.json_typeof)
_add("jsonb_typeof", (JSONB,), TEXT, kind)
_add("json_array_length", (JSON,), INTEGER, t.json_array_length)
_add("jsonb_array_length", (JSONB,), INTEGER, r.jsonb_array_length)
_add("jsonb_set", (JSONB, _TEXTS, JSONB), JSONB, c.jsonb_set)
_add("jsonb_set", (JSONB, _TEXTS, JSONB, BOOLEAN), JSONB, c.jsonb_set)
for _options in ((), (BOOLEAN,), (BOOLEAN, TEXT)):
    _add("jsonb_set_lax", (JSONB, _TEXTS, JSONB, *_options), JSONB, c.jsonb_set_lax, strict=False, nullable=True)
_add("jsonb_insert", (JSONB, _TEXTS, JSONB), JSONB, c.jsonb_insert)
_add("jsonb_insert", (JSONB, _TEXTS, JSONB, BOOLEAN), JSONB, c.jsonb_insert)
_add("json_strip_nulls", (JSON,), JSON, t.json_strip_nulls)
_add("jsonb_strip_nulls", (JSONB,), JSONB, c.jsonb_strip_nulls)
_add("jsonb_pretty", (JSONB,), TEXT, c.jsonb_pretty)

for _n in range(3):
    _more = (JSONB, BOOLEAN)[:_n]
    _add("jsonb_path_exists", (JSONB, TEXT, *_more), BOOLEAN, p.jsonb_path_exists, nullable=True)
    _add("jsonb_path_match", (JSONB, TEXT, *_more), BOOLEAN, p.jsonb_path_match, nullable=True)
    _add("jsonb_path_query_array", (JSONB, TEXT, *_more), JSONB, p.jsonb_path_query_array)
    _add("jsonb_path_query_first", (JSONB, TEXT, *_more), JSONB, p.jsonb_path_query_first, nullable=True)
    _column = (("jsonb_path_query", JSONB),)
    _add("jsonb_path_query", (JSONB, TEXT, *_more), JSONB, p.jsonb_path_query, rows=_column)
_operator("@?", (JSONB, TEXT), BOOLEAN, p.path_exists_operator, nullable=True)
_operator("@@", (JSONB, TEXT), BOOLEAN, p.path_match_operator, nullable=True)

for _prefix, _t in (("json", JSON), ("jsonb", JSONB)):
    for _name, _columns in (
        ("array_elements", (("value", _t),)),
        ("array_elements_text", (("value", TEXT),)),
        ("each", (("key", TEXT), ("value", _t))),
        ("each_text", (("key", TEXT), ("value", TEXT))),
        ("object_keys", ((f"{_prefix}_object_keys", TEXT),)),
    ):
        _add(
            f"{_prefix}_{_name}",
            (_t,),
            _columns[0][1],
            getattr(r if _t == JSONB else t, f"{_prefix}_{_name}"),
            rows=_columns,
        )
