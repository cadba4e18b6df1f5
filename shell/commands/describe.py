"""Commands that show what is in the dictionary: ``\\d``, ``\\dt``, ``\\di``, ``\\sql``.

A table's description is read out of ``SHOW CREATE TABLE``: the one text that says everything about it, the same for a
database in this process and one behind the network.
"""

import difflib
from fnmatch import fnmatchcase

from exdbsql.schema.files import load_schema
from exdbsql.schema.printer import index_columns_sql, unique_key_sql
from exdbsql.schema.table import IndexDef, Table
from exdbsql.shell import executor
from exdbsql.shell.catalog import column_of, create_text, quoted_name
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context
from exdbsql.shell.database import Result
from exdbsql.shell.local_result import columns

_GROUP = "What is there"
_DESCRIPTION = columns(("column", "text"), ("type", "text"), ("nullable", "text"), ("default", "text"))


def describe(context: Context, argument: str) -> None:
    """``\\d [NAME]``: a table, an index, every table of a pattern; alone, the list of tables and indexes."""
    if not argument:
        list_tables(context, "")
        list_indexes(context, "")
        return
    tables = _listing(context, "TABLES")
    found = _matching(_names(tables, "table"), argument)
    for name in found:
        _describe_table(context, name)
    if found:
        return
    indexes = _listing(context, "INDEXES")
    if not _matching(_names(indexes, "index"), argument):
        raise CommandError(_not_found(argument, [*_names(tables, "table"), *_names(indexes, "index")]))
    _show_matching(context, indexes, "index", argument)


def list_tables(context: Context, argument: str) -> None:
    """``\\dt [PATTERN]``"""
    _show_matching(context, _listing(context, "TABLES"), "table", argument)


def list_indexes(context: Context, argument: str) -> None:
    """``\\di [PATTERN]``"""
    _show_matching(context, _listing(context, "INDEXES"), "index", argument)


def show_sql(context: Context, argument: str) -> None:
    """``\\sql NAME``"""
    if not argument:
        raise CommandError("\\sql takes the name of a table")
    names = _matching(_names(_listing(context, "TABLES"), "table"), argument)
    if not names:
        raise CommandError(_not_found(argument, _names(_listing(context, "TABLES"), "table")))
    for name in names:
        context.output.show(_create_text(context, name).split("\n"), context.settings)


def _listing(context: Context, what: str) -> Result:
    return executor.execute(context, f"SHOW {what}")


def _names(result: Result, what: str) -> list[str]:
    place = column_of(result, "name", what)
    return [str(row[place]) for row in result.rows]


def _matching(names: list[str], pattern: str) -> list[str]:
    """The names that a pattern with ``*`` and ``?`` means; unquoted patterns are folded like SQL names."""
    if pattern.startswith('"') and pattern.endswith('"') and len(pattern) > 1:
        return [name for name in names if name == pattern[1:-1].replace('""', '"')]
    return [name for name in names if fnmatchcase(name, pattern.lower())]


def _show_matching(context: Context, result: Result, what: str, pattern: str) -> None:
    """Write the rows of a listing whose name fits."""
    place = column_of(result, "name", what)
    wanted = set(_matching(_names(result, what), pattern or "*"))
    rows = [row for row in result.rows if row[place] in wanted]
    if pattern and not rows:
        raise CommandError(_not_found(pattern, _names(result, what)))
    executor.show_rows(context, result.columns or (), rows)


def _not_found(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.strip('"').lower(), known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'nothing here is called "{name}"{hint}'


def _create_text(context: Context, name: str) -> str:
    return create_text(executor.execute(context, f"SHOW CREATE TABLE {quoted_name(name)}"))


def _describe_table(context: Context, name: str) -> None:
    table, indexes = _parsed(_create_text(context, name))
    context.output.line(f'Table "{table.name}" ({table.kind.value.lower()})')
    rows = [(c.name, str(c.type), "not null" if c.not_null else "", c.default or "") for c in table.columns]
    executor.show_rows(context, _DESCRIPTION, rows, footer=False)
    for line in _below(table, indexes):
        context.output.line(line)
    context.output.line()


def _parsed(text: str) -> tuple[Table, list[IndexDef]]:
    """The table in the text and its indexes, with the names that constraints get by themselves."""
    dictionary = load_schema(text)
    (table,) = dictionary.tables.values()
    return table, list(dictionary.indexes.values())


def _below(table: Table, indexes: list[IndexDef]) -> list[str]:
    """What psql writes under a table: keys, indexes, checks."""
    lines = []
    primary = table.declared_primary_key
    index_lines = [f"    {_label(key.name)}{unique_key_sql(key, primary=key == primary)}" for key in table.unique_keys]
    for index in indexes:
        kind = "UNIQUE INDEX" if index.unique else "INDEX"
        index_lines.append(f"    {_label(index.name)}{kind} {index_columns_sql(index)}")
    if index_lines:
        lines += ["Indexes:", *index_lines]
    if table.checks:
        lines += ["Checks:", *(f"    {_label(check.name)}CHECK ({check.expression})" for check in table.checks)]
    return lines


def _label(name: str) -> str:
    return f'"{name}" ' if name else ""


COMMANDS = (
    Command("d", "[NAME]", "describe a table or index; alone, list them", _GROUP, describe, ("describe",), "relation"),
    Command("dt", "[PATTERN]", "list tables, with * and ? in the pattern", _GROUP, list_tables, ("tables",), "table"),
    Command("di", "[PATTERN]", "list indexes", _GROUP, list_indexes, ("indexes",), "index"),
    Command("sql", "NAME", "the statements that make a table", _GROUP, show_sql, ("schema",), "table"),
)
