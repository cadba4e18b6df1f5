"""TRUNCATE: all rows of tables go, as part of the transaction.

It deletes row by row, so it is seen, undone and replicated as a DELETE is: by other transactions only after the commit. Tables that
refer to the ones named must be named too, or go along with CASCADE.
"""

from collections.abc import Mapping

from exdbsql.control import Truncate
from exdbsql.engine.references import Links
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl_statements import AlterSequence
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, quote_name
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.sqlstate import UNDEFINED_TABLE


def truncate(transaction: Transaction, tables: Mapping[str, TableStore], statement: Truncate) -> None:
    """Delete all rows of the tables.

    Raises:
        ProgrammingError: 42P01, there is no such table.
        NotSupportedError: another table refers to one of them, and CASCADE was not said (PostgreSQL's code, too).
    """
    stores: dict[TableStore, None] = {}
    for name in statement.tables:
        store = named_table(tables, name)
        if store is None:
            hint = did_you_mean(name, tables)
            raise ProgrammingError(f'relation "{name}" does not exist', sqlstate=UNDEFINED_TABLE, hint=hint)
        stores[store] = None
    _add_referring(stores, transaction.links, cascade=statement.cascade)
    try:
        for store in stores:
            for key, _ in transaction.items(store):
                transaction.delete(store, key)
        transaction.end_statement()
    except BaseException:
        transaction.abort_statement()
        raise
    if statement.restart:
        _restart(transaction, {store.name for store in stores})


def named_table(tables: Mapping[str, TableStore], name: str) -> TableStore | None:
    """The table that a name means, which may begin with its schema; None where there is none.

    Raises:
        NotSupportedError: ``public.`` and a table that a temporary one hides.
    """
    schema, dot, plain = name.partition(".")
    if schema not in ("public", "pg_temp"):
        return tables.get(name)  # also one that has a dot in its name
    found = tables.get(plain if dot else name)
    if not dot or found is None:
        return found
    if schema == "public" and found.definition.is_temporary:
        raise NotSupportedError(f'"{name}" while there is a temporary table of that name is not supported')
    return found if schema == ("pg_temp" if found.definition.is_temporary else "public") else None


def _add_referring(stores: dict[TableStore, None], links: Links, *, cascade: bool) -> None:
    waiting = list(stores)
    while waiting:
        parent = waiting.pop()
        for reference in links.incoming.get(parent, ()):
            if reference.child in stores:
                continue
            if not cascade:
                raise NotSupportedError(
                    "cannot truncate a table referenced in a foreign key constraint",
                    hint=f'Truncate table "{reference.child.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            stores[reference.child] = None
            waiting.append(reference.child)


def _restart(transaction: Transaction, names: set[str]) -> None:
    for name, sequence in sorted(transaction.dictionary.sequences.items()):
        if sequence.owned_by is not None and sequence.owned_by[0] in names:
            statement = AlterSequence(name, SequenceOptions(restart=True))
            transaction.execute_ddl(statement, f"ALTER SEQUENCE {quote_name(name)} RESTART")
