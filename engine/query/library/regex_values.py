"""Regular expressions: matching, replacing, splitting (PostgreSQL's manual, section 9.7)."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Final

from exdbsql.engine.query.runtime.regular_expressions import Expression, Match, compiled, regular_expression
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, NotSupportedError

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


@lru_cache(maxsize=512)
def expression(pattern: str, flags: str) -> Expression:
    """A pattern with PostgreSQL's flags."""
    options: int = re.DOTALL
    for flag in flags:
        match flag:
            case "i":
                options |= re.IGNORECASE
            case "c" | "e":
                options &= ~re.IGNORECASE
            case "n" | "m":
                options = options & ~re.DOTALL | re.MULTILINE
            case "p":
                options &= ~(re.DOTALL | re.MULTILINE)
            case "w":
                options |= re.DOTALL | re.MULTILINE
            case "s":
                options = options & ~re.MULTILINE | re.DOTALL
            case "x":
                options |= re.VERBOSE
            case "t":
                options &= ~re.VERBOSE
            case "g" | "q":
                pass
            case "b":
                raise NotSupportedError('the option "b" of regular expressions (a basic one) is not supported')
            case _:
                raise DataError(f'invalid regular expression option: "{flag}"', sqlstate=_INVALID)
    if "q" in flags:
        return compiled(re.escape(pattern), options & ~re.VERBOSE)
    return regular_expression(pattern, options)


_REPLACED: Final = re.compile(r"\\(\d|&|\\)")


def regexp_replace(text: str, pattern: str, new: str, flags: str = "") -> str:
    """``regexp_replace``: the first match, or all with flag g."""

    def replaced(found: Match) -> str:
        return _REPLACED.sub(lambda m: _back(found, m.group(1)), new)

    return expression(pattern, flags).replaced(text, replaced, limit=None if "g" in flags else 1)


def _back(found: Match, name: str) -> str:
    if name == "\\":
        return name
    number = 0 if name == "&" else int(name)
    return (found.group(number) or "") if number <= (found.re.groups or 0) else ""


def _groups(found: Match) -> Array:
    return Array.of_elements(found.groups() or (found.group(),))


def regexp_match(text: str, pattern: str, flags: str = "") -> Array | None:
    """``regexp_match``."""
    if "g" in flags:
        raise DataError(
            'regexp_match() does not support the "global" option',
            sqlstate=_INVALID,
            hint="use the regexp_matches function instead",
        )
    found = expression(pattern, flags).search(text)
    return None if found is None else _groups(found)


def regexp_matches(text: str, pattern: str, flags: str = "") -> list[tuple[Array]]:
    """``regexp_matches``."""
    matches = expression(pattern, flags).matches(text, limit=None if "g" in flags else 1)
    return [(_groups(found),) for found in matches]


def regexp_split(text: str, pattern: str, flags: str = "") -> list[str]:
    """The parts between the matches; a match of nothing at the ends, or right after a match, divides nothing."""
    parts, end = [], 0
    for found in expression(pattern, flags).matches(text):
        if found.end() == found.start() and (found.start() in (0, len(text)) or found.start() == end):
            continue
        parts.append(text[end : found.start()])
        end = found.end()
    return [*parts, text[end:]]


def regexp_split_to_array(text: str, pattern: str, flags: str = "") -> Array:
    """``regexp_split_to_array``."""
    return Array.of_elements(tuple(regexp_split(text, pattern, flags)))


def regexp_split_to_table(text: str, pattern: str, flags: str = "") -> list[tuple[str]]:
    """``regexp_split_to_table``."""
    return [(part,) for part in regexp_split(text, pattern, flags)]


def regexp_count(text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    """``regexp_count``."""
    return sum(1 for _ in expression(pattern, flags).matches(text, max(0, start - 1)))


def regexp_like_flags(text: str, pattern: str, flags: str = "") -> bool:
    """``regexp_like``."""
    return expression(pattern, flags).is_found_in(text)


def regexp_instr(
    text: str, pattern: str, start: int = 1, n: int = 1, behind: int = 0, flags: str = "", group: int = 0
) -> int:
    """``regexp_instr``: where the n-th match (or a group of it) begins, or with `behind` what follows it; 0 for none."""
    if behind not in (0, 1):
        raise DataError(f'invalid value for parameter "endoption": {behind}', sqlstate=_INVALID)
    found = _nth_match(text, pattern, start, n, flags)
    if found is None or group > found.re.groups or found.start(group) < 0:
        return 0
    return (found.end(group) if behind else found.start(group)) + 1


def regexp_substr(text: str, pattern: str, start: int = 1, n: int = 1, flags: str = "", group: int = 0) -> str | None:
    """``regexp_substr``: the n-th match, or a group of it."""
    found = _nth_match(text, pattern, start, n, flags)
    return None if found is None or group > found.re.groups else found.group(group)


def _nth_match(text: str, pattern: str, start: int, n: int, flags: str) -> Match | None:
    for name, value in (("start", start), ("n", n)):
        if value <= 0:
            raise DataError(f'invalid value for parameter "{name}": {value}', sqlstate=_INVALID)
    return next(islice(expression(pattern, flags).matches(text, start - 1, n), n - 1, None), None)


def regexp_replace_from(text: str, pattern: str, new: str, start: int, n: int = 1, flags: str = "") -> str:
    """``regexp_replace`` from a place on: the n-th match, or all where n is 0."""
    if start <= 0 or n < 0:
        name, value = ("start", start) if start <= 0 else ("n", n)
        raise DataError(f'invalid value for parameter "{name}": {value}', sqlstate=_INVALID)
    count = 0

    def replaced(found: Match) -> str:
        nonlocal count
        count += 1
        if n and count != n:
            return found.group()
        return _REPLACED.sub(lambda m: _back(found, m.group(1)), new)

    return text[: start - 1] + expression(pattern, flags).replaced(text[start - 1 :], replaced, limit=n or None)


def substring_pattern(text: str, pattern: str) -> str | None:
    """``substring(text FROM pattern)``: the first group, or all that matches."""
    found = expression(pattern, "").search(text)
    if found is None:
        return None
    return found.group(1) if found.re.groups else found.group()


@lru_cache(maxsize=512)
def similar_matcher(pattern: str, escape: str) -> Expression:
    """A pattern of SIMILAR TO as an expression: % and _, and the operators of regular expressions."""
    if len(escape) > 1:
        raise DataError("invalid escape string", sqlstate="22019", hint="it must be empty or one character")
    out, i, in_class = [], 0, False
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape:
            i += 1
            if i == len(pattern):
                raise DataError("SIMILAR TO pattern must not end with escape character", sqlstate="22025")
            if pattern[i] == '"':
                raise NotSupportedError("a part between escaped double quotes in SIMILAR TO is not supported")
            out.append(re.escape(pattern[i]))
        elif in_class:
            in_class = c != "]"
            out.append("\\\\" if c == "\\" else c)
        elif c == "[":
            in_class = True
            out.append(c)
        else:
            out.append(".*" if c == "%" else "." if c == "_" else c if c in "()|*+?{}," else re.escape(c))
        i += 1
    source = "".join(out)
    return regular_expression(f"(?:{source})", re.DOTALL)


def similar_to(text: str, pattern: str, escape: str = "\\") -> bool:
    """``text SIMILAR TO pattern ESCAPE escape``."""
    return similar_matcher(pattern, escape).fullmatch(text) is not None
