"""Fields of COPY's CSV format: quoted where they must be; an unquoted NULL string is NULL, a quoted one is text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence

from exdbsql.copy.columns import Fields
from exdbsql.copy.options import EVERY, CopyOptions
from exdbsql.copy.records import END_OF_DATA
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError


def split_csv(record: str, options: CopyOptions) -> list[tuple[str, bool]]:
    """The fields of a record, each with whether a quote was in it.

    Raises:
        DataError: 22P04, a quote has no end.
    """
    delimiter, quote, escape = options.delimiter, options.quote, options.escape
    if quote not in record:
        return [(field, False) for field in record.split(delimiter)]
    fields: list[tuple[str, bool]] = []
    characters: list[str] = []
    inside = quoted = False
    at = 0
    while at < len(record):
        character = record[at]
        if inside:
            if character == escape and record[at + 1 : at + 2] in (quote, escape) and at + 1 < len(record):
                at += 1
                characters.append(record[at])
            elif character == quote:
                inside = False
            else:
                characters.append(character)
        elif character == quote:
            inside = quoted = True
        elif character == delimiter:
            fields.append(("".join(characters), quoted))
            characters, quoted = [], False
        else:
            characters.append(character)
        at += 1
    if inside:
        raise DataError("unterminated CSV quoted field", sqlstate=states.BAD_COPY_FILE_FORMAT)
    fields.append(("".join(characters), quoted))
    return fields


def quick_reader(options: CopyOptions) -> Callable[[str], list[list[str]] | None]:
    """A function that takes a block with quotes apart by Python's `csv`, which is quick; None where that is another dialect.

    They agree where each field is either wholly quoted or has no quote, and none is the NULL string in quotes.
    """
    if options.escape != options.quote:
        return lambda _: None
    quote, delimiter = re.escape(options.quote), re.escape(options.delimiter)
    some = "++" if not options.null else "*+"
    grammar = re.compile(
        rf"(?:(?:{quote}(?:[^{quote}]++|{quote}{quote}){some}{quote}|[^{quote}{delimiter}\n]*+)[{delimiter}\n])*+"
    )
    quoted_null = f"{options.quote}{options.null}{options.quote}"

    def read(block: str) -> list[list[str]] | None:
        if "\0" in block or (options.null and quoted_null in block) or not grammar.fullmatch(block):
            return None
        reader = csv.reader(
            io.StringIO(block, newline="\n"), delimiter=options.delimiter, quotechar=options.quote, strict=True
        )
        try:
            rows = list(reader)
        except csv.Error:  # a field longer than that module takes
            return None
        return rows if len(rows) == block.count("\n") and [] not in rows else None

    return read


def csv_writer(options: CopyOptions, name: str, *, alone: bool) -> Callable[[Fields], Sequence[str]]:
    """A function that writes the fields of the column `name`; `alone`: it is the only one."""
    quote, escape, null = options.quote, options.escape, options.null
    always = options.force_quote == EVERY or name in options.force_quote
    special = re.compile("[" + re.escape(f"{options.delimiter}{quote}\r\n") + "]")
    escaped = {ord(quote): escape + quote, ord(escape): escape + escape}

    plain = not always and not alone

    def write(fields: Fields) -> Sequence[str]:
        if plain and None not in fields and null not in fields and not special.search("".join(fields)):  # type: ignore[arg-type]
            return fields  # type: ignore[return-value]  # there is no None
        return [
            null
            if field is None
            else f"{quote}{field.translate(escaped)}{quote}"
            if always or field == null or special.search(field) or (alone and field == END_OF_DATA)
            else field
            for field in fields
        ]

    return write
