"""--readonly, and the questions before dangerous statements."""

import pytest

from exdbsql.schema.errors import OperationalError
from exdbsql.shell.guard import question_before, refuse_writing


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "-- hello\n select 1",
        "SHOW NODES",
        "BEGIN",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN SELECT 1",
        "EXPLAIN PYTHON SELECT 1",
        "",
        "ROLLBACK",
        "SET x TO 1",
    ],
)
def test_reading_passes(sql):
    refuse_writing(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "/* SELECT */ DELETE FROM t",
        "CREATE TABLE t (a int)",
        "SCATTER t TO ALL",
        "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a",
        "EXPLAIN ANALYZE DELETE FROM t",
        "VACUUM",
    ],
)
def test_writing_is_refused(sql):
    with pytest.raises(OperationalError) as caught:
        refuse_writing(sql)
    assert caught.value.sqlstate == "25006"


@pytest.mark.parametrize(
    ("sql", "question"),
    [
        (
            "alter cluster force recovery",
            "FORCE RECOVERY goes on without the other nodes: commits that only they have are lost.",
        ),
        ("ALTER CLUSTER DETACH", None),
        ("alter cluster remove node 2", "Node 2 is taken off the member list: only if it will not come back."),
        ("DROP TABLE IF EXISTS a, b", "DROP TABLE a, b: this cannot be undone."),
        ("delete from t", "DELETE without WHERE removes every row of t."),
        ('UPDATE "T x" SET a = (SELECT 1 FROM u WHERE b)', "UPDATE without WHERE changes every row of T x."),
        ("UPDATE t SET a = 1 WHERE b", None),
        ("DELETE FROM t WHERE 'x' = a", None),
        ("DELETE FROM t -- WHERE", "DELETE without WHERE removes every row of t."),
        ("SELECT 'DROP TABLE t'", None),
        ("INSERT INTO t VALUES (1)", None),
        ("", None),
    ],
)
def test_questions(sql, question):
    assert question_before(sql) == question
