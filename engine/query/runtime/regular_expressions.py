"""Regular expressions of SQL: POSIX's advanced ones, searched so that no pattern and no text can stop the process.

Python's `re` tries every way in which a pattern may match, and holds the interpreter meanwhile: ``'aaaa...' ~ '(a+)+$b'`` would take
years, in which no other thread runs and no interrupt arrives. So `re`, which is the faster, gets only the texts that
it gets through soon whatever stands in them (`backtracking`). All others are searched with the package `regex`, which lets other threads run and
keeps a limit of time: a search gets a moment, and as long as it does not suffice, twice as much. In between an interrupt,
or the end of `statement_timeout`, arrives; so it waits no longer than the search has already run. A single match for which
`LONGEST_SEARCH_S` does not suffice is an error.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import islice
from time import thread_time
from typing import Any, Final, TypeAlias, TypeVar

import regex

from exdbsql.engine.query.runtime.backtracking import Translator, parsed, plain_length
from exdbsql.engine.query.runtime.longest_match import EndFinder, end_finder
from exdbsql.engine.query.runtime.posix_syntax import in_python
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, OperationalError

LONGEST_SEARCH_S: Final = 5.0
"""Processor time that a search for one match may take."""

_FIRST_SLICE_S: Final = 0.05
Match: TypeAlias = re.Match[str] | regex.Match[str]
_T = TypeVar("_T")


class Expression:
    """A pattern that has been compiled."""

    def __init__(self, source: str, flags: int) -> None:
        self._plain = re.compile(source, flags)
        self._source, self._flags = source, flags
        self._plain_length = plain_length(parsed(source, flags), flags)
        self._limited: regex.Pattern[str] | None = None

    @cached_property
    def _ends(self) -> EndFinder | None:
        return end_finder(parsed(self._source, self._flags), self._flags)

    def is_found_in(self, text: str) -> bool:
        """Whether there is a match."""
        return self._first(text, 0) is not None

    def search(self, text: str) -> Match | None:
        """The first match."""
        found = self._first(text, 0)
        return found if found is None or self._ends is None else self._whole(found, self._ends, text)

    def _first(self, text: str, start: int) -> Match | None:
        """The first match that begins at `start` or later; it may end elsewhere than PostgreSQL's."""
        if len(text) <= self._plain_length:
            return self._plain.search(text, start)
        search = self._for_long_texts().search
        return _in_slices(lambda seconds: search(text, start, timeout=seconds, concurrent=True))

    def _whole(self, found: Match, ends: EndFinder, text: str) -> Match:
        """The match that begins where `found` does, and ends where it has to."""
        start, end = found.start(), ends.end(text, found.start())
        if end == found.end():
            return found
        if end - start <= self._plain_length:
            return self._plain.fullmatch(text, start, end) or found
        fullmatch = self._for_long_texts().fullmatch
        return _in_slices(lambda seconds: fullmatch(text, start, end, timeout=seconds, concurrent=True)) or found

    def fullmatch(self, text: str) -> Match | None:
        """The match of all of the text."""
        if len(text) <= self._plain_length:
            return self._plain.fullmatch(text)
        fullmatch = self._for_long_texts().fullmatch
        return _in_slices(lambda seconds: fullmatch(text, timeout=seconds, concurrent=True))

    def matches(self, text: str, start: int = 0, limit: int | None = None) -> Iterable[Match]:
        """The matches that begin at `start` or later, one behind the other; no more than `limit`."""
        if self._ends is not None:
            return islice(self._whole_matches(self._ends, text, start), limit)
        if len(text) <= self._plain_length:
            return islice(self._plain.finditer(text, start), limit)
        return self._matches_of_long_text(text, start, limit)

    def _whole_matches(self, ends: EndFinder, text: str, start: int) -> Iterator[Match]:
        while start <= len(text) and (found := self._first(text, start)) is not None:
            found = self._whole(found, ends, text)
            yield found
            start = found.end() if found.end() > found.start() else found.end() + 1

    def replaced(self, text: str, new: Callable[[Match], str], start: int = 0, limit: int | None = None) -> str:
        """`text` with its first `limit` matches replaced."""
        parts: list[str] = []
        end = 0
        for found in self.matches(text, start, limit):
            parts += (text[end : found.start()], new(found))
            end = found.end()
        return "".join([*parts, text[end:]])

    def _for_long_texts(self) -> regex.Pattern[str]:
        if self._limited is None:
            translated = Translator(self._flags).text(parsed(self._source, self._flags))
            flags = self._flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL)
            self._limited = regex.compile(translated, flags | regex.VERSION0)
        return self._limited

    def _matches_of_long_text(self, text: str, start: int, limit: int | None) -> list[Match]:
        """What one slice has found stays; the next goes on behind it."""
        finditer = self._for_long_texts().finditer
        every: list[Match] = []

        def search_on(seconds: float) -> bool:
            """Whether this has found some but not all."""
            while every and every[-1].end() == every[-1].start():
                every.pop()  # behind a match of nothing, a search that begins anew would find it again
            known = len(every)
            left = None if limit is None else limit - known
            at = every[-1].end() if every else start
            try:
                every.extend(islice(finditer(text, at, timeout=seconds, concurrent=True), left))
            except TimeoutError:
                if len(every) == known or every[-1].end() == at:
                    raise
                return True
            return False

        while _in_slices(search_on):
            pass
        return every


def _in_slices(search: Callable[[float], _T]) -> _T:
    """The result of a search, which is given ever more time.

    `regex` counts the processor time of the process, in which other threads take part, so what this thread took decides.
    """
    seconds = _FIRST_SLICE_S
    while True:
        began = thread_time()
        try:
            return search(seconds)
        except TimeoutError:
            share = (thread_time() - began) / seconds
        if share * seconds > 0.9 * LONGEST_SEARCH_S:
            raise OperationalError(
                f"the search for a match of a regular expression took longer than {LONGEST_SEARCH_S:g} s of processor time",
                sqlstate=sqlstate.STATEMENT_TOO_COMPLEX,
                hint="a repetition within a repetition, as in (a+)+, multiplies the ways in which a pattern may match",
            )
        seconds = min(2 * seconds, LONGEST_SEARCH_S / max(share, 0.01))


@lru_cache(maxsize=512)
def compiled(source: str, flags: int) -> Expression:
    """An expression in Python's syntax."""
    try:
        return Expression(source, flags)
    except (re.error, OverflowError) as error:
        raise DataError(f"invalid regular expression: {error}", sqlstate="2201B") from None


@lru_cache(maxsize=512)
def regular_expression(pattern: str, flags: int) -> Expression:
    """A POSIX advanced regular expression as Python's, where both mean the same."""
    return compiled(in_python(pattern, flags), flags)


def regexp_like(text: str, pattern: str) -> bool:
    """``text ~ pattern``; the end of a line is a letter like others."""
    return regular_expression(pattern, re.DOTALL).is_found_in(text)


def regexp_ilike(text: str, pattern: str) -> bool:
    """``text ~* pattern``."""
    return regular_expression(pattern, re.DOTALL | re.IGNORECASE).is_found_in(text)


NAMES: Final[dict[str, Any]] = {f.__name__: f for f in (regexp_like, regexp_ilike)}
