"""Which words of a query or an expression can only be names, found from the tokens before a parser sees them.

PostgreSQL has about a hundred reserved words; the other three hundred of its keywords (``comment``, ``show``, ``set``, ``date`` ...) name tables and
columns as any word does, because its grammar tells from the place what a word is. sqlglot's does that for some only, and knows the words of
thirty other dialects besides. So what can only be a name is found here, and disguised (:mod:`exdbsql.schema.canonical` in a text,
``engine.query.tokens`` among tokens).

One pass from left to right knows three states: an operand is expected (behind ``SELECT``, ``WHERE``, ``=``, ``(``, ``,``, also the name of a relation behind
``FROM``), an operand has ended, or neither. A word that is not reserved, where an operand is expected, is a name, unless a parenthesis (a call) or
a string (a typed literal) follows, or it is one of the few exceptions below. Where an operand has ended, it is an alias if no operand follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exdbsql.schema.identifiers import NOT_A_NAME
from exdbsql.schema.tokens import Token, TokenKind
from exdbsql.schema.type_names import is_built_in

QUOTED: Final = '"'
STRING: Final = "'"
VALUE: Final = "0"
"""What stands for a quoted name, for a string, and for a number or a parameter, in the words that are given."""

_OPERAND, _ENDED, _NEITHER = "an operand is expected", "an operand has ended", "neither"

_BEFORE_OPERANDS: Final = frozenset(
    ["select", "distinct", "all", "where", "on", "and", "or", "not", "when", "then", "else", "case", "having"]
    + ["returning", "limit", "offset", "like", "ilike", "symmetric", "asymmetric", "both", "leading", "trailing"]
    + ["from", "only", "placing", "into", "join", "in", "using", "collate", "window", "table", "lateral", "overlaps"]
)
"""Reserved words behind which an operand or a name is expected."""
_OPERANDS_BEHIND: Final = frozenset({"by", "between", "escape", "set", "over"})
"""The same, of words that may be names elsewhere."""
_ENDS_OPERANDS: Final = frozenset(
    ["null", "true", "false", "end", "default", "current_catalog", "current_date", "current_role", "current_schema"]
    + ["current_time", "current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user"]
    + ["isnull", "notnull"]
)
_STANDS_FOR_AN_OPERAND: Final = frozenset({QUOTED, STRING, VALUE})
_LAST_OF_AN_OPERAND: Final = _STANDS_FOR_AN_OPERAND | _ENDS_OPERANDS | {")", "]"}
_CLAUSES: Final = frozenset(
    ["select", "from", "where", "group", "having", "order", "limit", "offset", "returning", "window", "into", "union"]
    + ["except", "intersect", "using", "fetch", "for", "on", "join"]
)
_LISTS_OF_TABLES: Final = frozenset({"from", "join", "using"})
_WITH_ALIASES: Final = frozenset({"select", "returning", "from", "join", "using", "update", "merge"})
_WITH_FROM_OF_THEIR_OWN: Final = frozenset({"extract", "trim", "substring", "overlay", "position", "treat"})
_NEVER_AN_ALIAS: Final = frozenset(
    ["set", "over", "filter", "within", "escape", "day", "hour", "minute", "month", "second", "year", "varying"]
    + [
        "without",
        "char",
        "character",
        "precision",
        "zone",
        "uescape",
        "ordinality",
        "operator",
        "nulls",
        "search",
        "cycle",
    ]
)
_BEHIND_A_LABEL: Final = frozenset(
    ["", ",", ")", "from", "where", "group", "order", "having", "limit", "offset", "fetch", "for", "union", "except"]
    + ["intersect", "window", "into"]
)
_BARE_LABELS: Final = frozenset(
    ["and", "collate", "cross", "distinct", "else", "ilike", "in", "inner", "join", "lateral", "like", "not", "only"]
    + ["or", "outer", "select", "tablesample", "then", "using", "variadic", "when"]
)
"""Reserved words that need something behind them as keywords, and may name an output without AS."""
_BEHIND_AN_ALIAS: Final = _BEHIND_A_LABEL | frozenset(
    ["returning", "on", "using", "join", "left", "right", "full", "inner", "cross", "natural", "tablesample"]
)
_CHANGES: Final = frozenset({"insert", "update", "delete", "merge"})
_FRAME_WORDS: Final = frozenset({"partition", "rows", "range", "groups"})
_BEHIND_A_FRAME_WORD: Final = frozenset({"by", "between", "unbounded", "current", VALUE, STRING})
_TYPES_OF_TWO_WORDS: Final = {
    "double": {"precision"},
    "time": {"with", "without"},
    "timestamp": {"with", "without"},
    "character": {"varying"},
    "char": {"varying"},
    "national": {"char", "character"},
    "nchar": {"varying"},
    "bit": {"varying"},
}
_TWO_WORDS: Final = _TYPES_OF_TWO_WORDS | {"current": {"of"}, "grouping": {"sets"}}
"""Words that are none, together with the next one: types before a string, ``WHERE CURRENT OF``, ``GROUPING SETS``."""


_BEHIND_NO_NAME: Final = frozenset(
    {"(", STRING, "precision", "with", "without", "varying", "char", "character", "of", "sets", "from"}
)
_KNOWN: Final = (
    _CHANGES
    | _FRAME_WORDS
    | frozenset(
        ["conflict", "matched", "materialized", "recursive", "unbounded", "current", "unknown", "document", "json"]
        + ["normalized", "nfc", "nfd", "nfkc", "nfkd"]
    )
)
"""Words that some rule below is about."""


@dataclass(slots=True)
class _Frame:
    """What is known within one pair of parentheses: the word before them, where they began, the clause, whether they hold a MERGE."""

    opener: str
    start: int
    clause: str = ""
    is_merge: bool = False


_STAND_FOR: Final = {
    TokenKind.QUOTED_NAME: QUOTED,
    TokenKind.STRING: STRING,
    TokenKind.NUMBER: VALUE,
    TokenKind.PARAMETER: VALUE,
}


def words_of(tokens: Sequence[Token]) -> list[str]:
    """Tokens as `name_places` wants them."""
    return [_STAND_FOR.get(token.kind) or token.value for token in tokens]


def name_places(words: Sequence[str], *, expression: bool = False) -> list[int]:
    """The places of the words that can only be names and are not reserved.

    Args:
        words: of one statement or `expression`: words folded, symbols as they are, `QUOTED`, `STRING` and `VALUE` for other tokens.
        expression: the words are an expression, and no statement.
    """
    reader = _Reader(words, expression)
    return [i for i, word in enumerate(words) if reader.is_name(i, word)]


class _Reader:
    """The pass over the words."""

    def __init__(self, words: Sequence[str], expression: bool) -> None:
        self.words = words
        self.state = _OPERAND if expression else _NEITHER
        self.frame = _Frame("", 0)
        self.outer: list[_Frame] = []
        self.previous = self.next = ""
        self.previous_is_name = False

    def is_name(self, i: int, word: str) -> bool:
        """Take the next word."""
        words = self.words
        following = self.next = words[i + 1] if i + 1 < len(words) else ""
        if not (word[0].isalpha() or word[0] == "_"):
            self._symbol(word, i)
            found = False
        elif self.previous == "." or following == ".":
            found = following == "." or following != "("
            self.state = _ENDED
        elif word in NOT_A_NAME:
            found = following in _BEHIND_A_LABEL and self._is_label(word)
            if not found:
                self._reserved(word, i)
        elif (
            self.state is _OPERAND and word not in _KNOWN and following not in _BEHIND_NO_NAME and self.previous != "as"
        ):
            found = True  # most names
        else:
            found = self._may_be_name(word, i)
        if found:
            self.state = _ENDED
        self.previous, self.previous_is_name = word, found
        return found

    def _symbol(self, symbol: str, i: int) -> None:
        if symbol == "," or symbol == "=":
            self.state = _OPERAND
            if self.frame.clause in ("on", "join") and symbol == ",":
                self.frame.clause = "from"
        elif symbol in _STANDS_FOR_AN_OPERAND:
            self.state = _ENDED
        elif symbol in ("(", "["):
            self.outer.append(self.frame)
            opener = "" if self.previous_is_name else self.previous
            if opener == "as" and self.frame.clause == "window":
                opener = "over"
            self.frame = _Frame(opener, i + 1)
            self.state = _OPERAND
        elif symbol in (")", "]"):
            self.frame = self.outer.pop() if self.outer else self.frame
            self.state = _ENDED
        else:
            self.state = _NEITHER if symbol in (".", "::") else _OPERAND

    def _is_label(self, word: str) -> bool:
        """Whether a reserved word names an output: behind AS, or where what it needs as a keyword does not follow."""
        if self.frame.clause not in ("select", "returning"):
            return False
        if self.previous == "as":
            return not self.previous_is_name
        return self.state is _ENDED and word in _BARE_LABELS and self._is_behind_operand()

    def _is_behind_operand(self) -> bool:
        return self.previous_is_name or self.previous in _LAST_OF_AN_OPERAND

    def _reserved(self, word: str, i: int) -> None:
        frame = self.frame
        if word in _ENDS_OPERANDS:
            self.state = _ENDED
        elif word == "not" and self.state is _ENDED:
            self.state = _NEITHER  # NOT BETWEEN
        else:
            self.state = _OPERAND if self._wants_operand(word) else _NEITHER
        if word == "with" and self.state is _OPERAND:
            frame.clause = "with"
        elif (
            word in _CLAUSES and frame.opener not in _WITH_FROM_OF_THEIR_OWN and self.previous not in ("distinct", "do")
        ):
            frame.clause = "merge" if word == "into" and frame.is_merge else word

    def _wants_operand(self, word: str) -> bool:
        if word == "with":
            return self._is_with_list()
        if word == "for":
            return self.frame.opener in ("substring", "overlay")
        return word in _BEFORE_OPERANDS or (word == "to" and self.previous == "similar")

    def _is_with_list(self) -> bool:
        return self.frame.clause in ("", "into") and self.next not in ("time", "ordinality", "ties", "(")

    def _may_be_name(self, word: str, i: int) -> bool:
        """Whether a word that is not reserved is a name here; else the state behind it as a keyword."""
        if self._is_verb(word, i):
            self.state = _OPERAND if word == "update" and self.previous != "then" else _NEITHER
            self.frame.clause = "update" if word == "update" else ""
            self.frame.is_merge |= word == "merge"
            return False
        if self.previous == "as" and not self.previous_is_name:
            return self._behind_as(word)
        if self.previous == "::":
            self.state = _ENDED
            return not _is_type(word) and self.next != "("
        if self.state is _OPERAND:
            if self._is_operand_name(word, i):
                return True
        elif self.state is _ENDED and self._is_alias(word):
            return True
        self._keyword(word, i)
        return False

    def _is_verb(self, word: str, i: int) -> bool:
        if word not in _CHANGES:
            return False
        if self.previous == ")":
            return self.frame.clause == "with" or (self.words[0] == "explain" and not self.frame.clause)
        if self.previous == "then":
            return self.frame.is_merge
        if i == self.frame.start and self.outer:
            return self.frame.opener in ("as", "materialized") and self.next not in (")", ",")
        return self.state is _NEITHER and (i == 0 or self.previous in ("explain", "analyze", "verbose"))

    def _behind_as(self, word: str) -> bool:
        if self.frame.opener in ("cast", "treat"):
            self.state = _ENDED
            return not _is_type(word) and self.next == ")"
        return not (self.next == "(" and word in ("materialized", "values"))

    def _is_operand_name(self, word: str, i: int) -> bool:
        following, previous, frame = self.next, self.previous, self.frame
        before = self.words[i - 2] if i > 1 else ""
        if previous == "not" and (before == "is" or (before == "as" and word == "materialized")):
            return False
        if following == "(":
            return (previous == "into" or frame.clause == "with" or previous == "update") and word != "conflict"
        if following == STRING or following in _TWO_WORDS.get(word, ()):
            return False
        if word == "recursive" and previous == "with":
            return following == "as"
        if word == "conflict" and previous == "on":
            return following not in ("(", "on", "do")
        if word == "matched" and frame.is_merge:
            return not (previous == "when" or (previous == "not" and before == "when"))
        if word == "rows" and following == "from":
            return frame.clause not in _LISTS_OF_TABLES
        if i == frame.start and frame.opener == "extract":
            return False
        return frame.opener != "over" or not self._is_frame_word(word, i)

    def _is_frame_word(self, word: str, i: int) -> bool:
        """Whether a word in the definition of a window begins its partitions or its frame, or a bound of it."""
        if word in ("unbounded", "current"):
            return self.next in ("preceding", "following", "row")
        return word in _FRAME_WORDS and (i == self.frame.start or self.next in _BEHIND_A_FRAME_WORD)

    def _is_alias(self, word: str) -> bool:
        clause, following = self.frame.clause, self.next
        if word in _NEVER_AN_ALIAS or clause not in _WITH_ALIASES:
            return False
        if not (
            following in _BEHIND_AN_ALIAS
            or (following == "(" and clause in _LISTS_OF_TABLES)
            or (following == "set" and clause == "update")
        ):
            return False
        return self._is_behind_operand()

    def _keyword(self, word: str, i: int) -> None:
        if word in _OPERANDS_BEHIND:
            self.state = _OPERAND
            if word == "set":
                self.frame.clause = "set"
        elif word == "recursive" or (word == "of" and self.frame.clause == "for"):
            self.state = _OPERAND
        elif word == "zone":
            self.state = _OPERAND if i > 2 and self.words[i - 2] == "at" else _ENDED
        elif word in ("at", "time", "nulls", "update", "no", "key", "share") and self.state is not _OPERAND:
            self.state = _NEITHER
        elif self.state is _OPERAND:
            self.state = _ENDED if self.next not in ("(", STRING) else _NEITHER


def _is_type(word: str) -> bool:
    """Whether a word names, or begins the name of, a type of PostgreSQL's own."""
    return is_built_in(word) or word in _TYPES_OF_TWO_WORDS or word.startswith("reg")
