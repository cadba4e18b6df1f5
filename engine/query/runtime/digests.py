"""`table_digest('t')`: one text for all rows of a table, equal on nodes with equal rows.

The rows' hashes are added up, so their order plays no part, and a row that is there twice counts twice (with XOR it would
vanish). 128 bits: two tables that differ have the same digest by accident once in 2^128.
"""

from hashlib import blake2b
from typing import Any

from exdbsql.engine.transaction import Transaction
from exdbsql.schema.codec import pack

_BITS = 128


def table_digest(transaction: Transaction, name: str) -> str:
    """The digest of the rows that the transaction sees, and how many there are.

    Raises:
        ProgrammingError: no such table (42P01).
    """
    rows = transaction.rows(transaction.table(name))
    total = 0
    for row in rows:
        total += int.from_bytes(blake2b(pack(list(row)), digest_size=_BITS // 8).digest(), "big")
    return f"{total % (1 << _BITS):032x}-{len(rows)}"


NAMES: dict[str, Any] = {"table_digest": table_digest}
