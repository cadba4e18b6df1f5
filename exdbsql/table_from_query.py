"""CREATE TABLE AS: a table of a query's columns, and its rows, in one transaction.

The table has no constraints, as in PostgreSQL. What reaches other nodes is the definition that the columns make, as a CREATE TABLE, and
the rows; the query runs on this node alone.
"""

from exdbsql.control import CreateTableAs
from exdbsql.engine.transaction import Transaction
from exdbsql.result import ColumnInfo
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import quote_name
from exdbsql.schema.sqlstate import SYNTAX_ERROR
from exdbsql.statement_cache import PlannedStatement


def create_table_as(transaction: Transaction, query: PlannedStatement, statement: CreateTableAs) -> int:
    """Make the table and fill it; how many rows it has.

    Raises:
        ProgrammingError: the relation exists (42P07), two columns have one name (42701), too many names (42601).
        Error: what the query raises.
    """
    columns = query.shape.columns or ()
    if len(statement.columns) > len(columns):
        raise ProgrammingError("too many column names were specified", sqlstate=SYNTAX_ERROR)
    names = [*statement.columns, *[column.name for column in columns[len(statement.columns) :]]]
    transaction.check_tables(query.tables)
    rows = query.run(transaction, query.bind(None)) if statement.with_data else []
    parts = [f"{quote_name(name)} {_type_text(column)}" for name, column in zip(names, columns, strict=True)]
    kind, ending = f"{statement.kind} " if statement.kind else "", ""
    if statement.on_commit is not None:
        kind, ending = "TEMPORARY ", f" ON COMMIT {statement.on_commit.value}"
    text = f"CREATE {kind}TABLE {quote_name(statement.name)} ({', '.join(parts)}){ending}"
    (made,) = parse_ddl(text, transaction.dictionary.types)
    transaction.execute_ddl(made, text)
    if rows:
        try:
            transaction.insert_many(transaction.definitions.table(statement.name), rows)
            transaction.end_statement()
        except BaseException:
            transaction.abort_statement()
            raise
    return len(rows)


def _type_text(column: ColumnInfo) -> str:
    sizes = [str(size) for size in (column.size, column.precision, column.scale) if size is not None]
    name, brackets, _ = column.type_name.partition("[]")
    first, blank, zone = name.partition(" ") if name.startswith("time") else (name, "", "")
    return f"{first}({', '.join(sizes)}){blank}{zone}{brackets}" if sizes else column.type_name
