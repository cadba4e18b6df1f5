"""The words of SQL that completion offers and that colours know: those of the help, and what the engine can call."""

import re

from exdbsql.engine.query.parse import CALLED_PLAINLY
from exdbsql.shell.sql_help import STATEMENTS

_KEYWORDS = """
    SELECT FROM WHERE INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE INDEX UNIQUE DROP PRIMARY KEY NOT NULL DEFAULT
    CHECK AND OR IN IS BETWEEN LIKE ILIKE EXISTS CASE WHEN THEN ELSE END AS JOIN LEFT INNER CROSS ON USING GROUP BY
    HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET DISTINCT UNION ALL RETURNING BEGIN COMMIT ROLLBACK SAVEPOINT
    RELEASE TRANSACTION ISOLATION LEVEL SERIALIZABLE REPEATABLE READ COMMITTED ONLY WRITE SHOW TABLES INDEXES TO
    EXPLAIN WITH CAST TRUE FALSE IF INTEGER BIGINT SMALLINT NUMERIC REAL DOUBLE PRECISION TEXT VARCHAR BOOLEAN DATE
    TIME TIMESTAMP TIMESTAMPTZ BYTEA UUID
"""
_OWN_KEYWORDS = (
    "SCATTER GATHER DISTRIBUTED REPLICATED LOCAL NODE NODES CLUSTER QUORUM PYTHON DETACH ATTACH REMOVE RANK RECOVERY"
)
_FUNCTIONS = """
    count sum avg min max coalesce nullif lower upper length substring trim abs round floor ceil mod now current_date
    current_timestamp
"""

OWN_KEYWORDS = frozenset(_OWN_KEYWORDS.split())
"""Keywords that PostgreSQL does not have, or does not colour."""

_OF_THE_HELP = (word for _, syntax in STATEMENTS.values() for word in re.findall(r"\b[A-Z]{2,}\b", syntax))

KEYWORDS = tuple(dict.fromkeys((*_KEYWORDS.split(), *_OWN_KEYWORDS.split(), *_OF_THE_HELP)))
"""Everything that may be completed as a keyword, PostgreSQL's words and ours."""

FUNCTIONS = tuple(
    dict.fromkeys((*_FUNCTIONS.split(), *sorted(name for name in CALLED_PLAINLY if not name.startswith("pg_"))))
)
