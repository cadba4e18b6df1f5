"""The lines of the table: what is done, how often, and the ratio that the project is after.

A piece of work gets a DB-API connection and the number of repeats, and gives the function that is timed; it does the same on any
database. Statements use `?`
and only SQL that sqlite3 reads as we do.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

GROUPS = 1000
ITEM = """CREATE TABLE {} (id integer PRIMARY KEY, grp integer NOT NULL, name varchar(12) NOT NULL,
    price double precision NOT NULL)"""
GRP = "CREATE TABLE grp (id integer PRIMARY KEY, label text NOT NULL)"
STAR = (
    "CREATE TABLE country (id integer PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE customer (id integer PRIMARY KEY, country integer NOT NULL, name text NOT NULL)",
    "CREATE TABLE product (id integer PRIMARY KEY, kind integer NOT NULL, name text NOT NULL)",
    "CREATE TABLE kind (id integer PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE sale (id integer PRIMARY KEY, customer integer NOT NULL, product integer NOT NULL, amount integer NOT NULL)",
)
FIVE_WAY = """SELECT s.id, c.name, co.name, p.name, k.name FROM sale s JOIN customer c ON c.id = s.customer
    JOIN country co ON co.id = c.country JOIN product p ON p.id = s.product JOIN kind k ON k.id = p.kind"""
SALES = 100_000
DEFINITIONS = (ITEM.format("item"), GRP, *STAR, "CREATE INDEX item_name ON item (name)")


Timed = Callable[[Any, int], Callable[[], object]]


@dataclass(frozen=True)
class Work:
    """One line.

    Attributes:
        name: as the table shows it.
        run: gives the function that does it, a number of times.
        repeats: times per round.
        wanted: the ratio that the project is after.
        rounds: how often it is measured; the best counts.
        is_bulk: it loads many rows by executemany.
    """

    name: str
    run: Timed
    repeats: int
    wanted: float
    rounds: int = 7
    is_bulk: bool = False


def item(number: int, prefix: str = "item") -> tuple[int, int, str, float]:
    """A row: int, int, text of 12 characters, float."""
    return number, number * 7919 % GROUPS, f"{prefix}{number:08d}", (number * 37 % 10007) / 10


@contextmanager
def autocommitting(connection: Any) -> Iterator[None]:
    """Each statement a transaction of its own, in either library's way of saying so."""
    if hasattr(connection, "isolation_level"):  # sqlite3's
        before = connection.isolation_level
        connection.isolation_level = None
        yield
        connection.isolation_level = before
    else:
        connection.autocommit = True
        yield
        connection.autocommit = False


def query(sql: str, parameters: Callable[[int], Sequence[Any]] | None = None) -> Timed:
    """Run a query and fetch all its rows; without parameters it is called without."""

    def start(connection: Any, repeats: int) -> Callable[[], object]:
        connection.rollback()
        cursor = connection.cursor()
        given = [(sql,) if parameters is None else (sql, parameters(i)) for i in range(repeats)]

        def run() -> None:
            for values in given:
                cursor.execute(*values)
                cursor.fetchall()

        return run

    return start


def alone(sql: str, parameters: Callable[[int], Sequence[Any]]) -> Timed:
    """One row per statement, each statement a transaction of its own."""

    def start(connection: Any, repeats: int) -> Callable[[], object]:
        connection.rollback()
        cursor = connection.cursor()
        given = [parameters(i) for i in range(repeats)]

        def run() -> None:
            with autocommitting(connection):
                for values in given:
                    cursor.execute(sql, values)

        return run

    return start


def committed(sql: str, parameters: Callable[[int], Sequence[Any]]) -> Timed:
    """One row per statement, then commit()."""

    def start(connection: Any, repeats: int) -> Callable[[], object]:
        connection.rollback()
        cursor = connection.cursor()
        given = [parameters(i) for i in range(repeats)]

        def run() -> None:
            for values in given:
                cursor.execute(sql, values)
                connection.commit()

        return run

    return start


def bulk_insert(rows: int, indexes: int) -> Timed:
    """executemany of all rows into a new table that has `indexes` indexes, the primary key among them."""
    data = [item(i, "bulk") for i in range(rows)]

    def start(connection: Any, repeats: int) -> Callable[[], object]:
        cursor = connection.cursor()
        drop_bulk(connection)
        cursor.execute(ITEM.format("bulk"))
        for column in ("name", "grp")[: indexes - 1]:
            cursor.execute(f"CREATE INDEX bulk_{column} ON bulk ({column})")
        connection.commit()

        def run() -> None:
            cursor.executemany("INSERT INTO bulk VALUES (?, ?, ?, ?)", data)
            connection.commit()

        return run

    return start


def drop_bulk(connection: Any) -> None:
    """Give the memory back."""
    connection.cursor().execute("DROP TABLE IF EXISTS bulk")
    connection.commit()


class NewTexts:
    """Statements whose text never came before."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.count = 10_000_000

    def __call__(self, connection: Any, repeats: int) -> Callable[[], object]:
        """Run `repeats` new texts."""
        connection.rollback()
        cursor = connection.cursor()
        texts = [self.form.format(self.count + i) for i in range(repeats)]
        self.count += repeats

        def run() -> None:
            for text in texts:
                cursor.execute(text)
                cursor.fetchall()

        return run


def after(change: str, parameters: Callable[[], Sequence[Any]], sql: str) -> Timed:
    """Run a query right after a transaction that has changed one row; that is not timed."""
    ask = query(sql)

    def start(connection: Any, repeats: int) -> Callable[[], object]:
        connection.rollback()
        connection.cursor().execute(change, parameters())
        connection.commit()
        return ask(connection, repeats)

    return start


def tables(rows: int) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table."""
    return {
        "item": [item(i) for i in range(rows)],
        "grp": [(i, f"group {i}") for i in range(GROUPS)],
        "country": [(i, f"country {i}") for i in range(100)],
        "customer": [(i, i * 31 % 100, f"customer {i}") for i in range(10_000)],
        "product": [(i, i * 17 % 50, f"product {i}") for i in range(5_000)],
        "kind": [(i, f"kind {i}") for i in range(50)],
        "sale": [(i, i * 7919 % 10_000, i * 104_729 % 5_000, i % 90) for i in range(SALES)],
    }


def fill(connection: Any, rows: int) -> Any:
    """Tables and rows."""
    cursor = connection.cursor()
    for statement in DEFINITIONS:
        cursor.execute(statement)
    connection.commit()
    for name, data in tables(rows).items():
        cursor.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(data[0]))})", data)
        connection.commit()
    return connection


def over(function: str, window: str) -> Timed:
    """Run a query with one window function over all rows."""
    return query(f"SELECT id, {function} OVER ({window}) FROM item")


def lines(rows: int) -> list[Work]:
    """The table's lines for a table of `rows` rows."""
    some = [i * 7907 % rows for i in range(2000)]
    fresh = iter(range(rows, 10**9))
    going = iter(range(rows, 10**9))
    insert = "INSERT INTO item VALUES (?, ?, ?, ?)"
    between = "SELECT * FROM item WHERE id BETWEEN ? AND ?"
    update = "UPDATE item SET price = ? WHERE id = ?"
    total = "SELECT count(*), sum(price) FROM item WHERE price > 500.0"
    groups = "SELECT grp, count(*), avg(price) FROM item GROUP BY grp"
    first = "SELECT * FROM item ORDER BY price DESC, id LIMIT 10"
    prices = count()

    def price() -> Sequence[Any]:
        return (number := next(prices)) / 7, some[number % 2000]

    def span(width: int) -> Callable[[int], Sequence[Any]]:
        return lambda i: (start := some[i % 2000] % (rows - width), start + width - 1)

    return [
        Work("point select by primary key", query("SELECT name FROM item WHERE id = ?", lambda i: (some[i],)), 2000, 1.5),
        Work("select by secondary index", query("SELECT id FROM item WHERE name = ?", lambda i: (f"item{some[i]:08d}",)), 2000, 1.5),
        Work("autocommit insert", alone(insert, lambda i: item(next(fresh), "new")), 1000, 1.0),
        Work("autocommit update", alone(update, lambda i: (i / 7, some[i])), 1000, 1.0),
        Work("autocommit delete", alone("DELETE FROM item WHERE id = ?", lambda i: (next(going),)), 1000, 1.0),
        Work("insert, commit()", committed(insert, lambda i: item(next(fresh), "new")), 1000, 1.0),
        Work("update, commit()", committed(update, lambda i: (i / 7, some[i])), 1000, 1.0),
        Work("range of 10 by key", query(between, span(10)), 1000, 1.5),
        Work("range of 1,000 by key", query(between, span(1000)), 50, 1.5),
        Work("filter and aggregate", query(total), 1, 2.0),
        Work("GROUP BY 1,000 groups", query(groups), 1, 2.0, 5),
        Work("ORDER BY", query("SELECT * FROM item ORDER BY price, id"), 1, 2.0, 3),
        Work("top 10", query(first), 1, 2.0, 5),
        Work("filter and aggregate right after an update", after(update, price, total), 1, 1.0, 3),
        Work("GROUP BY right after an update", after(update, price, groups), 1, 1.0, 3),
        Work("top 10 right after an update", after(update, price, first), 1, 1.0, 3),
        Work("top 10 right after an insert", after(insert, lambda: item(next(fresh), "new"), first), 1, 1.0, 3),
        Work("join of two tables", query("SELECT g.label, i.price FROM item i JOIN grp g ON g.id = i.grp"), 1, 2.0, 3),
        Work("join of five tables", query(FIVE_WAY), 1, 2.0, 5),
        Work("fetchall of the table", query("SELECT * FROM item"), 1, 10.0, 3),
        Work("DISTINCT", query("SELECT DISTINCT grp FROM item"), 1, 1.0, 5),
        Work("window function", over("row_number()", "PARTITION BY grp ORDER BY price, id"), 1, 1.0, 3),
        Work("window: rank", over("rank()", "PARTITION BY grp ORDER BY price"), 1, 1.0, 2),
        Work("window: lag", over("lag(price)", "PARTITION BY grp ORDER BY id"), 1, 1.0, 2),
        Work("window: running sum", over("sum(price)", "PARTITION BY grp ORDER BY id"), 1, 1.0, 2),
        Work("window: sum of the partition", over("sum(price)", "PARTITION BY grp"), 1, 1.0, 2),
        Work("window: mean of 5 rows", over("avg(price)", "ORDER BY id ROWS BETWEEN 4 PRECEDING AND CURRENT ROW"), 1, 1.0, 2),
        Work("text never seen, of a known shape", NewTexts("SELECT name FROM item WHERE id = {}"), 500, 1 / 3),
        Work(f"executemany insert of {rows:,}, one index", bulk_insert(rows, 1), 1, 1.0, 3, is_bulk=True),
        Work(f"executemany insert of {rows:,}, three indexes", bulk_insert(rows, 3), 1, 1.0, 3, is_bulk=True),
    ]  # fmt: skip
