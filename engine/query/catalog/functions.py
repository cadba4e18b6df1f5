"""Functions over the catalog: definitions as text, names of numbers, comments; and the casts to ``regclass`` and its kin.

A name cast to ``regclass`` becomes the object's number (a bigint here), a number becomes its name (a text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.catalog import oids
from exdbsql.engine.query.catalog.relations import all_indexes
from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.expressions import Call, Expr
from exdbsql.engine.query.signatures import Function, resolve
from exdbsql.schema import sqlstate
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DatabaseError, ProgrammingError
from exdbsql.schema.identifiers import quote_name
from exdbsql.schema.printer import create_index_sql, foreign_key_sql, unique_key_sql
from exdbsql.schema.table import CommentKey
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import BIGINT, BOOLEAN, INTEGER, TEXT, SqlType

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def split_name(text: str) -> tuple[str | None, str]:
    """Schema and name of a relation as text has them, folded to lower case where not quoted."""
    schema, _, name = text.strip().rpartition(".")
    parts = [part.strip('"').replace('""', '"') if part.startswith('"') else part.lower() for part in (schema, name)]
    return parts[0] or None, parts[1]


def _relation_number(dictionary: Dictionary, text: str) -> int | None:
    """The number of the relation of a name, or None."""
    if text.isdigit():
        return int(text)
    _, name = split_name(text)
    if name in oids.CATALOGS:
        return oids.CATALOGS[name]
    known = name in dictionary.tables or name in dictionary.views or name in dictionary.sequences
    known = known or any(name == i.name for t in dictionary.tables.values() for i in all_indexes(dictionary, t))
    return oids.oid_of("class", name) if known else None


def _required_relation(dictionary: Dictionary, text: str) -> int:
    found = _relation_number(dictionary, text)
    if found is None:
        raise ProgrammingError(f'relation "{text}" does not exist', sqlstate=sqlstate.UNDEFINED_TABLE)
    return found


def _relation_names(dictionary: Dictionary) -> dict[int, str]:
    names = [*dictionary.tables, *dictionary.views, *dictionary.sequences]
    names += [index.name for table in dictionary.tables.values() for index in all_indexes(dictionary, table)]
    return {oids.oid_of("class", n): quote_name(n) for n in names} | {o: n for n, o in oids.CATALOGS.items()}


def _type_number(dictionary: Dictionary, text: str) -> int:
    if text.isdigit():
        return int(text)
    return oids.type_oid(parse_type(text.removeprefix("pg_catalog."), dictionary.types))


def _type_numbers(dictionary: Dictionary, text: str) -> int | None:
    try:
        return _type_number(dictionary, text)
    except DatabaseError:
        return None


def _type_names(dictionary: Dictionary) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, (oid, _, array) in oids.TYPES.items():
        found |= {oid: name, array: f"{name}[]"}
    for name in dictionary.types:
        found |= {oids.oid_of("type", name): name, oids.oid_of("type", f"_{name}"): f"{name}[]"}
    return found


def _namespace_number(dictionary: Dictionary, text: str) -> int:
    number = int(text) if text.isdigit() else oids.NAMESPACES.get(split_name(text)[1])
    if number is None:
        raise ProgrammingError(f'schema "{text}" does not exist', sqlstate="3F000")
    return number


def _namespace_names(dictionary: Dictionary) -> dict[int, str]:
    return {oid: name for name, oid in oids.NAMESPACES.items()}


_ALIASES: Final[dict[str, tuple[Callable[[Dictionary, str], int], Callable[[Dictionary], Mapping[int, str]]]]] = {
    "REGCLASS": (_required_relation, _relation_names),
    "REGTYPE": (_type_number, _type_names),
    "REGNAMESPACE": (_namespace_number, _namespace_names),
}


def alias_cast(binder: ExpressionBinder, node: exp.Cast) -> Expr | None:
    """``x::regclass`` and its kin, and ``x::regclass::text``; None for any other cast."""
    inner = node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    kind = _alias(node)
    if kind is not None:
        return _to_alias(binder, node, kind)
    if isinstance(inner, exp.Cast) and (kind := _alias(inner)) is not None:
        target = node.args["to"].sql("postgres")
        if target in ("TEXT", "VARCHAR"):
            number = _to_alias(binder, inner, kind)
            return number if number.type == TEXT else _name_of_number(binder, number, kind)
    return None


def _alias(node: exp.Cast) -> str | None:
    text = node.args["to"].sql("postgres").upper()
    return text if text in _ALIASES else None


def _to_alias(binder: ExpressionBinder, node: exp.Cast, kind: str) -> Expr:
    arg = binder.bind(node.this)
    if arg.type is None:
        arg = operators.resolved(binder.context, node, arg, TEXT)
    if arg.known_type.is_integer:
        return _name_of_number(binder, arg, kind)
    if not arg.known_type.is_text:
        raise binder.context.error(node, f"cannot cast type {arg.type} to {kind.lower()}", sqlstate.CANNOT_COERCE)
    name = f"number_of_{kind.lower()}"
    function = _once(binder, name, lambda dictionary: partial(_ALIASES[kind][0], dictionary))
    return Call(BIGINT, arg.nullable, "cast", f"{name}({{0}})", (arg,), names=((name, function),))


def _name_of_number(binder: ExpressionBinder, arg: Expr, kind: str) -> Expr:
    name = f"name_of_{kind.lower()}"
    template = f"({name}({{0}}) or ('-' if {{0}} == 0 else str({{0}})))"
    look_up = _once(binder, name, lambda dictionary: _ALIASES[kind][1](dictionary).get)
    return Call(TEXT, arg.nullable, "cast", template, (arg,), names=((name, look_up),))


def _once(binder: ExpressionBinder, name: str, make: Callable[[Dictionary], Any]) -> Any:
    """What `make` makes of the dictionary, the same object within a statement, so that equal calls are equal."""
    made = binder.context.made
    if name not in made:
        made[name] = make(binder.context.dictionary)
    return made[name]


# definitions


def _format_type(dictionary: Dictionary) -> Callable[[int | None, int | None], str | None]:
    names = _type_names(dictionary)

    def format_type(oid: int | None, modifier: int | None) -> str | None:
        if oid is None:
            return None
        name = names.get(oid, "???")
        base = name.removesuffix("[]")
        shown = base
        if modifier is not None and modifier > 4 and base.startswith("character"):
            shown = f"{base}({modifier - 4})"
        elif modifier is not None and modifier > 4 and base == "numeric":
            shown = f"numeric({modifier - 4 >> 16},{modifier - 4 & 0xFFFF})"
        elif modifier is not None and modifier >= 0 and base.startswith("time"):
            head, _, tail = base.partition(" ")
            shown = f"{head}({modifier}) {tail}"
        elif modifier is not None and modifier >= 0 and base == "interval":
            shown = oids.interval_type(modifier)
        return shown + name[len(base) :]

    return format_type


def _index_definitions(dictionary: Dictionary) -> Callable[..., str | None]:
    texts, parts = {}, {}
    for table in dictionary.tables.values():
        for index in all_indexes(dictionary, table):
            oid = oids.oid_of("class", index.name)
            head, _, tail = create_index_sql(index).partition(f" ON {quote_name(index.table)} ")
            texts[oid] = f"{head} ON public.{quote_name(index.table)} USING btree {tail}"
            parts[oid] = [c.expression or quote_name(c.name) for c in index.columns]

    def index_definition(oid: int, column: int = 0, pretty: bool = False) -> str | None:
        if not column:
            return texts.get(oid)
        names = parts.get(oid, [])
        return names[column - 1] if 0 < column <= len(names) else ""

    return index_definition


def _constraint_definitions(dictionary: Dictionary) -> Callable[..., str | None]:
    texts: dict[int, str] = {}
    for table in dictionary.tables.values():
        found = [(k.name, unique_key_sql(k, primary=k == table.declared_primary_key)) for k in table.unique_keys]
        found += [(check.name, f"CHECK ({check.expression})") for check in table.checks]
        found += [
            (key.name, foreign_key_sql(key).replace(" (", "(").replace("KEY(", "KEY (")) for key in table.foreign_keys
        ]
        texts |= {oids.oid_of("constraint", f"{table.name}.{name}"): text for name, text in found}
    return lambda oid, pretty=False: texts.get(oid)


def _view_definitions(dictionary: Dictionary) -> Callable[..., str | None]:
    texts = {oids.oid_of("class", name): view.query for name, view in dictionary.views.items()}

    def view_definition(view: int | str, pretty: bool | int = False) -> str | None:
        return texts.get(_required_relation(dictionary, view) if isinstance(view, str) else view)

    return view_definition


def _descriptions(dictionary: Dictionary) -> Callable[..., str | None]:
    texts: dict[tuple[int, str], str] = {}
    for key, text in dictionary.comments.items():
        if key.kind not in ("COLUMN", "CONSTRAINT", "TYPE"):
            texts[oids.oid_of("class", key.name), "pg_class"] = text
        elif key.kind == "TYPE":
            texts[oids.oid_of("type", key.name), "pg_type"] = text
        elif key.kind == "CONSTRAINT":
            texts[oids.oid_of("constraint", f"{key.name}.{key.part}"), "pg_constraint"] = text
    return lambda oid, catalog="pg_class": texts.get((oid, catalog))


def _column_descriptions(dictionary: Dictionary) -> Callable[[int, int], str | None]:
    names = {oids.oid_of("class", name): table for name, table in dictionary.tables.items()}

    def described(relation: int, number: int) -> str | None:
        table = names.get(relation)
        if table is None or not 1 <= number <= len(table.columns):
            return None
        return dictionary.comments.get(CommentKey("COLUMN", table.name, table.columns[number - 1].name))

    return described


def _serial_sequences(dictionary: Dictionary) -> Callable[[str, str], str | None]:
    def serial_sequence(table: str, column: str) -> str | None:
        owner = (split_name(table)[1], column)
        found = next((s.name for s in dictionary.sequences.values() if s.owned_by == owner), None)
        return None if found is None else f"public.{quote_name(found)}"

    return serial_sequence


_Made = Callable[[Dictionary], Any]
_OF_THE_DICTIONARY: Final[dict[str, tuple[tuple[tuple[SqlType, ...], ...], SqlType, _Made, bool]]] = {
    "format_type": (((BIGINT, INTEGER),), TEXT, _format_type, False),
    "pg_get_indexdef": (((BIGINT,), (BIGINT, INTEGER, BOOLEAN)), TEXT, _index_definitions, True),
    "pg_get_constraintdef": (((BIGINT,), (BIGINT, BOOLEAN)), TEXT, _constraint_definitions, True),
    "pg_get_viewdef": (
        ((BIGINT,), (BIGINT, BOOLEAN), (BIGINT, INTEGER), (TEXT,), (TEXT, BOOLEAN)),
        TEXT,
        _view_definitions,
        True,
    ),
    "obj_description": (((BIGINT,), (BIGINT, TEXT)), TEXT, _descriptions, True),
    "col_description": (((BIGINT, INTEGER),), TEXT, _column_descriptions, True),
    "pg_get_serial_sequence": (((TEXT, TEXT),), TEXT, _serial_sequences, True),
    "to_regclass": (((TEXT,),), BIGINT, lambda d: partial(_relation_number, d), True),
    "to_regtype": (((TEXT,),), BIGINT, lambda d: partial(_type_numbers, d), True),
}
"""By name: the arguments, the result, what makes the function of a dictionary, whether it is strict."""


def of_the_dictionary(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """A function whose answers are in the dictionary; the statement belongs to it, so they stay true."""
    name = name_of(node.this)
    overloads, result, make, strict = _OF_THE_DICTIONARY[name]
    args = [binder.bind(a) for a in node.expressions]
    candidates = [
        Function(name, types, result, f"{name}({', '.join(f'{{{i}}}' for i in range(len(types)))})", strict=strict)
        for types in overloads
    ]
    found = resolve(candidates, [a.type for a in args])
    if found is None:
        shown = ", ".join(operators.type_name(a.type) for a in args)
        raise binder.context.error(node, f"function {name}({shown}) does not exist", sqlstate.UNDEFINED_FUNCTION)
    call = operators.call_of(binder.context, node, found, args)
    names = ((name, _once(binder, name, make)),)
    return Call(call.type, True, name, call.template, call.args, strict=call.strict, names=names)


FORMS: Final = dict.fromkeys(_OF_THE_DICTIONARY, of_the_dictionary)
