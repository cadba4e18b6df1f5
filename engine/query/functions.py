"""The table of scalar functions and operators: signatures, result types, and the Python source of a call.

A function is a row of data: its arguments' types, its result, and a template. To add one, add a row (and, where no Python
expression says it, a function in `runtime`). Which overload a call means follows PostgreSQL's rule in short: the one whose
types fit exactly, else the first that all arguments convert to implicitly; the order of the rows says which is preferred.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from exdbsql.engine.query.catalog import shared as catalog_functions
from exdbsql.engine.query.library import (
    array_functions,
    array_values,
    datetime_functions,
    json_functions,
    json_texts,
    json_values,
    jsonb_changing,
    jsonb_reading,
    number_functions,
    number_values,
    text_functions,
)
from exdbsql.engine.query.signatures import Function, Resolved, resolve
from exdbsql.schema.types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    SqlType,
)

VERSION_TEXT: Final = "PostgreSQL 15.0 (the dialect of exdbsql)"
"""What version() gives: programs read the number, to know what they may ask for."""


def _overloads() -> Iterator[Function]:
    """The functions that no module of the library has."""
    yield from _numbers()
    yield from _texts()
    yield from _session()
    yield from _moments()


def _numbers() -> Iterator[Function]:
    for t in (SMALLINT, INTEGER, BIGINT):
        yield Function("abs", (t,), t, "abs({0})", checked=True)
    for t in (NUMERIC, DOUBLE, REAL):
        yield Function("abs", (t,), t, "abs({0})")
    for name in ("round", "floor", "ceil", "trunc"):
        long = {"trunc": "truncate"}.get(name, name)
        yield Function(name, (DOUBLE,), DOUBLE, f"float_{long}({{0}})")
        yield Function(name, (NUMERIC,), NUMERIC, f"numeric_{long}({{0}})")
    yield Function("round", (NUMERIC, INTEGER), NUMERIC, "numeric_round({0}, {1})")
    yield Function("trunc", (NUMERIC, INTEGER), NUMERIC, "numeric_truncate({0}, {1})")
    yield Function("sign", (DOUBLE,), DOUBLE, "float_sign({0})")
    yield Function("sign", (NUMERIC,), NUMERIC, "numeric_sign({0})")
    yield Function("sqrt", (DOUBLE,), DOUBLE, "square_root({0})")
    yield Function("sqrt", (NUMERIC,), NUMERIC, "numeric_square_root({0})")
    yield Function("power", (DOUBLE, DOUBLE), DOUBLE, "power({0}, {1})")
    yield Function("exp", (DOUBLE,), DOUBLE, "exponential({0})")
    yield Function("ln", (DOUBLE,), DOUBLE, "logarithm({0})")
    yield Function("log", (DOUBLE,), DOUBLE, "logarithm10({0})")
    yield Function("pi", (), DOUBLE, "math.pi")
    for t in (INTEGER, BIGINT):
        yield Function("gcd", (t, t), t, "math.gcd({0}, {1})", checked=True)


def _texts() -> Iterator[Function]:
    yield Function("length", (TEXT,), INTEGER, "len({0})")
    yield Function("length", (BYTEA,), INTEGER, "len({0})")
    yield Function("octet_length", (TEXT,), INTEGER, "len({0}.encode())")
    yield Function("octet_length", (BYTEA,), INTEGER, "len({0})")
    yield Function("upper", (TEXT,), TEXT, "{0}.upper()")
    yield Function("lower", (TEXT,), TEXT, "{0}.lower()")
    yield Function("initcap", (TEXT,), TEXT, "initcap({0})")
    yield Function("reverse", (TEXT,), TEXT, "{0}[::-1]")
    yield Function("repeat", (TEXT, INTEGER), TEXT, "repeat({0}, {1})")
    yield Function("replace", (TEXT, TEXT, TEXT), TEXT, "replace({0}, {1}, {2})")
    yield Function("translate", (TEXT, TEXT, TEXT), TEXT, "translate({0}, {1}, {2})")
    yield Function("split_part", (TEXT, TEXT, INTEGER), TEXT, "split_part({0}, {1}, {2})")
    yield Function("left", (TEXT, INTEGER), TEXT, "left_part({0}, {1})")
    yield Function("right", (TEXT, INTEGER), TEXT, "right_part({0}, {1})")
    for side in ("left", "right"):
        yield Function(f"{side[0]}pad", (TEXT, INTEGER), TEXT, f"pad_{side}({{0}}, {{1}})")
        yield Function(f"{side[0]}pad", (TEXT, INTEGER, TEXT), TEXT, f"pad_{side}({{0}}, {{1}}, {{2}})")
    for name, method in (("btrim", "strip"), ("ltrim", "lstrip"), ("rtrim", "rstrip")):
        yield Function(name, (TEXT,), TEXT, f"{{0}}.{method}(' ')")
        yield Function(name, (TEXT, TEXT), TEXT, f"{{0}}.{method}({{1}})")
    yield Function("substring", (TEXT, INTEGER), TEXT, "substring({0}, {1})")
    yield Function("substring", (TEXT, INTEGER, INTEGER), TEXT, "substring({0}, {1}, {2})")
    yield Function("strpos", (TEXT, TEXT), INTEGER, "({0}.find({1}) + 1)")
    yield Function("starts_with", (TEXT, TEXT), BOOLEAN, "{0}.startswith({1})")
    yield Function("overlay", (TEXT, TEXT, INTEGER), TEXT, "overlay({0}, {1}, {2})")
    yield Function("overlay", (TEXT, TEXT, INTEGER, INTEGER), TEXT, "overlay({0}, {1}, {2}, {3})")
    yield Function("ascii", (TEXT,), INTEGER, "ascii_code({0})")
    yield Function("chr", (INTEGER,), TEXT, "character({0})")
    yield Function("md5", (TEXT,), TEXT, "md5_hex({0})")
    yield Function("table_digest", (TEXT,), TEXT, "table_digest(txn, {0})")


def _session() -> Iterator[Function]:
    yield Function("version", (), TEXT, repr(VERSION_TEXT))
    yield Function("current_database", (), TEXT, "txn.database_name")
    yield Function("current_schema", (), TEXT, "'public'")
    yield Function("nextval", (TEXT,), BIGINT, "txn.sequences.next({0})")
    yield Function("currval", (TEXT,), BIGINT, "txn.sequences.current({0})")
    yield Function("lastval", (), BIGINT, "txn.sequences.last()")
    yield Function("setval", (TEXT, BIGINT), BIGINT, "txn.sequences.set({0}, {1})")
    yield Function("setval", (TEXT, BIGINT, BOOLEAN), BIGINT, "txn.sequences.set({0}, {1}, {2})")


def _moments() -> Iterator[Function]:
    for t in (DATE, TIME, TIMESTAMP, TIMESTAMPTZ):
        yield Function("extract", (TEXT, t), NUMERIC, "date_part({0}, {1})")
        moment = "date_to_timestamp({1})" if t == DATE else "{1}"
        yield Function("date_part", (TEXT, t), DOUBLE, f"float(date_part({{0}}, {moment}))")
    yield Function("date_trunc", (TEXT, TIMESTAMP), TIMESTAMP, "date_trunc({0}, {1})")
    yield Function("date_trunc", (TEXT, TIMESTAMPTZ), TIMESTAMPTZ, "date_trunc({0}, {1})")
    yield Function("make_date", (INTEGER, INTEGER, INTEGER), DATE, "make_date({0}, {1}, {2})")


def _by_name() -> dict[str, list[Function]]:
    table: dict[str, list[Function]] = {}
    library = (catalog_functions, number_functions, text_functions, datetime_functions, array_functions, json_functions)
    for function in (*_overloads(), *(f for module in library for f in module.FUNCTIONS)):
        table.setdefault(function.name, []).append(function)
    for alias, name in (
        *(("ceiling", "ceil"), ("char_length", "length"), ("character_length", "length"), ("substr", "substring")),
        *(("pow", "power"), ("trim", "btrim")),
    ):
        table[alias] = table[name]
    return table


def _operators_by_name() -> dict[str, list[Function]]:
    table: dict[str, list[Function]] = {}
    shifts = list(FUNCTIONS.pop("<<") + FUNCTIONS.pop(">>"))
    for function in (*shifts, *array_functions.OPERATORS, *json_functions.OPERATORS, *datetime_functions.OPERATORS):
        table.setdefault(function.name, []).append(function)
    return table


FUNCTIONS: Final = _by_name()
OPERATOR_FUNCTIONS: Final = _operators_by_name()
"""Operators beside those of numbers, texts and comparison, by their signs."""

_WITH_OWN_SYNTAX: Final = frozenset({"substring", "overlay", "trim", "extract", "normalize", "overlaps"})
CALLED_PLAINLY: Final = frozenset(FUNCTIONS) - _WITH_OWN_SYNTAX
"""Functions whose calls hold nothing but arguments: the parser need not know them."""

NODE_FUNCTIONS: Final[dict[type[exp.Expr], tuple[str, tuple[str, ...]]]] = {
    exp.CurrentVersion: ("version", ()),
    exp.CurrentDatabase: ("current_database", ()),
    exp.CurrentCatalog: ("current_database", ()),
    exp.CurrentSchema: ("current_schema", ()),
    exp.Abs: ("abs", ("this",)),
    exp.Round: ("round", ("this", "decimals")),
    exp.Floor: ("floor", ("this",)),
    exp.Ceil: ("ceil", ("this",)),
    exp.Trunc: ("trunc", ("this", "decimals")),
    exp.Sign: ("sign", ("this",)),
    exp.Normalize: ("normalize", ("this",)),
    exp.Cbrt: ("cbrt", ("this",)),
    exp.Pow: ("power", ("this", "expression")),
    exp.Exp: ("exp", ("this",)),
    exp.Ln: ("ln", ("this",)),
    exp.Log: ("log", ("this", "expression")),
    exp.Pi: ("pi", ()),
    exp.Sin: ("sin", ("this",)),
    exp.Cos: ("cos", ("this",)),
    exp.Tan: ("tan", ("this",)),
    exp.Atan: ("atan", ("this",)),
    exp.Degrees: ("degrees", ("this",)),
    exp.Radians: ("radians", ("this",)),
    exp.Length: ("length", ("this",)),
    exp.Upper: ("upper", ("this",)),
    exp.Lower: ("lower", ("this",)),
    exp.Reverse: ("reverse", ("this",)),
    exp.Repeat: ("repeat", ("this", "times")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Translate: ("translate", ("this", "from_", "to")),
    exp.SplitPart: ("split_part", ("this", "delimiter", "part_index")),
    exp.Left: ("left", ("this", "expression")),
    exp.Right: ("right", ("this", "expression")),
    exp.Substring: ("substring", ("this", "start", "length")),
    exp.StrPosition: ("strpos", ("this", "substr")),
    exp.StartsWith: ("starts_with", ("this", "expression")),
    exp.Overlay: ("overlay", ("this", "expression", "from_", "for_")),
    exp.Ascii: ("ascii", ("this",)),
    exp.Chr: ("chr", ("expressions",)),
    exp.MD5: ("md5", ("this",)),
}
"""Functions for which sqlglot has a node of its own: their name, and the node's arguments in order."""


LIBRARY_NAMES: Final = frozenset(
    {name for table in (FUNCTIONS, OPERATOR_FUNCTIONS) for fs in table.values() for f in fs for name, _ in f.names}
    | {
        name
        for name in (
            *vars(array_values),
            *vars(json_values),
            *vars(jsonb_reading),
            *vars(json_texts),
            *vars(jsonb_changing),
            *vars(number_values),
        )
        if name.isidentifier()
    }
    | {
        "regression",
        "percentiles",
        "mode_value",
        "bits_of",
        "similar_to",
        "text_is_json",
        "age_today",
        "RawJson",
        "Record",
    }
)
"""Names that templates of functions refer to."""


def find_overload(candidates: Sequence[Function], types: Sequence[SqlType | None]) -> Resolved | None:
    """The overload for arguments of these types; None where no one fits."""
    return resolve(candidates, types)
