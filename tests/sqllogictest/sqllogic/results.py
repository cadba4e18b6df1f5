"""Results as the files write them: one value on a line, in the order of the record, or a hash of that."""

import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from sqllogic.records import Record

HASHED: Final = re.compile(r"\d+ values hashing to [0-9a-f]{32}")


def shown(value: Any, kind: str) -> str:
    """A value as text, by the letter of its column."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        value = int(value)
    is_number = isinstance(value, (int, float, Decimal))
    if kind == "I":
        return str(int(value)) if is_number else _leading_integer(str(value))
    if kind == "R" and is_number:
        return f"{float(value):.3f}"
    return "".join(c if " " <= c <= "~" else "@" for c in str(value)) or "(empty)"


def _leading_integer(text: str) -> str:
    """A text in a column of integers counts as the number that it begins with, or 0, as in SQLite's C interface."""
    found = re.match(r"\s*[+-]?\d+", text)
    return str(int(found.group())) if found else "0"


def values_of(record: Record, rows: Sequence[Sequence[Any]]) -> list[str]:
    """The values of a result in the record's order."""
    texts = [[shown(v, t) for v, t in zip(row, record.types, strict=True)] for row in rows]
    if record.sort == "rowsort":
        texts.sort()
    values = [v for row in texts for v in row]
    if record.sort == "valuesort":
        values.sort()
    return values


def hashed(values: Sequence[str]) -> str:
    """``N values hashing to MD5``: of each value followed by a newline."""
    digest = hashlib.md5("".join(v + "\n" for v in values).encode(), usedforsecurity=False).hexdigest()
    return f"{len(values)} values hashing to {digest}"


def written(record: Record, values: Sequence[str]) -> list[str]:
    """The lines below ``----``, by the threshold in force."""
    if record.threshold and len(values) > record.threshold:
        return [hashed(values)]
    return list(values)


def mismatch(record: Record, values: Sequence[str]) -> str | None:
    """How a result differs from what the record expects; None where it does not."""
    expected = record.expected
    if len(expected) == 1 and HASHED.fullmatch(expected[0]) and list(values) != list(expected):
        got = hashed(values)
        return None if got == expected[0] else f"expected {expected[0]}, got {got}: {_few(values)}"
    if list(values) != list(expected):
        return f"expected {_few(expected)}, got {_few(values)}"
    return None


def _few(values: Sequence[str]) -> str:
    return ", ".join(values[:12]) + (f", ... ({len(values)} values)" if len(values) > 12 else "") or "nothing"
