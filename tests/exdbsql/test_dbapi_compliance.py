"""The public compliance suite of PEP 249 (`dbapi-compliance` on the package index), whole, embedded and over the network.

Two of its tests are for each driver to write, and say so: `nextset` and `setoutputsize`. And of its helpers, those that create a
table are for a driver to override "for example adding a commit": here DDL comes before a transaction's changes.
"""

from types import SimpleNamespace
from typing import Any

import dbapi20
import pytest

import exdbsql
from exdbsql.database import Database
from exdbsql.service import SqlService


class Suite:
    """What both kinds of connection share."""

    driver: Any
    connect_args: tuple[Any, ...] = ()

    def executeDDL1(self, cursor: Any) -> None:
        cursor.connection.commit()
        super().executeDDL1(cursor)  # type: ignore[misc]

    def executeDDL2(self, cursor: Any) -> None:
        cursor.connection.commit()
        super().executeDDL2(cursor)  # type: ignore[misc]

    def test_nextset(self) -> None:
        con = self.driver.connect(*self.connect_args)
        cursor = con.cursor()
        cursor.execute("SELECT 1")
        assert cursor.nextset() is None, "a statement has one result"
        con.close()

    def test_setoutputsize(self) -> None:
        con = self.driver.connect(*self.connect_args)
        cursor = con.cursor()
        cursor.setoutputsize(3)
        cursor.execute("SELECT 'a text longer than that'")
        assert cursor.fetchone() == ("a text longer than that",), "values come whole, whatever was said"
        con.close()


class TestEmbedded(Suite, dbapi20.DatabaseAPI20Test):  # type: ignore[misc]
    """Connections to one database of this process."""

    @pytest.fixture(autouse=True)
    def _driver(self, database: Database) -> None:
        names = {name: getattr(exdbsql, name) for name in exdbsql.__all__}
        self.driver = SimpleNamespace(**{**names, "connect": database.connect})


class TestRemote(Suite, dbapi20.DatabaseAPI20Test):  # type: ignore[misc]
    """Connections over the network, by the module itself."""

    driver = exdbsql

    @pytest.fixture(autouse=True)
    def _target(self, service: SqlService) -> None:
        self.connect_args = (f"exdb://{service.address}/",)
