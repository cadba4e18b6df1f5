"""Functions that tools call beside the catalog, and that answer the same whatever the dictionary is."""

from __future__ import annotations

import os
from typing import Any, Final

from exdbsql.engine.query.catalog.relations import OWNER_NAME, SETTINGS
from exdbsql.engine.query.signatures import Function
from exdbsql.schema.array import Array
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.types import BIGINT, BOOLEAN, INTEGER, TEXT, SqlType, array_of


def _setting(name: str, missing_ok: bool = False) -> str | None:
    value = SETTINGS.get(name.lower())
    if value is None and not missing_ok:
        raise ProgrammingError(
            f'unrecognized configuration parameter "{name}"', sqlstate="42704", hint="what a session sets, SHOW shows"
        )
    return value


def _search_path(implicit: bool) -> Array:
    return Array.of_elements(("pg_catalog", "public") if implicit else ("public",))


def _function(name: str, args: tuple[SqlType, ...], result: SqlType, template: str, **more: Any) -> Function:
    return Function(name, args, result, template, **more)


def _functions() -> list[Function]:
    made = [
        _function(name, (BIGINT,), BOOLEAN, "({0} is not None)")
        for name in (
            *("pg_table_is_visible", "pg_type_is_visible", "pg_function_is_visible", "pg_collation_is_visible"),
            "pg_opclass_is_visible",
        )
    ]
    for name in ("has_table_privilege", "has_schema_privilege", "has_database_privilege", "has_sequence_privilege"):
        for args in ((TEXT, TEXT), (BIGINT, TEXT), (TEXT, TEXT, TEXT)):
            made.append(_function(name, args, BOOLEAN, "({0} is not None)"))
    for more in ((), (BOOLEAN,)):
        made.append(_function("pg_get_expr", (TEXT, BIGINT, *more), TEXT, "{0}"))
        made.append(
            _function(
                "current_setting",
                (TEXT, *more),
                TEXT,
                f"setting({{0}}{', {1}' if more else ''})",
                nullable=bool(more),
                names=(("setting", _setting),),
            )
        )
        made.append(_function("pg_get_triggerdef", (BIGINT, *more), TEXT, "None", nullable=True))
    for name in ("pg_get_function_result", "pg_get_function_arguments", "pg_get_function_identity_arguments"):
        made.append(_function(name, (BIGINT,), TEXT, "None", nullable=True))
    made += [
        _function("pg_get_userbyid", (BIGINT,), TEXT, f"({{0}} and {OWNER_NAME!r})"),
        _function("pg_encoding_to_char", (INTEGER,), TEXT, "({0} is not None and 'UTF8')"),
        _function("pg_is_in_recovery", (), BOOLEAN, "False"),
        _function("pg_backend_pid", (), INTEGER, "getpid()", names=(("getpid", os.getpid),)),
        _function("pg_relation_is_publishable", (BIGINT,), BOOLEAN, "({0} is None)"),
        _function("pg_get_statisticsobjdef_columns", (BIGINT,), TEXT, "None", nullable=True),
        _function("shobj_description", (BIGINT, TEXT), TEXT, "None", nullable=True),
        _function(
            "current_schemas",
            (BOOLEAN,),
            array_of(TEXT),
            "search_path({0})",
            names=(("search_path", _search_path),),
        ),
        _function("pg_partition_ancestors", (BIGINT,), BIGINT, "[]", rows=(("relid", BIGINT),)),
    ]
    return made


FUNCTIONS: Final = _functions()
TYPE_ALIASES: Final = {
    "OID": BIGINT,
    "NAME": TEXT,
    "REGPROC": BIGINT,
    "REGROLE": BIGINT,
    "INT2VECTOR": array_of(INTEGER),
}
"""Types of the catalog, and what they are here."""
