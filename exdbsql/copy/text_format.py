"""Fields of COPY's text format: separated by a delimiter, with backslash sequences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from exdbsql.copy.columns import Fields
from exdbsql.copy.options import CopyOptions
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError

_NAMED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SEQUENCE: Final = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.)|$)", re.DOTALL)
_WRITTEN: Final = {ord(character): f"\\{name}" for name, character in _NAMED.items()} | {ord("\\"): "\\\\"}


def split_text(record: str, options: CopyOptions) -> list[str | None]:
    """The fields of a record; None for NULL.

    Raises:
        DataError: 22021, a sequence that gives no valid character.
    """
    delimiter = options.delimiter
    if "\\" + delimiter in record:
        separator = re.escape(delimiter)
        raw = re.findall(rf"(?:^|{separator})((?:\\.|[^{separator}\\]|\\$)*)", record, re.DOTALL)
    else:
        raw = record.split(delimiter)
    null = options.null
    return [None if field == null else unescaped(field) for field in raw]


def unescaped(field: str) -> str:
    """The text that a field with backslash sequences means."""
    if "\\" not in field:
        return field
    if not re.search(r"\\(?:[0-7]|x[0-9a-fA-F])", field):
        return _SEQUENCE.sub(_character, field)
    return _with_bytes(field)


def _character(found: re.Match[str]) -> str:
    other = found[3]
    return "\\" if other is None else _NAMED.get(other, other)


def _with_bytes(field: str) -> str:
    """With octal and hexadecimal sequences, which mean bytes in UTF-8."""

    def part(found: re.Match[str]) -> str:
        octal, hexadecimal, _ = found.groups()
        if octal is None and hexadecimal is None:
            return _character(found)
        byte = int(octal, 8) & 0xFF if octal is not None else int(hexadecimal, 16)
        return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)  # as errors="surrogateescape" writes bytes

    made = _SEQUENCE.sub(part, field)
    try:
        return made.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid_bytes("utf-8", error) from None


def invalid_bytes(encoding: str, error: UnicodeDecodeError) -> DataError:
    """The error for bytes that are no text in an encoding."""
    wrong = error.object[error.start : max(error.end, error.start + 1)]
    name = "UTF8" if encoding == "utf-8" else encoding.upper()
    shown = " ".join(f"0x{byte:02x}" for byte in wrong)
    return DataError(
        f'invalid byte sequence for encoding "{name}": {shown}', sqlstate=states.CHARACTER_NOT_IN_REPERTOIRE
    )


def text_writer(options: CopyOptions) -> Callable[[Fields], Sequence[str]]:
    """A function that writes the fields of one column."""
    table = {ord(options.delimiter): "\\" + options.delimiter} | _WRITTEN
    special = re.compile("[" + re.escape("".join(map(chr, table))) + "]")
    null = options.null

    def write(fields: Fields) -> Sequence[str]:
        if None not in fields and not special.search("".join(fields)):  # type: ignore[arg-type]  # there is no None
            return fields  # type: ignore[return-value]
        return [
            null if field is None else field.translate(table) if special.search(field) else field for field in fields
        ]

    return write
