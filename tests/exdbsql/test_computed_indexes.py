"""Unique indexes over expressions and partial ones in a cluster: one verdict everywhere, whoever writes at the same time."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import ConflictError, DataError, Error, IntegrityError

Query = Callable[..., list[tuple[Any, ...]]]


def made(nodes: list[Database]) -> list[Connection]:
    first = nodes[0].connect()
    first.autocommit = True
    first.execute("CREATE TABLE person (id integer PRIMARY KEY, mail text, gone boolean NOT NULL DEFAULT false)")
    first.execute("CREATE UNIQUE INDEX person_mail ON person (lower(mail)) WHERE NOT gone")
    first.close()
    return [node.connect() for node in nodes]


def rows_everywhere(nodes: list[Database], query: Query, sql: str) -> list[tuple[Any, ...]]:
    found = [query(node.connect(), sql) for node in nodes]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_of_two_nodes_that_claim_a_value_the_first_in_the_log_has_it(nodes: list[Database], query: Query) -> None:
    one, two, _ = made(nodes)
    one.execute("INSERT INTO person VALUES (1, 'New@x')")
    two.execute("INSERT INTO person VALUES (2, 'nEW@x')")
    two.execute("INSERT INTO person VALUES (3, 'other@x')")
    one.commit()
    with pytest.raises(IntegrityError) as caught:
        two.commit()
    assert (caught.value.sqlstate, caught.value.constraint, caught.value.table) == ("23505", "person_mail", "person")
    assert caught.value.detail == "Key (lower(mail))=(new@x) already exists."
    assert rows_everywhere(nodes, query, "SELECT id FROM person") == [(1,)]


def test_many_threads_on_three_nodes_keep_values_apart(nodes: list[Database], query: Query) -> None:
    made(nodes)
    outcomes: list[Any] = []

    def write(node: int) -> None:
        con = nodes[node].connect()
        for number in range(25):
            mail = f"{'MAIL' if node % 2 else 'mail'}{number % 10}@x"
            try:
                con.execute("INSERT INTO person VALUES (?, ?, ?)", (node * 1000 + number, mail, number % 4 == 3))
                con.execute("UPDATE person SET gone = NOT gone WHERE id = ?", (node * 1000 + number - 4,))
                con.commit()
                outcomes.append(None)
            except (ConflictError, IntegrityError) as error:
                con.rollback()
                outcomes.append(error)
        con.close()

    threads = [threading.Thread(target=write, args=(number % 3,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 75
    rows = rows_everywhere(nodes, query, "SELECT lower(mail) FROM person WHERE NOT gone ORDER BY 1")
    assert len(rows) == len(set(rows)) > 0
    for node in nodes:
        node.engine.tables["person"].check()


def test_an_index_that_comes_first_in_the_log_refuses_rows_that_it_cannot_hold(
    nodes: list[Database], query: Query
) -> None:
    one, two, _ = made(nodes)
    one.execute("INSERT INTO person VALUES (7, 'seven@x')")
    two.autocommit = True
    two.execute("CREATE INDEX person_ratio ON person ((100 / (id - 7)))")
    with pytest.raises(DataError, match="division by zero"):
        one.commit()
    two.execute("INSERT INTO person VALUES (8, 'eight@x')")
    with pytest.raises(Error):
        two.execute("INSERT INTO person VALUES (7, 'seven@x')")
    assert rows_everywhere(nodes, query, "SELECT id FROM person WHERE 100 / (id - 7) = 100") == [(8,)]


def test_ways_into_an_index_are_read_for_serializable(nodes: list[Database]) -> None:
    one, two, _ = made(nodes)
    for con, mail in ((one, "x"), (two, "y")):
        con.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        con.execute("SELECT id FROM person WHERE lower(mail) = ? AND NOT gone", (mail,))
    one.execute("INSERT INTO person VALUES (1, 'Y')")
    two.execute("INSERT INTO person VALUES (2, 'X')")
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()


def test_local_and_distributed_tables_have_them_for_themselves(nodes: list[Database], query: Query) -> None:
    con = nodes[0].connect()
    con.execute("CREATE LOCAL TABLE here (id integer, tag text)")
    con.execute("CREATE UNIQUE INDEX here_tag ON here (upper(tag)) WHERE id > 0")
    con.execute("CREATE DISTRIBUTED TABLE spread (id integer PRIMARY KEY, tag text)")
    con.execute("CREATE UNIQUE INDEX spread_tag ON spread (upper(tag))")
    con.commit()
    for table, index in (("here", "here_tag"), ("spread", "spread_tag")):
        for number, node in enumerate(nodes):
            own = node.connect()
            own.execute(f"INSERT INTO {table} VALUES (?, 'a')", (number + 1,))
            own.commit()
            with pytest.raises(IntegrityError, match=index):
                own.execute(f"INSERT INTO {table} VALUES (?, 'A')", (number + 11,))
            own.rollback()
            assert query(own, f"SELECT id FROM {table} WHERE upper(tag) = 'A'") == [(number + 1,)]
    with pytest.raises(Error, match="cannot be made in a cluster"):
        con.execute("CREATE UNIQUE INDEX ON here (lower(tag))")
        con.commit()


def test_a_node_that_joins_makes_the_indexes_again(nodes: list[Database], query: Query) -> None:
    one, *_ = made(nodes)
    one.execute("INSERT INTO person VALUES (1, 'A@x'), (2, 'a@X', true), (3, NULL)")
    one.commit()
    third = nodes[2].engine
    third.import_replicated(list(nodes[0].engine.export_replicated()))
    third.tables["person"].check()
    index = third.tables["person"].indexes["person_mail"]
    assert index.keys("a@x") == [1]
    assert query(nodes[2].connect(), "SELECT id FROM person WHERE lower(mail) = 'a@x' AND NOT gone") == [(1,)]
