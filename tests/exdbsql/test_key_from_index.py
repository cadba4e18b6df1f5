"""Queries that want nothing but the key of the rows with an index value: the shortcut takes it from the index."""

import exdbsql


def test_keys_of_an_index_value() -> None:
    connection = exdbsql.connect()
    connection.execute("CREATE TABLE t (id integer PRIMARY KEY, a integer, s text UNIQUE)")
    connection.execute("CREATE INDEX t_a ON t (a)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, i % 3, str(i)) for i in range(9)])
    connection.commit()
    for _ in range(3):
        assert sorted(connection.execute("SELECT id FROM t WHERE a = ?", (1,)).fetchall()) == [(1,), (4,), (7,)]
        assert connection.execute("SELECT id, id AS again FROM t WHERE s = ?", ("4",)).fetchall() == [(4, 4)]
        assert connection.execute("SELECT id FROM t WHERE s = ?", ("none",)).fetchall() == []
        assert connection.execute("SELECT id FROM t WHERE a = ? AND s > ?", (1, "4")).fetchall() == [(7,)]
    connection.execute("DELETE FROM t WHERE id = 4")
    connection.execute("INSERT INTO t VALUES (10, 1, 'ten')")
    for _ in range(2):
        assert sorted(connection.execute("SELECT id FROM t WHERE a = ?", (1,)).fetchall()) == [(1,), (7,), (10,)]
        connection.commit()
    connection.close()


def test_a_numeric_key_is_shown_as_the_row_has_it() -> None:
    connection = exdbsql.connect()
    connection.execute("CREATE TABLE t (id numeric PRIMARY KEY, a integer)")
    connection.execute("CREATE INDEX t_a ON t (a)")
    connection.execute("INSERT INTO t VALUES (1.0, 5)")
    connection.commit()
    connection.execute("UPDATE t SET id = 1.00")
    connection.commit()
    for _ in range(3):
        ((found,),) = connection.execute("SELECT id FROM t WHERE a = ?", (5,)).fetchall()
        assert str(found) == "1.00"
    connection.close()
