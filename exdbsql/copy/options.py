"""The options of COPY: their values, and what PostgreSQL allows of them."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, NotSupportedError, ProgrammingError

TEXT: Final = "text"
CSV: Final = "csv"
EVERY: Final = ("*",)
"""FORCE_QUOTE *."""

_NO_DELIMITER_OF_TEXT: Final = "\\.abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How the text looks.

    Attributes:
        format: "text" or "csv".
        header: "false", "true" or "match".
        delimiter, quote, escape: one character each.
        null: what stands for NULL.
        force_quote: columns that are always quoted, or `EVERY`.
        force_null: columns where also a quoted `null` is NULL.
        force_not_null: columns where `null` is never NULL.
        encoding: Python's name of it.
    """

    format: str = TEXT
    header: str = "false"
    delimiter: str = "\t"
    null: str = "\\N"
    quote: str = '"'
    escape: str = '"'
    force_quote: tuple[str, ...] = ()
    force_null: tuple[str, ...] = ()
    force_not_null: tuple[str, ...] = ()
    encoding: str = "utf-8"

    @property
    def is_csv(self) -> bool:
        """Whether the format is CSV."""
        return self.format == CSV


def options_of(given: dict[str, Any], *, is_from: bool) -> CopyOptions:
    """The options by what the statement says, `given` by name in lower case.

    Raises:
        ProgrammingError, NotSupportedError: with PostgreSQL's messages and codes.
    """
    csv = given.get("format", TEXT) == CSV
    delimiter = given.get("delimiter", "," if csv else "\t")
    quote = given.get("quote", '"')
    options = CopyOptions(
        format=given.get("format", TEXT),
        header=given.get("header", "false"),
        delimiter=delimiter,
        null=given.get("null", "" if csv else "\\N"),
        quote=quote,
        escape=given.get("escape", quote),
        force_quote=given.get("force_quote", ()),
        force_null=given.get("force_null", ()),
        force_not_null=given.get("force_not_null", ()),
        encoding=_encoding(given.get("encoding", "utf-8")),
    )
    _check_characters(options, given)
    _check_csv_only(given, csv=csv, is_from=is_from)
    _check_null(options)
    if options.header == "match" and not is_from:
        raise NotSupportedError('cannot use "match" with HEADER in COPY TO')
    return options


def _encoding(name: str) -> str:
    """Python's name of an encoding, which has PostgreSQL's names too but for those of Windows."""
    try:
        found = codecs.lookup(re.sub(r"(?i)^win-?(?=\d)", "cp", name))
        "".encode(found.name)  # refuses what is no encoding of text
    except LookupError:
        raise _wrong('argument to option "encoding" must be a valid encoding name') from None
    return found.name


def _wrong(message: str) -> ProgrammingError:
    return ProgrammingError(message, sqlstate=states.INVALID_PARAMETER_VALUE)


def _check_characters(options: CopyOptions, given: dict[str, Any]) -> None:
    if len(options.delimiter) != 1 or not options.delimiter.isascii():
        raise NotSupportedError("COPY delimiter must be a single one-byte character")
    if options.delimiter in "\r\n":
        raise _wrong("COPY delimiter cannot be newline or carriage return")
    if "\r" in options.null or "\n" in options.null:
        raise _wrong("COPY null representation cannot use newline or carriage return")
    if not options.is_csv:
        if options.delimiter in _NO_DELIMITER_OF_TEXT:
            raise _wrong(f'COPY delimiter cannot be "{options.delimiter}"')
        return
    for name in ("quote", "escape"):
        value = getattr(options, name)
        if len(value) != 1 or not value.isascii():
            raise NotSupportedError(f"COPY {name} must be a single one-byte character")
    if options.delimiter == options.quote:
        raise _wrong("COPY delimiter and quote must be different")


def _check_csv_only(given: dict[str, Any], *, csv: bool, is_from: bool) -> None:
    for name in ("quote", "escape", "force_quote", "force_not_null", "force_null"):
        if name not in given:
            continue
        called = name.replace("_", " ")
        if not csv:
            raise NotSupportedError(f"COPY {called} available only in CSV mode")
        if name == "force_quote" and is_from:
            raise NotSupportedError(f"COPY {called} only available using COPY TO")
        if name in ("force_not_null", "force_null") and not is_from:
            raise NotSupportedError(f"COPY {called} only available using COPY FROM")


def _check_null(options: CopyOptions) -> None:
    if options.delimiter in options.null:
        raise NotSupportedError("COPY delimiter must not appear in the NULL specification")
    if options.is_csv and options.quote in options.null:
        raise NotSupportedError("CSV quote character must not appear in the NULL specification")


def repeated() -> Error:
    """An option was given twice."""
    return ProgrammingError("conflicting or redundant options", sqlstate=states.SYNTAX_ERROR)
