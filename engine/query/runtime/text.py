"""Text functions: LIKE, substring and their kin, counting characters from 1."""

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError
from exdbsql.schema.text_types import utf8

_MAX_LENGTH: Final = 2**30 - 1


@lru_cache(maxsize=512)
def like_matcher(pattern: str, escape: str, ignore_case: bool) -> Callable[[str], Any]:
    """A function that tells whether a text matches a LIKE pattern, in time that grows no faster than text times pattern.

    What stands between two percent signs is taken where it first fits: no later place could be better, so none is tried.
    """
    if not ignore_case and "_" not in pattern and (not escape or escape not in pattern):
        return _simple_matcher(pattern) or _matcher_of_parts(pattern.split("%"))
    parts = _between_percents(pattern, escape)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    if len(parts) == 1:
        find = re.compile(parts[0], flags).fullmatch
    elif len(parts) == 3 and not parts[0] and not parts[2]:
        find = re.compile(parts[1], flags).search
    else:
        between = "".join(f"(?>.*?{part})" for part in parts[1:-1] if part)  # (?>...) gives nothing back
        find = re.compile(parts[0] + between + (rf".*{parts[-1]}\Z" if parts[-1] else ""), flags).match
    return lambda text: find(text) is not None


def _between_percents(pattern: str, escape: str) -> list[str]:
    """A regular expression for what stands before, between and behind the percent signs; each is of a fixed length."""
    parts = [""]
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape:
            i += 1
            if i == len(pattern):
                raise DataError("LIKE pattern must not end with escape character", sqlstate="22025")
            parts[-1] += re.escape(pattern[i])
        elif c == "%":
            parts.append("")
        else:
            parts[-1] += "." if c == "_" else re.escape(c)
        i += 1
    return parts


def _simple_matcher(pattern: str) -> Callable[[str], bool] | None:
    """Prefix, suffix, infix and equality need one test."""
    core = pattern.strip("%")
    if "%" in core or (not core and "%" in pattern):
        return None
    starts, ends = pattern.startswith("%"), pattern.endswith("%")
    if starts and ends:
        return lambda text: core in text
    if starts:
        return lambda text: text.endswith(core)
    if ends:
        return lambda text: text.startswith(core)
    return lambda text: text == core


def _matcher_of_parts(parts: list[str]) -> Callable[[str], bool]:
    """A matcher for what stands before, between and behind the percent signs, of which there is one at least."""
    first, *middle, last = parts
    middle = [part for part in middle if part]
    if len(middle) == 2 and not first and not last:
        return _matcher_of_two(*middle)

    def matches(text: str) -> bool:
        if not text.startswith(first):
            return False
        at = len(first)
        for part in middle:
            at = text.find(part, at) + len(part)
            if at < len(part):
                return False
        return len(text) - at >= len(last) and text.endswith(last)

    return matches


def _matcher_of_two(one: str, other: str) -> Callable[[str], bool]:
    """A matcher for ``%one%other%``. Most texts have neither, and ``in`` says so in half the time of a search for the place."""
    width = len(one)
    return lambda text: one in text and text.find(other, text.find(one) + width) >= 0


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    """``text LIKE pattern``."""
    return bool(like_matcher(pattern, escape, False)(text))


def ilike(text: str, pattern: str, escape: str = "\\") -> bool:
    """``text ILIKE pattern``."""
    return bool(like_matcher(pattern, escape, True)(text))


def check_escape(escape: str) -> str:
    """`escape` if it is one character or empty."""
    if len(escape) > 1:
        raise DataError("invalid escape string", sqlstate="22019", hint="it must be empty or one character")
    return escape


def substring(text: str, start: int, length: int | None = None) -> str:
    """Characters from `start` (1 is the first); a start below 1 uses up length."""
    if length is None:
        return text[max(0, start - 1) :]
    if length < 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    return text[max(0, start - 1) : max(0, start - 1 + length)]


class _NegativeLength:
    """In the place of a slice's end: an error for whoever takes the part."""

    def __index__(self) -> int:
        raise DataError("negative substring length not allowed", sqlstate="22011")


def text_part(start: int, length: int) -> slice:
    """The slice that `substring` takes of each text."""
    return slice(max(0, start - 1), _NegativeLength() if length < 0 else max(0, start - 1 + length))


def left_part(text: str, n: int) -> str:
    """The first n characters; all but the last |n| of a negative n."""
    return text[:n]


def right_part(text: str, n: int) -> str:
    """The last n characters; all but the first |n| of a negative n."""
    return text[-n:] if n != 0 else ""


def pad_left(text: str, length: int, fill: str = " ") -> str:
    """`text` filled on the left to `length` characters, or cut on the right."""
    missing = checked_length(length) - len(text)
    if missing <= 0 or not fill:
        return text[: max(0, length)]
    return (fill * (missing // len(fill) + 1))[:missing] + text


def pad_right(text: str, length: int, fill: str = " ") -> str:
    """`text` filled on the right to `length` characters, or cut."""
    missing = checked_length(length) - len(text)
    if missing <= 0 or not fill:
        return text[: max(0, length)]
    return text + (fill * (missing // len(fill) + 1))[:missing]


def repeat(text: str, n: int) -> str:
    """`text` n times."""
    checked_length(len(text) * n)
    return text * max(0, n)


def checked_length(length: int) -> int:
    """A length that a text may have."""
    if length > _MAX_LENGTH:
        raise DataError("requested length too large", sqlstate="54000")
    return length


def replace(text: str, old: str, new: str) -> str:
    """Every occurrence of `old` replaced."""
    return text.replace(old, new) if old else text


def split_part(text: str, delimiter: str, n: int) -> str:
    """The n-th field; from the end where n is negative."""
    if n == 0:
        raise DataError("field position must not be zero", sqlstate="22023")
    parts = text.split(delimiter) if delimiter else [text]
    i = n - 1 if n > 0 else len(parts) + n
    return parts[i] if 0 <= i < len(parts) else ""


def initcap(text: str) -> str:
    """The first letter of each word in upper case, the others in lower case."""
    return re.sub(r"[^\W_]+", lambda m: m.group()[0].upper() + m.group()[1:].lower(), text)


def translate(text: str, old: str, new: str) -> str:
    """Characters of `old` replaced by those of `new` at the same place, or removed."""
    table: dict[int, str | None] = {}
    for i, c in enumerate(old):
        table.setdefault(ord(c), new[i] if i < len(new) else None)
    return text.translate(table)


def ascii_code(text: str) -> int:
    """Code point of the first character; 0 of an empty text."""
    return ord(text[0]) if text else 0


def character(code: int) -> str:
    """The character with a code point."""
    if code < 0:
        raise DataError("character number must be positive", sqlstate=sqlstate.INVALID_PARAMETER_VALUE)
    if not 0 < code < 0x110000:
        raise DataError(f"requested character not valid: {code}", sqlstate="54000")
    return chr(code)


def md5_hex(text: str) -> str:
    """MD5 of the UTF-8 form, in hexadecimal."""
    return hashlib.md5(utf8(text), usedforsecurity=False).hexdigest()


def concat(*parts: str | None) -> str:
    """All parts that are not NULL."""
    return "".join([p for p in parts if p is not None])


def concat_ws(separator: str | None, *parts: str | None) -> str | None:
    """All parts that are not NULL, with a separator between them."""
    return None if separator is None else separator.join([p for p in parts if p is not None])


def overlay(text: str, new: str, start: int, length: int | None = None) -> str:
    """`text` with the part from `start` replaced by `new`."""
    if start <= 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    n = len(new) if length is None else length
    return text[: start - 1] + new + text[max(0, start - 1 + n) :]


def greatest(*values: Any) -> Any:
    """The largest that is not NULL."""
    present = [v for v in values if v is not None]
    return max(present) if present else None


def least(*values: Any) -> Any:
    """The smallest that is not NULL."""
    present = [v for v in values if v is not None]
    return min(present) if present else None


NAMES: Final[dict[str, object]] = {
    f.__name__: f
    for f in (
        *(
            like,
            ilike,
            like_matcher,
            check_escape,
            substring,
            text_part,
            left_part,
            right_part,
        ),
        *(pad_left, pad_right, repeat, replace, split_part, initcap, translate, ascii_code, character, md5_hex),
        *(concat, concat_ws, overlay, greatest, least),
    )
}
