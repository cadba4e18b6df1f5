"""The text of ``\\h``: the statements that exdbsql knows, each with its syntax and a line on what it does."""

from collections.abc import Mapping

STATEMENTS: Mapping[str, tuple[str, str]] = {
    "SELECT": (
        "read rows",
        """SELECT [DISTINCT] expression [AS name], ... | *
    [FROM table [alias] [[INNER | LEFT] JOIN table [alias] ON condition] ...]
    [WHERE condition]
    [GROUP BY expression, ...] [HAVING condition]
    [ORDER BY expression [ASC | DESC] [NULLS FIRST | NULLS LAST], ...]
    [LIMIT count] [OFFSET start]""",
    ),
    "INSERT": (
        "add rows",
        """INSERT INTO table [(column, ...)]
    { VALUES ({expression | DEFAULT}, ...), ... | SELECT ... }
    [RETURNING expression, ...]""",
    ),
    "UPDATE": (
        "change rows",
        """UPDATE table SET column = {expression | DEFAULT}, ... [WHERE condition]
    [RETURNING expression, ...]""",
    ),
    "DELETE": ("remove rows", "DELETE FROM table [WHERE condition] [RETURNING expression, ...]"),
    "CREATE TABLE": (
        "make a table: replicated (the default), distributed, or local to each node",
        """CREATE [REPLICATED | DISTRIBUTED | LOCAL] TABLE [IF NOT EXISTS] name (
    column type [NOT NULL] [DEFAULT expression] [PRIMARY KEY] [UNIQUE] [CHECK (condition)], ...
    [, PRIMARY KEY (column, ...)] [, UNIQUE (column, ...)] [, CHECK (condition)] )
or  CREATE TABLE name (...) [REPLICATED | DISTRIBUTED | LOCAL]""",
    ),
    "DROP TABLE": ("remove tables with their rows and indexes", "DROP TABLE [IF EXISTS] name, ..."),
    "CREATE INDEX": (
        "make an index",
        "CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON table (column [ASC | DESC], ...)",
    ),
    "DROP INDEX": ("remove indexes", "DROP INDEX [IF EXISTS] name, ..."),
    "COPY": (
        "load rows from a file or standard input, or write them; \\copy uses files of yours",
        """COPY {table [(column, ...)] | (query)} {FROM | TO} {'file' | STDIN | STDOUT}
    [(FORMAT {text | csv}, HEADER [MATCH], DELIMITER 'c', NULL 'text', QUOTE 'c', ESCAPE 'c', ENCODING 'name', ...)]
    [WHERE condition]""",
    ),
    "BEGIN": (
        "start a transaction; without it each statement is one",
        """BEGIN [ISOLATION LEVEL {READ COMMITTED | REPEATABLE READ | SERIALIZABLE}] [READ ONLY | READ WRITE]
or  START TRANSACTION ...""",
    ),
    "COMMIT": ("make the transaction's changes visible, on every node where they are replicated", "COMMIT [AND CHAIN]"),
    "ROLLBACK": ("undo the transaction, or what came after a savepoint", "ROLLBACK [TO [SAVEPOINT] name]"),
    "SAVEPOINT": (
        "mark a place in the transaction to go back to",
        "SAVEPOINT name\nRELEASE [SAVEPOINT] name\nROLLBACK TO [SAVEPOINT] name",
    ),
    "SCATTER": (
        "push what other nodes lack of DISTRIBUTED tables, all of it or nothing",
        "SCATTER [TABLE] {table, ... | ALL} TO {[NODE] id, ... | ALL} [ON CONFLICT KEEP {SOURCE | TARGET}]",
    ),
    "GATHER": (
        "pull what this node lacks of DISTRIBUTED tables, all of it or nothing",
        "GATHER [TABLE] {table, ... | ALL} FROM {[NODE] id, ... | ALL} [ON CONFLICT KEEP {SOURCE | TARGET}]",
    ),
    "ALTER CLUSTER": (
        "leave the cluster, join it again, end it; change its members; or go on alone when the others are gone for good",
        """ALTER CLUSTER {DETACH | ATTACH [DISCARD LOCAL CHANGES] | STOP | FORCE RECOVERY}
ALTER CLUSTER REMOVE NODE id
ALTER CLUSTER NODE id RANK rank""",
    ),
    "SHOW": (
        "ask about the database, the cluster, or a setting",
        "SHOW {TABLES | INDEXES | CREATE TABLE name | CLUSTER | NODES | QUORUM | TRANSACTION STATUS 'id' | setting}",
    ),
    "SET": (
        "change a setting of the session, or the modes of the transaction",
        """SET name {TO | =} value
SET TRANSACTION mode, ...
SET SESSION CHARACTERISTICS AS TRANSACTION mode, ...
    mode: ISOLATION LEVEL level | READ ONLY | READ WRITE""",
    ),
    "EXPLAIN": (
        "show the plan of a statement, or the Python function it was compiled to",
        "EXPLAIN [PYTHON] statement",
    ),
}


def text_for(topic: str) -> str | None:
    """The help on a statement, on all whose names begin like `topic`, or the list; None where nothing fits."""
    wanted = " ".join(topic.upper().rstrip(";").split())
    if not wanted:
        width = max(map(len, STATEMENTS))
        lines = [f"  {name:{width}}  {summary}" for name, (summary, _) in STATEMENTS.items()]
        return "\n".join(["Statements (\\h NAME shows one):", *lines])
    found = [name for name in STATEMENTS if name.startswith(wanted)]
    found = [wanted] if wanted in STATEMENTS else found or [name for name in STATEMENTS if wanted in name.split()]
    if not found:
        return None
    return "\n\n".join(f"{name}: {STATEMENTS[name][0]}\n\n{STATEMENTS[name][1]}" for name in found)
