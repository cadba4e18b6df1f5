"""Databases made from DDL text, for the tests of the engine's storage."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary

MakeDatabase = Callable[..., Database]


@pytest.fixture(scope="session")
def make_database() -> MakeDatabase:
    """A function from DDL text, and the parameters of `Database`, to a database that checks its invariants."""

    def make(ddl: str, **parameters: Any) -> Database:
        parameters.setdefault("debug", True)
        return Database(Dictionary().with_all(parse_ddl(ddl)), **parameters)

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., None]:
    """A function that commits rows to a table, replacing those with the same key."""

    def write_rows(database: Database, table: str, *rows: tuple[Any, ...], delete: tuple[Any, ...] = ()) -> None:
        store = database.tables[table]
        transaction = database.begin()
        for row in rows:
            key = store.key_of(row) if store.key_of else None
            if key is not None and transaction.get(store, key) is not None:
                transaction.update(store, key, row)
            else:
                transaction.insert(store, row)
        for key in delete:
            transaction.delete(store, key)
        transaction.end_statement()
        transaction.commit()

    return write_rows
