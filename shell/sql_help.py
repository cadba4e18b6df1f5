"""The text of ``\\h``: the statements that exdbsql knows, each with its syntax and a line on what it does."""

from collections.abc import Mapping

STATEMENTS: Mapping[str, tuple[str, str]] = {
    "SELECT": (
        "read rows",
        """[WITH [RECURSIVE] name [(column, ...)] AS (query), ...]
SELECT [DISTINCT [ON (expression, ...)]] {* | expression [[AS] name]}, ...
    [FROM {table | (query) | function(...) | LATERAL ...} [[AS] alias]
        [[INNER | LEFT | RIGHT | FULL | CROSS | NATURAL] JOIN ... {ON condition | USING (column, ...)}] ...]
    [WHERE condition]
    [GROUP BY {expression | ROLLUP (...) | CUBE (...) | GROUPING SETS (...)}, ...] [HAVING condition]
    [WINDOW name AS (PARTITION BY ... ORDER BY ...)]
    [{UNION | INTERSECT | EXCEPT} [ALL] query]
    [ORDER BY expression [ASC | DESC] [NULLS {FIRST | LAST}], ...]
    [LIMIT count] [OFFSET start]
or  TABLE name""",
    ),
    "VALUES": ("rows from expressions, as a query", "VALUES (expression, ...), ... [ORDER BY ...] [LIMIT count]"),
    "INSERT": (
        "add rows",
        """[WITH ...] INSERT INTO table [(column, ...)] [OVERRIDING {SYSTEM | USER} VALUE]
    {VALUES ({expression | DEFAULT}, ...), ... | query | DEFAULT VALUES}
    [ON CONFLICT [(column, ...) [WHERE condition] | ON CONSTRAINT name]
        {DO NOTHING | DO UPDATE SET column = expression, ... [WHERE condition]}]
    [RETURNING expression, ...]""",
    ),
    "UPDATE": (
        "change rows",
        """[WITH ...] UPDATE table [[AS] alias] SET column = {expression | DEFAULT}, ... [FROM table, ...]
    [WHERE condition] [RETURNING expression, ...]""",
    ),
    "DELETE": (
        "remove rows",
        """[WITH ...] DELETE FROM table [[AS] alias] [USING table, ...]
    [WHERE condition] [RETURNING expression, ...]""",
    ),
    "MERGE": (
        "add, change and remove rows by what another table has",
        """MERGE INTO table [[AS] alias] USING {table | (query)} [[AS] alias] ON condition
    WHEN MATCHED [AND condition] THEN {UPDATE SET column = expression, ... | DELETE | DO NOTHING}
    WHEN NOT MATCHED [AND condition] THEN {INSERT [(column, ...)] VALUES (expression, ...) | DO NOTHING}""",
    ),
    "TRUNCATE": ("remove every row", "TRUNCATE [TABLE] table, ... [RESTART IDENTITY | CONTINUE IDENTITY] [CASCADE]"),
    "COPY": (
        "load rows from a file or standard input, or write them; \\copy uses files of yours",
        """COPY {table [(column, ...)] | (query)} {FROM | TO} {'file' | STDIN | STDOUT}
    [(FORMAT {text | csv}, HEADER [MATCH], DELIMITER 'c', NULL 'text', QUOTE 'c', ESCAPE 'c', ENCODING 'name', ...)]
    [WHERE condition]""",
    ),
    "CREATE TABLE": (
        "make a table: replicated (the default), distributed, or local to each node",
        """CREATE [REPLICATED | DISTRIBUTED | LOCAL | TEMPORARY] TABLE [IF NOT EXISTS] name (
    column type [NOT NULL] [DEFAULT expression] [PRIMARY KEY] [UNIQUE] [CHECK (condition)]
        [REFERENCES table (column) [ON {DELETE | UPDATE} {CASCADE | RESTRICT | SET NULL | SET DEFAULT}]]
        [GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY | GENERATED ALWAYS AS (expression) STORED], ...
    [, [CONSTRAINT name] {PRIMARY KEY (column, ...) | UNIQUE (column, ...) | CHECK (condition)
        | FOREIGN KEY (column, ...) REFERENCES table (column, ...)} [DEFERRABLE [INITIALLY DEFERRED]]] )
    [ON COMMIT {PRESERVE ROWS | DELETE ROWS | DROP}]
or  CREATE TABLE name (...) [REPLICATED | DISTRIBUTED | LOCAL]""",
    ),
    "CREATE TABLE AS": (
        "make a table of what a query gives",
        """CREATE [REPLICATED | DISTRIBUTED | LOCAL | TEMPORARY] TABLE [IF NOT EXISTS] name [(column, ...)]
    AS query [WITH [NO] DATA]""",
    ),
    "ALTER TABLE": (
        "change a table's columns and constraints",
        """ALTER TABLE [IF EXISTS] name
    ADD [COLUMN] [IF NOT EXISTS] column type ... | DROP [COLUMN] [IF EXISTS] column [CASCADE]
    | ALTER [COLUMN] column {TYPE type [USING expression] | SET DEFAULT expression | DROP DEFAULT
        | SET NOT NULL | DROP NOT NULL}
    | ADD [CONSTRAINT name] {UNIQUE (...) | CHECK (...) | FOREIGN KEY ...} | DROP CONSTRAINT [IF EXISTS] name
    | RENAME [COLUMN] column TO name | RENAME TO name""",
    ),
    "DROP TABLE": ("remove tables with their rows and indexes", "DROP TABLE [IF EXISTS] name, ... [CASCADE]"),
    "CREATE INDEX": (
        "make an index",
        """CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON table
    ({column | (expression)} [ASC | DESC] [NULLS {FIRST | LAST}], ...) [NULLS NOT DISTINCT] [WHERE condition]""",
    ),
    "ALTER INDEX": ("rename an index", "ALTER INDEX [IF EXISTS] name RENAME TO name"),
    "DROP INDEX": ("remove indexes", "DROP INDEX [IF EXISTS] name, ..."),
    "CREATE VIEW": ("give a query a name", "CREATE [OR REPLACE] VIEW name [(column, ...)] AS query"),
    "ALTER VIEW": ("rename a view", "ALTER VIEW [IF EXISTS] name RENAME TO name"),
    "DROP VIEW": ("remove views", "DROP VIEW [IF EXISTS] name, ... [CASCADE]"),
    "CREATE SEQUENCE": (
        "make a source of numbers, unique over all nodes; nextval('name') takes one",
        """CREATE SEQUENCE [IF NOT EXISTS] name [AS {smallint | integer | bigint}]
    [START [WITH] number] [INCREMENT [BY] number] [CACHE number] [OWNED BY {table.column | NONE}]""",
    ),
    "ALTER SEQUENCE": (
        "change or rename a sequence",
        """ALTER SEQUENCE [IF EXISTS] name [RESTART [[WITH] number]] [INCREMENT [BY] number]
    [OWNED BY {table.column | NONE}]
ALTER SEQUENCE [IF EXISTS] name RENAME TO name""",
    ),
    "DROP SEQUENCE": ("remove sequences", "DROP SEQUENCE [IF EXISTS] name, ... [CASCADE]"),
    "CREATE TYPE": ("make a type whose values are labels in an order", "CREATE TYPE name AS ENUM ('label', ...)"),
    "ALTER TYPE": (
        "add or rename labels, rename the type",
        """ALTER TYPE name ADD VALUE [IF NOT EXISTS] 'label' [{BEFORE | AFTER} 'label']
ALTER TYPE name RENAME VALUE 'label' TO 'label'
ALTER TYPE name RENAME TO name""",
    ),
    "DROP TYPE": ("remove types", "DROP TYPE [IF EXISTS] name, ... [CASCADE]"),
    "COMMENT": (
        "say what something is for",
        """COMMENT ON {TABLE | COLUMN | INDEX | SEQUENCE | TYPE | VIEW} name IS {'text' | NULL}
COMMENT ON CONSTRAINT name ON table IS {'text' | NULL}""",
    ),
    "BEGIN": (
        "start a transaction; without it each statement is one",
        """BEGIN [ISOLATION LEVEL {READ COMMITTED | REPEATABLE READ | SERIALIZABLE}] [READ ONLY | READ WRITE]
or  START TRANSACTION ...""",
    ),
    "COMMIT": (
        "make the transaction's changes visible, on every node where they are replicated",
        "COMMIT [AND CHAIN]\nor  END ...",
    ),
    "ROLLBACK": (
        "undo the transaction, or what came after a savepoint",
        "ROLLBACK [AND CHAIN]\nor  ABORT ...\nROLLBACK TO [SAVEPOINT] name",
    ),
    "SAVEPOINT": (
        "mark a place in the transaction to go back to",
        "SAVEPOINT name\nRELEASE [SAVEPOINT] name\nROLLBACK TO [SAVEPOINT] name",
    ),
    "DECLARE": (
        "open a cursor; it ends with its transaction, or WITH HOLD lives on",
        "DECLARE name [[NO] SCROLL] CURSOR [WITH HOLD] FOR query",
    ),
    "FETCH": (
        "read the next rows of a cursor; MOVE passes over them",
        """FETCH [count | NEXT | PRIOR | FIRST | LAST | ALL | ABSOLUTE n | RELATIVE n | {FORWARD | BACKWARD} [count | ALL]]
    [FROM] name
MOVE ...
CLOSE {name | ALL}""",
    ),
    "PREPARE": (
        "give a statement with $1, $2 ... a name, and run it by that",
        """PREPARE name [(type, ...)] AS statement
EXECUTE name [(value, ...)]
DEALLOCATE {name | ALL}""",
    ),
    "SCATTER": (
        "push what other nodes lack of DISTRIBUTED tables, all of it or nothing",
        """SCATTER [TABLE] {table, ... | ALL} TO {[NODE] id, ... | ALL} [ON CONFLICT KEEP {SOURCE | TARGET}]
    ALL nodes are those that are connected; one that is named must be there""",
    ),
    "GATHER": (
        "pull what this node lacks of DISTRIBUTED tables, all of it or nothing",
        """GATHER [TABLE] {table, ... | ALL} FROM {[NODE] id, ... | ALL} [ON CONFLICT KEEP {SOURCE | TARGET}]
    ALL nodes are those that are connected; one that is named must be there""",
    ),
    "ALTER CLUSTER": (
        "leave the cluster, join it, end it, change its members, or recover alone",
        """ALTER CLUSTER DETACH                          leave; the node is free for local work
ALTER CLUSTER ATTACH [DISCARD LOCAL CHANGES]  join again; local changes are a reason to refuse, or are saved to a file
ALTER CLUSTER STOP                            end the cluster, together with all active nodes
ALTER CLUSTER REMOVE NODE id                  take a member off the list that will not come back
ALTER CLUSTER NODE id RANK rank               give a member another rank
ALTER CLUSTER FORCE RECOVERY                  go on alone, the others being gone for good""",
    ),
    "SHOW": (
        "ask about the database, the cluster, or a setting",
        """SHOW {TABLES | COLUMNS FROM table | INDEXES [FROM table] | CREATE TABLE table}
SHOW {CLUSTER | NODES | QUORUM | TRANSACTION STATUS 'id'}
SHOW {ALL | setting | TRANSACTION ISOLATION LEVEL}""",
    ),
    "SET": (
        "change a setting of the session, or the modes of the transaction",
        """SET [SESSION | LOCAL] name {TO | =} {value | DEFAULT}
RESET {name | ALL}
SET TRANSACTION mode, ...
SET SESSION CHARACTERISTICS AS TRANSACTION mode, ...
SET CONSTRAINTS {ALL | name, ...} {DEFERRED | IMMEDIATE}
    mode: ISOLATION LEVEL level | READ ONLY | READ WRITE""",
    ),
    "DISCARD": ("forget what belongs to the session", "DISCARD {ALL | PLANS | SEQUENCES | TEMPORARY}"),
    "EXPLAIN": (
        "show the plan of a statement, or the Python function it was compiled to",
        "EXPLAIN [ANALYZE | (ANALYZE, SUMMARY {on | off}, FORMAT {text | json})] statement\nEXPLAIN PYTHON statement",
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
