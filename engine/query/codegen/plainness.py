"""What the shortcuts may take: tables without constraints that they do not know, expressions that cannot fail, block or call back.

A shortcut replaces a general way that others extend. So it names what it knows, and refuses everything else: a new kind of
constraint, a new field of a statement, a new expression makes a statement not plain until somebody has thought about it here.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Final

from exdbsql.engine.query.expressions import Call, Column, Compare, Const, Expr, IsNull, Logical, Not, Param
from exdbsql.engine.query.plan import Scan, walk
from exdbsql.engine.query.statements import CheckedRow, Delete, Insert, Update
from exdbsql.schema.table import Column as TableColumn
from exdbsql.schema.table import IndexColumn, IndexDef, Table

HARMLESS: Final = (Column, Param, Const, Compare, Logical, Not, IsNull)
"""Expressions that cannot fail and look at nothing but rows and parameters."""

_ARITHMETIC: Final = re.compile(r"\(\{0\} [-+*] \{1\}\)|\(-\{0\}\)")
_KNOWN: Final[dict[type, frozenset[str]]] = {
    Table: frozenset(("id", "name", "kind", "columns", "primary_key", "uniques", "checks")),
    IndexDef: frozenset(("name", "table", "columns", "unique", "where", "include", "nulls_not_distinct")),
    IndexColumn: frozenset(("name", "descending", "expression", "nulls_swapped")),
    TableColumn: frozenset(("name", "type", "not_null", "default")),
    CheckedRow: frozenset(("table", "row_rel", "checks")),
    Insert: frozenset(("row", "source")),
    Update: frozenset(("row", "source", "target_rel", "key", "new_row", "may_repeat")),
    Delete: frozenset(("row", "source", "target_rel", "key", "may_repeat")),
    Scan: frozenset(("rel", "table", "alias", "width", "filters", "access")),
}
"""What this module knows how to deal with. Whatever else these values hold, now or some day, makes a statement not plain."""


def only_known(value: Any, *others: str) -> bool:
    """Whether a value has nothing in the fields that the shortcuts do not know; `others` are fields that the caller knows."""
    known = _KNOWN[type(value)]
    return all(f.name in known or f.name in others or not getattr(value, f.name) for f in fields(value))


def is_harmless(parts: Any) -> bool:
    """Whether expressions look at rows and parameters alone, and do simple arithmetic at most."""
    for part in walk(parts):
        if isinstance(part, Call):
            if not _ARITHMETIC.fullmatch(part.template) or part.names:
                return False
        elif isinstance(part, Expr) and not isinstance(part, HARMLESS):
            return False
    return True


def mentions(other: Table, name: str) -> bool:
    """Whether something that this module does not know in another table speaks of a table: a foreign key, for example."""
    known = _KNOWN[Table]
    unknown = [getattr(other, field.name) for field in fields(other) if field.name not in known]
    return any(value and repr(name) in repr(value) for value in unknown)
