"""Schema files: DDL text, in a file or not, to a dictionary, with errors that say file, line and column."""

from pathlib import Path

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl import located_ddl, parse_ddl
from exdbsql.schema.ddl_statements import CreateSequence, CreateTable, CreateView, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, OperationalError, ProgrammingError


def load_schema(source: str | Path) -> Dictionary:
    """The dictionary that the DDL in `source` makes.

    `source` is a path (a `Path`, or one line of text that ends in ``.sql``) or the DDL itself. Raises what `parse_ddl` and
    `Dictionary.with_ddl` raise, with `file` and `position` set so that the text of the error begins with
    ``schema.sql:12:5:``; OperationalError where the file cannot be read.
    """
    if isinstance(source, Path) or _is_path(source):
        return _load_file(Path(source))
    return _load_text(source)


def canonical(dictionary: Dictionary) -> Dictionary:
    """The same definitions with the ids that their canonical DDL gives them.

    Nodes that found a cluster compare their dictionaries by that text alone, so their schema files may have the same
    statements in another order. Ids go into write sets (R2): they must not depend on that order.
    """
    return Dictionary().with_all(parse_ddl(dictionary.to_sql()))


def _is_path(source: str) -> bool:
    return source.endswith(".sql") and not any(mark in source for mark in "\n;(")


def _load_file(path: Path) -> Dictionary:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        message = f"the file is not UTF-8 text (byte {problem.start})"
        raise ProgrammingError(message, sqlstate=sqlstate.CHARACTER_NOT_IN_REPERTOIRE, file=str(path)) from problem
    except OSError as problem:
        message = f"cannot read the schema file: {problem.strerror or problem}"
        raise OperationalError(message, sqlstate=sqlstate.UNDEFINED_FILE, file=str(path)) from problem
    try:
        return _load_text(text)
    except Error as problem:
        problem.file = str(path)
        raise


def _is_temporary(stmt: DdlStatement) -> bool:
    match stmt:
        case CreateTable(table):
            return table.is_temporary
        case CreateView(view):
            return view.is_temporary
        case CreateSequence():
            return stmt.is_temporary
    return False


def _load_text(text: str) -> Dictionary:
    dictionary = Dictionary()
    for stmt, offset in located_ddl(text):
        try:
            if _is_temporary(stmt):
                raise ProgrammingError(
                    "a schema has no temporary tables, views or sequences: they belong to a session",
                    sqlstate=sqlstate.INVALID_TABLE_DEFINITION,
                )
            dictionary = dictionary.with_ddl(stmt)
        except Error as problem:
            if problem.position is None:
                problem.position, problem.statement = offset, text
            raise
    return dictionary
