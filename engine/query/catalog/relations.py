"""The relations of ``pg_catalog``: their rows, made from the dictionary.

Those of things that exdbsql does not have (triggers, policies, partitions) are there and empty, as the queries of tools join them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from exdbsql.engine.query.catalog import oids
from exdbsql.schema.array import Array
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.table import (
    Column,
    ForeignKey,
    Identity,
    IndexColumn,
    IndexDef,
    ReferentialAction,
    Table,
    UniqueKey,
)
from exdbsql.schema.types import BIGINT, BOOLEAN, INTEGER, REAL, SMALLINT, TEXT, SqlType, array_of

ViewColumns = Mapping[str, list[tuple[str, SqlType | None]]]
Row = tuple[Any, ...]
Rows = Callable[[Dictionary, ViewColumns], Iterable[Row]]
_KINDS: Final = {
    "": TEXT,
    "o": BIGINT,
    "i": INTEGER,
    "s": SMALLINT,
    "b": BOOLEAN,
    "f": REAL,
    "S": array_of(SMALLINT),
    "O": array_of(BIGINT),
    "T": array_of(TEXT),
}
OWNER_NAME: Final = "exdbsql"


def columns_of(text: str) -> tuple[tuple[str, SqlType], ...]:
    """``"oid:o name"`` as names and types."""
    return tuple((name, _KINDS[kind]) for name, _, kind in (word.partition(":") for word in text.split()))


def all_indexes(dictionary: Dictionary, table: Table) -> list[IndexDef]:
    """The indexes of a table, those of its keys first."""
    keys = [
        IndexDef(key.name, table.name, tuple(map(IndexColumn, key.columns)), unique=True) for key in table.unique_keys
    ]
    return keys + dictionary.indexes_of(table.name)


def _tables(dictionary: Dictionary) -> list[Table]:
    return [table for _, table in sorted(dictionary.tables.items())]


def namespace_of(table: Table) -> int:
    """The number of the schema of a table."""
    return _namespace(table.is_temporary)


def _namespace(is_temporary: bool) -> int:
    return oids.NAMESPACES["pg_temp" if is_temporary else "public"]


_CLASS: Final = (
    "oid:o relname relnamespace:o reltype:o reloftype:o relowner:o relam:o relfilenode:o reltablespace:o relpages:i "
    "reltuples:f relallvisible:i reltoastrelid:o relhasindex:b relisshared:b relpersistence relkind relnatts:s relchecks:s "
    "relhasrules:b relhastriggers:b relhassubclass:b relrowsecurity:b relforcerowsecurity:b relispopulated:b relreplident "
    "relispartition:b relrewrite:o relfrozenxid:o relminmxid:o relacl:T reloptions:T relpartbound"
)


def _class_row(
    name: str,
    kind: str,
    columns: int,
    *,
    namespace: int = 2200,
    temporary: bool = False,
    indexed: bool = False,
    checks: int = 0,
    triggers: bool = False,
) -> Row:
    method = {"r": 2, "i": oids.BTREE}.get(kind, 0)
    oid = oids.oid_of("class", name)
    return (
        *(oid, name, namespace, 0, 0, oids.OWNER, method, oid, 0, 0, -1.0, 0, 0, indexed, False),
        *("t" if temporary else "p", kind, columns, checks, kind == "v", triggers, False, False, False, True),
        *("d" if kind == "r" else "n", False, 0, 0, 0, None, None, None),
    )


def _class(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for table in _tables(dictionary):
        indexes = all_indexes(dictionary, table)
        row = partial(_class_row, namespace=namespace_of(table), temporary=table.is_temporary)
        yield row(table.name, "r", len(table.columns), indexed=bool(indexes), checks=len(table.checks))
        for index in indexes:
            yield row(index.name, "i", len(index.columns) + len(index.include))
    for name in sorted(dictionary.views):
        is_temporary = dictionary.views[name].is_temporary
        yield _class_row(name, "v", len(views[name]), namespace=_namespace(is_temporary), temporary=is_temporary)
    for name, sequence in sorted(dictionary.sequences.items()):
        is_temporary = sequence.id < 0
        yield _class_row(name, "S", 3, namespace=_namespace(is_temporary), temporary=is_temporary)


_ATTRIBUTE: Final = (
    "attrelid:o attname atttypid:o attstattarget:i attlen:s attnum:s attndims:i attcacheoff:i atttypmod:i attbyval:b attalign "
    "attstorage attcompression attnotnull:b atthasdef:b atthasmissing:b attidentity attgenerated attisdropped:b attislocal:b "
    "attinhcount:i attcollation:o attacl:T attoptions:T attfdwoptions:T attmissingval:T"
)


def _attribute_row(relation: int, column: Column, number: int, *, not_null: bool) -> Row:
    t = column.type
    identity = {Identity.ALWAYS: "a", Identity.BY_DEFAULT: "d", None: ""}[column.identity]
    has_default = column.default is not None or column.generated is not None
    collation = 100 if (t.element or t).is_text else 0
    return (
        *(relation, column.name, oids.type_oid(t), -1, -1, number, int(t.is_array), -1, oids.type_modifier(t)),
        *(False, "i", "p", "", not_null, has_default, False, identity, "s" if column.generated is not None else ""),
        *(False, True, 0, collation, None, None, None, None),
    )


def not_null_columns(table: Table) -> set[str]:
    """The columns of a table that hold no NULL."""
    key = () if table.declared_primary_key is None else table.declared_primary_key.columns
    return {c.name for c in table.columns if c.not_null or c.identity is not None} | set(key)


def _attribute(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for table in _tables(dictionary):
        required = not_null_columns(table)
        by_name = {column.name: column for column in table.columns}
        relation = oids.oid_of("class", table.name)
        for number, column in enumerate(table.columns, 1):
            yield _attribute_row(relation, column, number, not_null=column.name in required)
        for index in all_indexes(dictionary, table):
            relation = oids.oid_of("class", index.name)
            for number, part in enumerate(index.columns, 1):
                column = Column(part.name, by_name[part.name].type) if part.name else Column("expr", TEXT)
                yield _attribute_row(relation, column, number, not_null=False)
    for name, columns in sorted(views.items()):
        for number, (column_name, t) in enumerate(columns, 1):
            yield _attribute_row(oids.oid_of("class", name), Column(column_name, t or TEXT), number, not_null=False)


def _attrdef(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for table in _tables(dictionary):
        for number, column in enumerate(table.columns, 1):
            text = column.default if column.generated is None else f"({column.generated})"
            if text is not None:
                relation = oids.oid_of("class", table.name)
                yield oids.oid_of("default", f"{table.name}.{column.name}"), relation, number, text


_TYPE: Final = (
    "oid:o typname typnamespace:o typowner:o typlen:s typbyval:b typtype typcategory typispreferred:b typisdefined:b typdelim "
    "typrelid:o typsubscript:o typelem:o typarray:o typnotnull:b typbasetype:o typtypmod:i typndims:i typcollation:o typdefault"
)
_CATEGORIES: Final = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), "N"),
    **dict.fromkeys(("text", "bpchar", "varchar"), "S"),
    **dict.fromkeys(("date", "time", "timestamp", "timestamptz"), "D"),
    "interval": "T",
    "bool": "B",
}


def _type_row(oid: int, name: str, namespace: int, kind: str, category: str, element: int, array: int) -> Row:
    collation = 100 if category == "S" or name in ("_text", "_varchar", "_bpchar") else 0
    return (
        *(oid, name, namespace, oids.OWNER, -1, False, kind, category, False, True, ",", 0, 0, element, array),
        *(False, 0, -1, 0, collation, None),
    )


def _type(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for oid, name, array in oids.TYPES.values():
        yield _type_row(oid, name, 11, "b", _CATEGORIES.get(name, "U"), 0, array)
        yield _type_row(array, f"_{name}", 11, "b", "A", oid, 0)
    for name in sorted(dictionary.types):
        oid, array = oids.oid_of("type", name), oids.oid_of("type", f"_{name}")
        yield _type_row(oid, name, 2200, "e", "E", 0, array)
        yield _type_row(array, f"_{name}", 2200, "b", "A", oid, 0)


def _enum(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for name, t in sorted(dictionary.types.items()):
        for place, label in enumerate(t.labels or (), 1):
            yield oids.oid_of("label", f"{name}.{label}"), oids.oid_of("type", name), float(place), label


_INDEX: Final = (
    "indexrelid:o indrelid:o indnatts:s indnkeyatts:s indisunique:b indnullsnotdistinct:b indisprimary:b indisexclusion:b "
    "indimmediate:b indisclustered:b indisvalid:b indcheckxmin:b indisready:b indislive:b indisreplident:b indkey:S "
    "indcollation:O indclass:O indoption:S indexprs indpred"
)


def _index(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for table in _tables(dictionary):
        keys = {key.name: key for key in table.unique_keys}
        primary = table.declared_primary_key
        for index in all_indexes(dictionary, table):
            key = keys.get(index.name)
            names = [*(part.name for part in index.columns), *index.include]
            numbers = [table.column_index(name) + 1 if name else 0 for name in names]
            options = [part.descending * 1 + (part.descending is not part.nulls_swapped) * 2 for part in index.columns]
            expressions = [part.expression for part in index.columns if part.expression is not None]
            yield (
                *(oids.oid_of("class", index.name), oids.oid_of("class", table.name), len(names), len(index.columns)),
                *(index.unique, index.nulls_not_distinct or (key is not None and key.nulls_not_distinct)),
                *(primary is not None and index.name == primary.name, False),
                *(key is None or not key.deferrable, False, True, False, True, True, False),
                *(_array(numbers), _array([0] * len(names)), _array([0] * len(names)), _array(options)),
                *(", ".join(expressions) or None, index.where),
            )


def _array(values: list[int]) -> Array:
    return Array.of_elements(tuple(values))


_CONSTRAINT: Final = (
    "oid:o conname connamespace:o contype condeferrable:b condeferred:b convalidated:b conrelid:o contypid:o conindid:o "
    "conparentid:o confrelid:o confupdtype confdeltype confmatchtype conislocal:b coninhcount:i connoinherit:b conkey:S confkey:S "
    "conbin"
)
_ACTIONS: Final = {
    ReferentialAction.NO_ACTION: "a",
    ReferentialAction.RESTRICT: "r",
    ReferentialAction.CASCADE: "c",
    ReferentialAction.SET_NULL: "n",
    ReferentialAction.SET_DEFAULT: "d",
}


def _constraint(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for table in _tables(dictionary):
        row = partial(_constraint_row, table)
        primary = table.declared_primary_key
        for key in table.unique_keys:
            kind = "p" if key == primary else "u"
            yield row(key.name, kind, key, index=key.name, columns=_numbers(table, key.columns))
        for check in table.checks:
            yield row(check.name, "c", None, expression=check.expression)
        for foreign in table.foreign_keys:
            parent = dictionary.tables[foreign.parent]
            target = next((k for k in parent.unique_keys if set(k.columns) == set(foreign.parent_columns)), None)
            yield row(
                foreign.name,
                "f",
                foreign,
                index=None if target is None else target.name,
                columns=_numbers(table, foreign.columns),
                parent=parent,
            )


def _numbers(table: Table, names: Iterable[str]) -> Array:
    return _array([table.column_index(name) + 1 for name in names])


def _constraint_row(
    table: Table,
    name: str,
    kind: str,
    key: UniqueKey | ForeignKey | None,
    *,
    index: str | None = None,
    columns: Array | None = None,
    parent: Table | None = None,
    expression: str | None = None,
) -> Row:
    actions, parent_columns = (" ", " ", " "), None
    if isinstance(key, ForeignKey) and parent is not None:
        actions = (_ACTIONS[key.on_update], _ACTIONS[key.on_delete], "f" if key.match_full else "s")
        parent_columns = _numbers(parent, key.parent_columns)
    return (
        *(oids.oid_of("constraint", f"{table.name}.{name}"), name, namespace_of(table), kind),
        *(key is not None and key.deferrable, key is not None and key.initially_deferred, True),
        *(oids.oid_of("class", table.name), 0, 0 if index is None else oids.oid_of("class", index), 0),
        *(0 if parent is None else oids.oid_of("class", parent.name), *actions, True, 0, True, columns),
        *(parent_columns, expression),
    )


def _description(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for key, text in sorted(dictionary.comments.items(), key=lambda item: (item[0].kind, item[0].name, item[0].part)):
        catalog, number = oids.CATALOGS["pg_class"], 0
        oid = oids.oid_of("class", key.name)
        if key.kind == "COLUMN":
            table = dictionary.tables.get(key.name)
            names = [n for n, _ in views.get(key.name, ())] if table is None else list(table.column_names)
            number = names.index(key.part) + 1
        elif key.kind == "CONSTRAINT":
            catalog, oid = oids.CATALOGS["pg_constraint"], oids.oid_of("constraint", f"{key.name}.{key.part}")
        elif key.kind == "TYPE":
            catalog, oid = oids.CATALOGS["pg_type"], oids.oid_of("type", key.name)
        yield oid, catalog, number, text


def _sequence(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for name, s in sorted(dictionary.sequences.items()):
        yield (
            *(oids.oid_of("class", name), oids.type_oid(s.type), s.start, s.increment, s.maximum, s.minimum),
            *(s.cache, s.cycle),
        )


def _sequences(dictionary: Dictionary, views: ViewColumns) -> Iterator[Row]:
    for name, s in sorted(dictionary.sequences.items()):
        bounds = (s.start, s.minimum, s.maximum, s.increment)
        yield "public", name, OWNER_NAME, s.type.name, *bounds, s.cycle, s.cache, None


def _fixed(*rows: Row) -> Rows:
    return lambda dictionary, views: rows


_EMPTY: Final = {
    "pg_inherits": "inhrelid:o inhparent:o inhseqno:i inhdetachpending:b",
    "pg_trigger": "oid:o tgrelid:o tgparentid:o tgname tgfoid:o tgtype:s tgenabled tgisinternal:b tgconstrrelid:o tgconstraint:o",
    "pg_policy": "oid:o polname polrelid:o polcmd polpermissive:b polroles:O polqual polwithcheck",
    "pg_publication": "oid:o pubname pubowner:o puballtables:b pubinsert:b pubupdate:b pubdelete:b pubtruncate:b pubviaroot:b",
    "pg_publication_rel": "oid:o prpubid:o prrelid:o prqual prattrs:S",
    "pg_publication_namespace": "oid:o pnpubid:o pnnspid:o",
    "pg_statistic_ext": "oid:o stxrelid:o stxname stxnamespace:o stxowner:o stxstattarget:i stxkeys:S stxkind:T stxexprs",
    "pg_proc": "oid:o proname pronamespace:o proowner:o prolang:o prokind proretset:b prorettype:o proargtypes:O prosrc",
    "pg_extension": "oid:o extname extowner:o extnamespace:o extrelocatable:b extversion",
    "pg_matviews": "schemaname matviewname matviewowner tablespace hasindexes:b ispopulated:b definition",
    "pg_foreign_table": "ftrelid:o ftserver:o ftoptions:T",
    "pg_rewrite": "oid:o rulename ev_class:o ev_type ev_enabled is_instead:b ev_qual ev_action",
    "pg_range": "rngtypid:o rngsubtype:o rngmultitypid:o rngcollation:o rngsubopc:o",
    "pg_tablespace": "oid:o spcname spcowner:o spcacl:T spcoptions:T",
    "pg_auth_members": "roleid:o member:o grantor:o admin_option:b",
    "pg_depend": "classid:o objid:o objsubid:i refclassid:o refobjid:o refobjsubid:i deptype",
}

_SEQUENCES: Final = (
    "schemaname sequencename sequenceowner data_type start_value:o min_value:o max_value:o increment_by:o cycle:b "
    "cache_size:o last_value:o"
)
_ROLES: Final = (
    "oid:o rolname rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b rolreplication:b rolconnlimit:i "
    "rolvaliduntil rolbypassrls:b"
)
_ROLE: Final = (oids.OWNER, OWNER_NAME, True, True, True, True, True, False, -1, None, True)
_SETTINGS: Final = (
    ("server_version", "15.0"),
    ("server_version_num", "150000"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("search_path", '"$user", public'),
    ("standard_conforming_strings", "on"),
    ("integer_datetimes", "on"),
    ("max_identifier_length", "63"),
)
SETTINGS: Final = {name.lower(): value for name, value in _SETTINGS}

RELATIONS: Final[dict[str, tuple[tuple[tuple[str, SqlType], ...], Rows]]] = {
    name: (columns_of(columns), rows)
    for name, columns, rows in (
        ("pg_class", _CLASS, _class),
        ("pg_attribute", _ATTRIBUTE, _attribute),
        ("pg_attrdef", "oid:o adrelid:o adnum:s adbin", _attrdef),
        ("pg_type", _TYPE, _type),
        ("pg_enum", "oid:o enumtypid:o enumsortorder:f enumlabel", _enum),
        ("pg_index", _INDEX, _index),
        ("pg_constraint", _CONSTRAINT, _constraint),
        ("pg_description", "objoid:o classoid:o objsubid:i description", _description),
        (
            "pg_sequence",
            "seqrelid:o seqtypid:o seqstart:o seqincrement:o seqmax:o seqmin:o seqcache:o seqcycle:b",
            _sequence,
        ),
        (
            "pg_sequences",
            _SEQUENCES,
            _sequences,
        ),
        (
            "pg_namespace",
            "oid:o nspname nspowner:o nspacl:T",
            _fixed(*((oid, name, oids.OWNER, None) for name, oid in oids.NAMESPACES.items() if name != "pg_temp")),
        ),
        ("pg_am", "oid:o amname amhandler:o amtype", _fixed((2, "heap", 0, "t"), (oids.BTREE, "btree", 0, "i"))),
        ("pg_opclass", "oid:o opcmethod:o opcname opcnamespace:o opcdefault:b", _fixed()),
        (
            "pg_collation",
            "oid:o collname collnamespace:o collprovider collisdeterministic:b",
            _fixed((100, "default", 11, "d", True), (950, "C", 11, "c", True)),
        ),
        (
            "pg_roles",
            _ROLES,
            _fixed(_ROLE),
        ),
        (
            "pg_settings",
            "name setting unit category short_desc",
            _fixed(*((name, value, None, "Preset Options", "") for name, value in _SETTINGS)),
        ),
        *((name, columns, _fixed()) for name, columns in _EMPTY.items()),
    )
}
"""Names and types of the columns of each relation, and what makes its rows."""
