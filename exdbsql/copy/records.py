"""A stream of text, cut where records end.

Text comes in pieces of any size; what goes on is blocks of whole records, and what is left waits for the next piece. Only the ends of
records are looked for here, so that the common block (no quote in it, no backslash) can be taken apart by `str.split`. The
rules, PostgreSQL's:

- A record ends with a newline, a carriage return, or both; the first one decides, and the others must be the same.
- In text, a newline behind a backslash is data. In CSV, one between quotes is.
- A record ``\\.`` ends the data; what follows is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from exdbsql.copy.options import CopyOptions
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError

LONGEST_RECORD: Final = 1 << 30
"""Characters; PostgreSQL's bound is a gigabyte."""
END_OF_DATA: Final = "\\."


class Records:
    """Cuts a stream.

    Attributes:
        newline: what ends a record, once that is known.
    """

    def __init__(self, options: CopyOptions) -> None:
        self._options = options
        self._simple_quotes = options.escape == options.quote
        self._rest: list[str] = []
        self._rest_length = 0
        self._in_quotes = False
        self._held_back = ""
        self.newline = ""

    def feed(self, text: str) -> str:
        """The whole records that there are now, each with its end; "" where there are none.

        Raises:
            DataError: a record that is too long (54000).
        """
        text = self._held_back + text
        self._held_back = ""
        if text.endswith("\r") and self.newline != "\r":  # a newline may follow
            text, self._held_back = text[:-1], "\r"
        elif not self._simple_quotes and text.endswith(self._options.escape):  # the quote that it is about may follow
            plain = text.rstrip(self._options.escape)
            text, self._held_back = plain, text[len(plain) :]
        if self._rest and not self._options.is_csv and self._rest[-1].endswith("\\"):
            text = self._rest.pop() + text
            self._rest_length = sum(map(len, self._rest))
        if not self.newline and not self._find_newline(text):
            return self._keep(text)
        end = self._last_end(text)
        if not end:
            return self._keep(text)
        block = "".join(self._rest) + text[:end] if self._rest else text[:end]
        self._rest, self._rest_length, self._in_quotes = [], 0, False
        if end < len(text):
            self._keep(text[end:])
        return block

    @property
    def rest(self) -> str:
        """The text behind the last whole record."""
        return "".join(self._rest) + self._held_back

    def finish(self) -> str:
        """The last record, where the stream ends without a newline.

        Raises:
            DataError: it ends between quotes (22P04).
        """
        text = self.rest
        if not self.newline and self._held_back == "\r":
            self._find_newline(self._held_back if self._options.is_csv else text)
        if self._in_quotes:
            raise DataError("unterminated CSV quoted field", sqlstate=states.BAD_COPY_FILE_FORMAT)
        self._rest, self._held_back = [], ""
        return text

    def _keep(self, text: str) -> str:
        self._rest_length += len(text)
        if self._rest_length > LONGEST_RECORD:
            raise DataError(
                f"a record of more than {LONGEST_RECORD} characters", sqlstate=states.PROGRAM_LIMIT_EXCEEDED
            )
        self._rest.append(text)
        if self._options.is_csv:
            self._in_quotes = self.quoted_after(text, self._in_quotes)
        return ""

    def quoted_after(self, text: str, in_quotes: bool) -> bool:
        """Whether a CSV text that begins inside or outside of quotes ends inside."""
        quote, escape = self._options.quote, self._options.escape
        if self._simple_quotes:
            return in_quotes ^ bool(text.count(quote) & 1)
        at = 0
        while at < len(text):
            if in_quotes and text[at] == escape and text[at + 1 : at + 2] in (quote, escape):
                at += 1
            elif text[at] == quote:
                in_quotes = not in_quotes
            at += 1
        return in_quotes

    def _find_newline(self, text: str) -> bool:
        start, inside = 0, self._in_quotes
        for found in re.finditer(r"\r\n|\r|\n", text):
            if self._options.is_csv:
                inside = self.quoted_after(text[start : found.start()], inside)
                start = found.start()
            else:
                inside = _is_escaped(text, found.start())
            if not inside:
                self.newline = found[0]
                return True
        return False

    def _last_end(self, text: str) -> int:
        """Offset behind the last end of a record in `text`, or 0."""
        if not self._options.is_csv:
            return self._last_end_of_text(text)
        quote = self._options.quote
        if not self._in_quotes and quote not in text:
            return text.rfind(self.newline) + len(self.newline) if self.newline in text else 0
        if not self._simple_quotes:
            return self._last_end_by_steps(text)
        odd = self._in_quotes ^ bool(text.count(quote) & 1)
        end = len(text)
        while (at := text.rfind(self.newline, 0, end)) >= 0:
            odd ^= bool(text.count(quote, at, end) & 1)
            if not odd:
                return at + len(self.newline)
            end = at
        return 0

    def _last_end_of_text(self, text: str) -> int:
        end = len(text)
        while (at := text.rfind(self.newline, 0, end)) >= 0:
            if not _is_escaped(text, at):
                return at + len(self.newline)
            end = at
        return 0

    def _last_end_by_steps(self, text: str) -> int:
        found, start, inside = 0, 0, self._in_quotes
        while (at := text.find(self.newline, start)) >= 0:
            inside = self.quoted_after(text[start:at], inside)
            start = at + len(self.newline)
            if not inside:
                found = start
        return found

    def split(self, block: str) -> Iterator[str]:
        """The records of a block, without their ends.

        Raises:
            DataError: another end than the first one had (22P04).
        """
        pieces = block.split(self.newline) if self.newline else [block]
        if pieces[-1] == "":
            pieces.pop()
        gathered: list[str] = []
        inside = False
        for piece in pieces:
            inside = self.quoted_after(piece, inside) if self._options.is_csv else _is_escaped(piece, len(piece))
            gathered.append(piece)
            if inside:
                continue
            record = gathered[0] if len(gathered) == 1 else self.newline.join(gathered)
            gathered = []
            yield record
        if gathered:
            yield self.newline.join(gathered)


def check_ends(record: str, options: CopyOptions) -> None:
    """Refuse a newline or carriage return that ends no record and is no data.

    Raises:
        DataError: 22P04.
    """
    if options.is_csv:
        outside = _outside_quotes(record, options) if options.quote in record else record
        _refuse_ends(outside, "unquoted", "Use quoted CSV field to represent {}.")
    else:
        _refuse_ends(re.sub(r"\\.", "", record, flags=re.DOTALL), "literal", 'Use "{}" to represent {}.')


def _outside_quotes(record: str, options: CopyOptions) -> str:
    """What of a record stands outside of quotes."""
    quote, escape = re.escape(options.quote), re.escape(options.escape)
    return re.sub(rf"{quote}(?:{escape}[{quote}{escape}]|[^{quote}])*{quote}", "", record)


def _refuse_ends(text: str, what: str, hint: str) -> None:
    for character, name, escape in (("\r", "carriage return", "\\r"), ("\n", "newline", "\\n")):
        if character in text:
            shown = hint.format(name) if hint.count("{}") == 1 else hint.format(escape, name)
            message = f"{what} {name} found in data"
            raise DataError(message, sqlstate=states.BAD_COPY_FILE_FORMAT, hint=shown)


def _is_escaped(text: str, at: int) -> bool:
    """Whether an odd number of backslashes stands before `at`."""
    start = at
    while start and text[start - 1] == "\\":
        start -= 1
    return (at - start) & 1 == 1
