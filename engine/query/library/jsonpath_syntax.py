"""The language jsonpath: from text to a tree (PostgreSQL's manual, section 9.16.2; ISO 9075-2, 6.43 to 6.45).

Precedence from the loosest: ``||``, ``&&``, ``!`` and the predicates (comparisons, ``like_regex``, ``starts with``, ``exists``, ``is unknown``),
``+ -``, ``* / %``, unary signs, accessors. Nodes are tuples whose first part is their kind, so that a parsed path is a plain value that
caches keep; `jsonpath` evaluates it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, NotSupportedError

Node = tuple[Any, ...]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<variable>\$(?:[^\W\d]\w*|"(?:[^"\\]|\\.)*"))
    | (?P<word>[^\W\d][\w$]*)
    | (?P<sign>\*\*|\|\||&&|==|!=|<>|<=|>=|[-+*/%$@.()\[\],?!<>{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS: Final = {"==": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_METHODS: Final = frozenset({"abs", "size", "type", "floor", "ceiling", "double"})
_LEFT_OUT: Final = frozenset({"datetime", "keyvalue"})
_PREDICATES: Final = frozenset({"compare", "and", "or", "not", "unknown", "exists", "like_regex", "starts"})


class Path(NamedTuple):
    """A parsed path: whether it is strict, and its expression."""

    strict: bool
    root: Node


@lru_cache(maxsize=512)
def parse_path(text: str) -> Path:
    """The path that `text` stands for. Raises DataError 42601, NotSupportedError for ``.datetime()`` and ``.keyvalue()``."""
    return _Parser(text).path()


def is_predicate(node: Node) -> bool:
    """Whether a node is true, false or unknown, rather than a sequence of items."""
    return node[0] in _PREDICATES


def _misplaced(message: str) -> DataError:
    return DataError(message, sqlstate=sqlstate.SYNTAX_ERROR)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.failure(text[at:].strip()[0])
            assert found.lastgroup is not None
            self.tokens.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()
        self.at = 0
        self.filters = self.brackets = 0

    def failure(self, near: str | None = None) -> DataError:
        where = near if near is not None else self.tokens[self.at][1] if self.at < len(self.tokens) else None
        what = "at end" if where is None else f'at or near "{where}"'
        return DataError(f"syntax error {what} of jsonpath input", sqlstate=sqlstate.SYNTAX_ERROR)

    def peek(self, offset: int = 0) -> str:
        return self.tokens[self.at + offset][1] if self.at + offset < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def accept(self, *words: str) -> bool:
        if tuple(self.peek(i) for i in range(len(words))) == words:
            self.at += len(words)
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.failure()

    def path(self) -> Path:
        strict = self.accept("strict")
        if not strict:
            self.accept("lax")
        root = self.any_of()
        if self.at < len(self.tokens):
            raise self.failure()
        return Path(strict, root)

    # predicates

    def any_of(self) -> Node:
        left = self.all_of()
        while self.accept("||"):
            left = ("or", self.predicate_of(left), self.predicate_of(self.all_of()))
        return left

    def all_of(self) -> Node:
        left = self.test()
        while self.accept("&&"):
            left = ("and", self.predicate_of(left), self.predicate_of(self.test()))
        return left

    def predicate_of(self, node: Node) -> Node:
        if not is_predicate(node):
            raise self.failure()
        return node

    def test(self) -> Node:
        if self.accept("!"):
            self.expect("(")
            inner = self.predicate_of(self.any_of())
            self.expect(")")
            return ("not", inner)
        if self.accept("exists", "("):
            inner = self.sum()
            self.expect(")")
            return ("exists", inner)
        left = self.sum()
        if is_predicate(left):
            return ("unknown", left) if self.accept("is", "unknown") else left
        if self.peek() in _COMPARISONS:
            op = _COMPARISONS[self.peek()]
            self.at += 1
            return ("compare", op, left, self.sum())
        if self.accept("starts", "with"):
            return ("starts", left, self.primary())
        if self.accept("like_regex"):
            pattern = self.string()
            return ("like_regex", left, pattern, self.string() if self.accept("flag") else "")
        return left

    def string(self) -> str:
        if self.kind() != "string":
            raise self.failure()
        return str(self.literal())

    # arithmetic

    def sum(self) -> Node:
        left = self.product()
        while self.peek() in ("+", "-"):
            op = self.peek()
            self.at += 1
            left = ("arithmetic", op, left, self.product())
        return left

    def product(self) -> Node:
        left = self.signed()
        while self.peek() in ("*", "/", "%") and self.kind() == "sign":
            op = self.peek()
            self.at += 1
            left = ("arithmetic", op, left, self.signed())
        return left

    def signed(self) -> Node:
        if self.kind() == "sign" and self.peek() in ("+", "-"):
            op = self.peek()
            self.at += 1
            return ("sign", op, self.signed())
        return self.accessed()

    def accessed(self) -> Node:
        """A primary with its accessors."""
        node = self.primary()
        while True:
            if self.accept("."):
                node = self.member(node)
            elif self.accept("["):
                node = self.subscripts(node)
            elif self.accept("?"):
                self.expect("(")
                self.filters += 1
                condition = self.predicate_of(self.any_of())
                self.filters -= 1
                self.expect(")")
                node = ("filter", node, condition)
            else:
                return node

    def primary(self) -> Node:
        kind = self.kind()
        if kind in ("number", "string"):
            return ("value", self.literal())
        if kind == "variable":
            name = self.tokens[self.at][1][1:]
            self.at += 1
            return ("variable", json.loads(name) if name.startswith('"') else name)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.accept(word):
                return ("value", value)
        if self.accept("last"):
            if not self.brackets:
                raise _misplaced("LAST is allowed only in array subscripts")
            return ("last",)
        if self.accept("$"):
            return ("root",)
        if self.accept("@"):
            if not self.filters:
                raise _misplaced("@ is not allowed in root expressions")
            return ("current",)
        if self.accept("("):
            inner = self.any_of()
            self.expect(")")
            return inner
        raise self.failure()

    def literal(self) -> Any:
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = Decimal(text)
            return int(number) if text.isdigit() else number
        try:
            return json.loads(text, strict=False)
        except ValueError:
            raise self.failure(text) from None

    # accessors

    def member(self, node: Node) -> Node:
        if self.accept("*"):
            return ("members", node)
        if self.accept("**"):
            return self.everything(node)
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind == "string":
            return ("member", node, self.string())
        if kind != "word":
            raise self.failure()
        self.at += 1
        if self.peek() == "(" and text in _METHODS | _LEFT_OUT:
            if text in _LEFT_OUT:
                raise NotSupportedError(f"the method .{text}() of jsonpath is not supported")
            self.expect("(")
            self.expect(")")
            return ("method", node, text)
        return ("member", node, text)

    def everything(self, node: Node) -> Node:
        low, high = 0, -1
        if self.accept("{"):
            low = high = self.level()
            if self.accept("to"):
                high = self.level()
            self.expect("}")
        return ("everything", node, low, high)

    def level(self) -> int:
        if self.accept("last"):
            return -1
        if self.kind() != "number" or not self.peek().isdigit():
            raise self.failure()
        return int(self.literal())

    def subscripts(self, node: Node) -> Node:
        if self.accept("*", "]"):
            return ("elements", node)
        ranges = []
        self.brackets += 1
        while True:
            low = self.sum()
            ranges.append((low, self.sum() if self.accept("to") else None))
            if not self.accept(","):
                break
        self.brackets -= 1
        self.expect("]")
        return ("subscripts", node, tuple(ranges))
