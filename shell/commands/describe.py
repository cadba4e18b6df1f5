"""Commands that show what is in the dictionary: ``\\d``, ``\\dt``, ``\\di``, ``\\dv``, ``\\ds``, ``\\sql``.

All of it is asked for in SQL, with SHOW and of the catalog, so that it is the same for a database in this process and one behind
the network.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from exdbsql.shell import executor
from exdbsql.shell.catalog import column_of, quoted_name
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context
from exdbsql.shell.database import Result
from exdbsql.shell.local_result import columns

_GROUP = "What is there"
_DESCRIPTION = columns(("column", "text"), ("type", "text"), ("nullable", "text"), ("default", "text"))


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of thing: what a user calls it, the statement that lists them, and the listing's column with the name."""

    name: str
    listing: str


_TABLES = _Kind("table", "SHOW TABLES")
_INDEXES = _Kind("index", "SHOW INDEXES")
_VIEWS = _Kind(
    "view", "SELECT viewname AS view, definition AS query FROM pg_views WHERE schemaname = 'public' ORDER BY viewname"
)
_SEQUENCES = _Kind(
    "sequence",
    "SELECT sequencename AS sequence, data_type AS type, start_value AS start, increment_by AS increment, "
    "last_value AS last FROM pg_sequences ORDER BY sequencename",
)
_KINDS = (_TABLES, _VIEWS, _SEQUENCES, _INDEXES)

_COLUMNS_OF = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = CAST(:relation AS regclass) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_INDEXES_OF = """
SELECT i.relname, pg_get_indexdef(x.indexrelid), x.indisunique FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = CAST(:relation AS regclass) ORDER BY i.relname"""
_CONSTRAINTS_OF = """
SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = CAST(:relation AS regclass) ORDER BY conname"""
_REFERENCES_TO = """
SELECT CAST(CAST(conrelid AS regclass) AS text), conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND confrelid = CAST(:relation AS regclass) ORDER BY 1, 2"""
_QUERY_OF = "SELECT pg_get_viewdef(CAST(:relation AS regclass))"


def describe(context: Context, argument: str) -> None:
    """``\\d [NAME]``: what the name or pattern means; alone, the lists of everything that there is."""
    if not argument:
        _list_everything(context)
        return
    known: list[str] = []
    for kind in _KINDS:
        listed = executor.execute(context, kind.listing)
        names = _names(listed, kind.name)
        found = _matching(names, argument)
        for name in found if kind in (_TABLES, _VIEWS) else ():
            _describe_relation(context, kind, name, listed)
        if found and kind not in (_TABLES, _VIEWS):
            _show_matching(context, listed, kind.name, argument)
        if found:
            return
        known += names
    raise CommandError(_not_found(argument, known))


def _list_everything(context: Context) -> None:
    """Tables and indexes; the rest where there is any."""
    for kind in (_TABLES, _INDEXES, _VIEWS, _SEQUENCES):
        listed = executor.execute(context, kind.listing)
        if listed.rows or kind in (_TABLES, _INDEXES):
            executor.show(context, listed)


def list_tables(context: Context, argument: str) -> None:
    """``\\dt [PATTERN]``"""
    _list(context, _TABLES, argument)


def list_indexes(context: Context, argument: str) -> None:
    """``\\di [PATTERN]``"""
    _list(context, _INDEXES, argument)


def list_views(context: Context, argument: str) -> None:
    """``\\dv [PATTERN]``"""
    _list(context, _VIEWS, argument)


def list_sequences(context: Context, argument: str) -> None:
    """``\\ds [PATTERN]``"""
    _list(context, _SEQUENCES, argument)


def show_sql(context: Context, argument: str) -> None:
    """``\\sql NAME``"""
    if not argument:
        raise CommandError("\\sql takes the name of a table or view")
    tables = _names(executor.execute(context, _TABLES.listing), "table")
    views = _names(executor.execute(context, _VIEWS.listing), "view")
    texts = [
        str(executor.execute(context, f"SHOW CREATE TABLE {quoted_name(n)}").rows[0][-1])
        for n in _matching(tables, argument)
    ]
    for name in _matching(views, argument):
        query = str(_ask(context, _QUERY_OF, name)[0][0]).rstrip(";")
        texts.append(f"CREATE VIEW {quoted_name(name)} AS {query};")
    if not texts:
        raise CommandError(_not_found(argument, [*tables, *views]))
    for text in texts:
        context.output.show(text.split("\n"), context.settings)


def _list(context: Context, kind: _Kind, pattern: str) -> None:
    _show_matching(context, executor.execute(context, kind.listing), kind.name, pattern)


def _ask(context: Context, sql: str, relation: str) -> Sequence[tuple[Any, ...]]:
    """The rows of a question to the catalog about one relation."""
    return context.link.execute(sql, {"relation": quoted_name(relation)}).rows


def _names(result: Result, what: str) -> list[str]:
    place = column_of(result, what)
    return [str(row[place]) for row in result.rows]


def _matching(names: list[str], pattern: str) -> list[str]:
    """The names that a pattern with ``*`` and ``?`` means; unquoted patterns are folded like SQL names."""
    if pattern.startswith('"') and pattern.endswith('"') and len(pattern) > 1:
        return [name for name in names if name == pattern[1:-1].replace('""', '"')]
    return [name for name in names if fnmatchcase(name, pattern.lower())]


def _show_matching(context: Context, result: Result, what: str, pattern: str) -> None:
    """Write the rows of a listing whose name fits."""
    place = column_of(result, what)
    wanted = set(_matching(_names(result, what), pattern or "*"))
    rows = [row for row in result.rows if row[place] in wanted]
    if pattern and not rows:
        raise CommandError(_not_found(pattern, _names(result, what)))
    executor.show_rows(context, result.columns or (), rows)


def _not_found(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.strip('"').lower(), known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'nothing here is called "{name}"{hint}'


def _describe_relation(context: Context, kind: _Kind, name: str, listed: Result) -> None:
    """A table or a view: its columns, and below them what else there is to know."""
    if kind is _VIEWS:
        context.output.line(f'View "{name}"')
    else:
        (of_kind,) = (row[column_of(listed, "kind")] for row in listed.rows if row[column_of(listed, "table")] == name)
        context.output.line(f'Table "{name}" ({of_kind})')
    rows = [
        (column, type_name, "not null" if not_null else "", _default(default, identity, generated))
        for column, type_name, not_null, default, identity, generated in _ask(context, _COLUMNS_OF, name)
    ]
    executor.show_rows(context, _DESCRIPTION, rows, footer=False)
    for line in _below_view(context, name) if kind is _VIEWS else _below_table(context, name):
        context.output.line(line)
    context.output.line()


def _default(expression: str | None, identity: str, generated: str) -> str:
    if identity:
        return f"generated {'always' if identity == 'a' else 'by default'} as identity"
    return f"generated always as {expression} stored" if generated else expression or ""


def _below_view(context: Context, name: str) -> list[str]:
    ((query,),) = _ask(context, _QUERY_OF, name)
    return ["Query:", *(f"    {line}" for line in str(query).split("\n"))]


def _below_table(context: Context, name: str) -> list[str]:
    """What psql writes under a table: keys, indexes, checks, and the foreign keys in both directions."""
    constraints = _ask(context, _CONSTRAINTS_OF, name)
    keys = {constraint: definition for constraint, kind, definition in constraints if kind in "pu"}
    indexes = sorted(_ask(context, _INDEXES_OF, name), key=lambda row: _order(keys.get(row[0])))
    sections = {
        "Indexes:": [f'"{index}" {keys.get(index) or _index_text(text, unique)}' for index, text, unique in indexes],
        "Checks:": [f'"{constraint}" {text}' for constraint, kind, text in constraints if kind == "c"],
        "Foreign keys:": [f'"{constraint}" {text}' for constraint, kind, text in constraints if kind == "f"],
        "Referenced by:": [f'table {table} "{key}" {text}' for table, key, text in _ask(context, _REFERENCES_TO, name)],
    }
    return [line for head, lines in sections.items() if lines for line in (head, *(f"    {line}" for line in lines))]


def _order(key: str | None) -> int:
    """The primary key comes first, then unique constraints, then indexes."""
    return 2 if key is None else 1 if key.startswith("UNIQUE") else 0


def _index_text(definition: str, unique: bool) -> str:
    """What an index is over, out of the statement that makes it."""
    return f"{'UNIQUE ' if unique else ''}INDEX {definition.partition(' USING btree ')[2]}"


COMMANDS = (
    Command(
        "d", "[NAME]", "describe what has this name; alone, list it all", _GROUP, describe, ("describe",), "relation"
    ),
    Command("dt", "[PATTERN]", "list tables, with * and ? in the pattern", _GROUP, list_tables, ("tables",), "table"),
    Command("di", "[PATTERN]", "list indexes", _GROUP, list_indexes, ("indexes",), "index"),
    Command("dv", "[PATTERN]", "list views", _GROUP, list_views, ("views",), "table"),
    Command("ds", "[PATTERN]", "list sequences", _GROUP, list_sequences, ("sequences",)),
    Command("sql", "NAME", "the statements that make a table or view", _GROUP, show_sql, ("schema",), "table"),
)
