"""``to_char`` of numbers: the templates of PostgreSQL (utils/adt/formatting.c, NUM_processor), place for place.

A template is parsed once into a `Pattern`: what its keywords say of the whole (how many places before and behind the point, where
the sign goes), and its pieces in order. Writing a number then walks the pieces. The locale is C: the point is ``.``, groups are divided by ``,``,
the currency is a blank.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any, Final

from exdbsql.engine.query.runtime.arithmetic import NUMERIC_CONTEXT, numeric_round
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, NotSupportedError
from exdbsql.schema.number_types import format_numeric

_KEYWORDS: Final = re.compile(r"EEEE|FM|MI|PL|PR|RN|SG|SP|TH|[,.09BCDGLSV]", re.IGNORECASE)
_DIGITS_OF_A_DOUBLE: Final = 15


@dataclass(slots=True)
class Pattern:
    """A template.

    Attributes:
        pieces: keywords (in upper case, but for ``th`` and ``rn`` as written) and plain text, in order.
        before: places before the point.
        after: places behind it.
        shift: places behind a V.
        zero_start: the place of the first 0, from 1; 0 where there is none before the point.
        zero_end: the place of the last 0.
        flags: the keywords that speak for the whole.
        sign_at: ``S`` before the number (``pre``), behind it (``post``), or neither.
    """

    pieces: list[tuple[bool, str]] = field(default_factory=list)
    before: int = 0
    after: int = 0
    shift: int = 0
    zero_start: int = 0
    zero_end: int = 0
    flags: set[str] = field(default_factory=set)
    sign_at: str = ""
    places_before_sign: int = 0


def _bad(message: str) -> DataError:
    return DataError(message, sqlstate=sqlstate.SYNTAX_ERROR)


@lru_cache(256)
def _pattern(template: str) -> Pattern:
    pattern = Pattern()
    at = 0
    while at < len(template):
        if template[at] == '"':
            at = _quoted(template, at + 1, pattern)
            continue
        found = _KEYWORDS.match(template, at)
        if found is not None:
            word = found.group()
            pattern.pieces.append((True, word if word in ("th", "rn") else word.upper()))
            _note(pattern, word.upper())
            at = found.end()
            continue
        if template.startswith('\\"', at):
            at += 1
        pattern.pieces.append((False, template[at]))
        at += 1
    return pattern


def _quoted(template: str, at: int, pattern: Pattern) -> int:
    while at < len(template) and template[at] != '"':
        if template[at] == "\\" and at + 1 < len(template):
            at += 1
        pattern.pieces.append((False, template[at]))
        at += 1
    return at + 1


_CONFLICTS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "S": (frozenset({"PL", "MI", "SG", "PR"}), 'cannot use "S" and "PL"/"MI"/"SG"/"PR" together'),
    "MI": (frozenset({"S"}), 'cannot use "S" and "MI" together'),
    "PL": (frozenset({"S"}), 'cannot use "S" and "PL" together'),
    "SG": (frozenset({"S"}), 'cannot use "S" and "SG" together'),
    "PR": (frozenset({"S", "PL", "MI", "SG"}), 'cannot use "PR" and "S"/"PL"/"MI"/"SG" together'),
    "V": (frozenset({"."}), 'cannot use "V" and decimal point together'),
    ".": (frozenset({".", "V"}), "multiple decimal points"),
    "EEEE": (frozenset({"FM", "S", "PR", "MI", "PL", "SG", "RN", "V"}), '"EEEE" is incompatible with other formats'),
}


def _note(pattern: Pattern, word: str) -> None:
    """What a keyword says of the whole."""
    word = "." if word == "D" else word
    if "EEEE" in pattern.flags:
        raise _bad('"EEEE" must be the last pattern used')
    conflict, message = _CONFLICTS.get(word, (frozenset(), ""))
    if pattern.flags & conflict:
        raise _bad(message)
    if word in "09":
        _note_place(pattern, word)
    elif word == "S":
        if "S" in pattern.flags:
            raise _bad('cannot use "S" twice')
        pattern.sign_at = "post" if "." in pattern.flags else "pre"
        pattern.places_before_sign = pattern.before
        pattern.flags.add(word)
    elif word in ("FM", "MI", "PL", "SG", "PR", "RN", "EEEE", "V", "."):
        pattern.flags.add(word)


def _note_place(pattern: Pattern, word: str) -> None:
    if "PR" in pattern.flags:
        raise _bad(f'"{word}" must be ahead of "PR"')
    if "V" in pattern.flags and word == "9":
        pattern.shift += 1
        return
    decimal = "." in pattern.flags
    if word == "0" and not pattern.zero_start and not decimal:
        pattern.zero_start = pattern.before + 1
    if decimal:
        pattern.after += 1
    else:
        pattern.before += 1
    if word == "0":
        pattern.zero_end = pattern.before + pattern.after


def number_to_char(value: Any, template: str) -> str:
    """``to_char(number, template)``."""
    pattern = _pattern(template)
    if "RN" in pattern.flags:
        return _in_roman(value, pattern)
    if "EEEE" in pattern.flags:
        return _scientific(value, pattern)
    before = pattern.before + pattern.shift
    after = pattern.after
    if isinstance(value, float):
        digits, after = _float_digits(value * 10.0**pattern.shift, after)
    else:
        number = Decimal(value)
        if number.is_finite():
            number = numeric_round(NUMERIC_CONTEXT.scaleb(number, pattern.shift), after)
        digits = format_numeric(number)
    sign = "-" if digits.startswith("-") else "+"
    digits = digits.removeprefix("-")
    whole = len(digits.partition(".")[0])
    if whole > before:
        digits = "#" * before + "." + "#" * after
    return _Writer(pattern, before, after, digits, sign, max(0, before - whole)).write()


def _float_digits(value: float, after: int) -> tuple[str, int]:
    """The digits of a float, of which there are 15."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "-Infinity" if value < 0 else "Infinity", after
    whole = len(f"{abs(value):.0f}")
    if whole >= _DIGITS_OF_A_DOUBLE:
        after = 0
    elif whole + after > _DIGITS_OF_A_DOUBLE:
        after = _DIGITS_OF_A_DOUBLE - whole
    return f"{value:.{after}f}", after


def _scientific(value: Any, pattern: Pattern) -> str:
    if isinstance(value, float):
        shown = f"{value:+.{pattern.after}e}" if math.isfinite(value) else ""
    else:
        number = Decimal(value)
        shown = ""
        if number.is_finite():
            context = Context(prec=pattern.after + 1, rounding=ROUND_HALF_UP)
            rounded = context.plus(number)
            exponent = rounded.adjusted() if rounded else 0
            mantissa = rounded.scaleb(-exponent) if rounded else Decimal(0)
            shown = f"{mantissa:+.{pattern.after}f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if not shown:
        filled = list(" " + "#" * (pattern.before + pattern.after + 5))
        filled[pattern.before + 1] = "."
        return "".join(filled)
    return shown.replace("+", " ", 1) if shown.startswith("+") else shown


def _in_roman(value: Any, pattern: Pattern) -> str:
    if not math.isfinite(value):
        n = 0
    else:
        n = round(value) if isinstance(value, float) else int(numeric_round(Decimal(value), 0))
    out = _roman(n)
    spelled = next(text for keyword, text in pattern.pieces if keyword and text.upper() == "RN")
    if spelled == "rn":
        out = out.lower()
    return out if "FM" in pattern.flags else out.rjust(15)


def _roman(n: int) -> str:
    if not 0 < n < 4000:
        return "#" * 15
    out = ""
    for number, letters in (
        *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
        *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
    ):
        out += letters * (n // number)
        n %= number
    return out


class _Writer:
    """Walks the pieces of a pattern over the digits of one number."""

    def __init__(self, pattern: Pattern, before: int, after: int, digits: str, sign: str, blanks: int) -> None:
        flags = pattern.flags
        self.pattern, self.digits, self.sign, self.blanks = pattern, digits, sign, blanks
        self.after = after
        self.fill = "FM" in flags
        self.zero = pattern.zero_start > 0
        self.zero_start = max(0, pattern.zero_start - 1)
        self.bracket = "PR" in flags and not (sign != "-" and self.fill)
        self.sign_written, self.sign_at = self._sign_state()
        self.last_relevant = self._last_relevant() if self.fill and "." in flags else None
        self.count = after + before - 1 + (1 if not self.sign_written and not blanks else 0)
        self.at = 0
        self.place = 0
        self.in_number = False
        self.out: list[str] = []

    def _sign_state(self) -> tuple[bool, str]:
        """Whether the sign needs no writing in front of the digits, and where S puts it."""
        flags, sign_at = self.pattern.flags, self.pattern.sign_at
        if flags & {"PL", "MI", "SG"}:
            return "SG" in flags or "MI" in flags, sign_at
        if sign_at == "pre" and self.pattern.before == self.pattern.places_before_sign:
            sign_at = "post"
        return self.sign == "+" and self.fill and "S" not in flags, sign_at

    def _last_relevant(self) -> int | None:
        """Where the last digit behind the point is that is shown with FM."""
        point = self.digits.find(".")
        if point < 0:
            return None
        stripped = self.digits.rstrip("0")
        last = max(point, len(stripped) - 1)
        if self.pattern.zero_end > self.blanks:
            last = max(last, min(len(self.digits) - 1, self.pattern.zero_end - self.blanks))
        return last

    def _char(self) -> str:
        return self.digits[self.at] if self.at < len(self.digits) else ""

    def _only_point_left(self) -> bool:
        return self.last_relevant is not None and self.digits[self.last_relevant] == "."

    def _before_point(self) -> bool:
        """``0.1`` by 9.9 is `` .1``."""
        return not self.zero and self.at == 0 and self.digits[:1] == "0" and self.after != 0

    def write(self) -> str:
        """The text."""
        for keyword, text in self.pattern.pieces:
            if not keyword:
                self.out.append(text)
            elif text in ("9", "0", ".", "D"):
                self._digit(text)
            else:
                self._mark(text)
        return "".join(self.out)

    def _mark(self, word: str) -> None:
        match word:
            case "," | "G":
                self.out.append("," if self.in_number else "" if self.fill else " ")
            case "L":
                self.out.append(" ")
            case "MI":
                self.out.append("-" if self.sign == "-" else "" if self.fill else " ")
            case "PL":
                self.out.append("+" if self.sign == "+" else "" if self.fill else " ")
            case "SG":
                self.out.append(self.sign)
            case "th" | "TH":
                if self.sign == "+" and "." not in self.pattern.flags and not self.digits.startswith("#"):
                    ending = ordinal_ending(self.digits)
                    self.out.append(ending if word == "th" else ending.upper())
            case "C" | "SP":
                raise NotSupportedError(f"{word} in a template for a number is not supported")

    def _digit(self, word: str) -> None:
        self.in_number = False
        self._sign_before()
        if self.place < self.blanks and (self.zero_start > self.place or not self.zero):
            self.out.append("" if self.fill else " ")
        elif self.place < self.blanks:
            self.out.append("0")
            self.in_number = True
        else:
            self._next_character(word)
            self.at += self.at < len(self.digits)
        self._sign_behind()
        self.place += 1

    def _sign_before(self) -> None:
        begins = self.place >= self.blanks or (self.zero and self.zero_start == self.place)
        if self.sign_written or not begins or (self._before_point() and not self._only_point_left()):
            return
        if "S" in self.pattern.flags:
            if self.sign_at != "pre":
                return
            self.out.append(self.sign)
        elif self.bracket:
            self.out.append(" " if self.sign == "+" else "<")
        elif self.sign == "+":
            self.out.append("" if self.fill else " ")
        else:
            self.out.append("-")
        self.sign_written = True

    def _next_character(self, word: str) -> None:
        if self._char() == ".":
            self.out.append("." if not self._only_point_left() or self.fill else "")
        elif self.last_relevant is not None and self.at > self.last_relevant and word != "0":
            return
        elif self._before_point():
            self.out.append(("0" if self._only_point_left() else "") if self.fill else " ")
        else:
            self.out.append(self._char())
            self.in_number = True

    def _sign_behind(self) -> None:
        end = self.count + (1 if self.blanks else 0) + ("." in self.pattern.flags)
        if self.last_relevant is not None and self.last_relevant == self.at:
            end = self.place
        if self.place + 1 != end:
            return
        if self.sign_written and self.bracket:
            self.out.append(" " if self.sign == "+" else ">")
        elif "S" in self.pattern.flags and self.sign_at == "post":
            self.out.append(self.sign)


def ordinal_ending(digits: str) -> str:
    """``st``, ``nd``, ``rd`` or ``th``."""
    if len(digits) > 1 and digits[-2] == "1":
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")
