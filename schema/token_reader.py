"""Reads tokens in order, for a recursive-descent parser: expects, accepts, and says where something is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import Error, NotSupportedError, ProgrammingError
from exdbsql.schema.identifiers import NOT_A_NAME, check_name
from exdbsql.schema.tokens import Token, TokenKind
from exdbsql.schema.types import SqlType


class TokenReader:
    """A position in the tokens of one statement.

    `text` is the whole text that the tokens' offsets point into, `end` where the statement ends in it, `types` the types by
    name that CREATE TYPE made.
    """

    def __init__(
        self,
        text: str,
        tokens: Sequence[Token],
        end: int | None = None,
        types: Mapping[str, SqlType] = MappingProxyType({}),
    ) -> None:
        self.text = text
        self.types = types
        self._tokens = tokens
        self._next = 0
        self._end = len(text) if end is None else end

    def peek(self, ahead: int = 0) -> Token | None:
        """The next token, or one further on; None behind the last."""
        position = self._next + ahead
        return self._tokens[position] if position < len(self._tokens) else None

    def take(self) -> Token:
        """The next token, consumed; a syntax error at the end of the text."""
        token = self.peek()
        if token is None:
            raise self.syntax_error()
        self._next += 1
        return token

    @property
    def offset(self) -> int:
        """Offset of the next token, or of the end."""
        token = self.peek()
        return self._end if token is None else token.start

    def next_is(self, *words: str) -> bool:
        """Whether exactly these keywords come next, one after the other."""
        return all((token := self.peek(i)) is not None and token.is_word(word) for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Consumes these keywords if they come next, and says whether they did."""
        if not self.next_is(*words):
            return False
        self._next += len(words)
        return True

    def accept_one_of(self, *words: str) -> Token | None:
        """Consumes the next token if it is one of these keywords."""
        token = self.peek()
        if token is None or not token.is_word(*words):
            return None
        self._next += 1
        return token

    def accept_symbol(self, symbol: str) -> bool:
        """Consumes the symbol if it comes next, and says whether it did."""
        token = self.peek()
        if token is None or not token.is_symbol(symbol):
            return False
        self._next += 1
        return True

    def expect(self, *words: str) -> None:
        """Consumes these keywords; a syntax error where something else comes."""
        if not self.accept(*words):
            raise self.syntax_error(expected=" ".join(words).upper())

    def expect_symbol(self, symbol: str) -> None:
        """Consumes the symbol; a syntax error where something else comes."""
        if not self.accept_symbol(symbol):
            raise self.syntax_error(expected=f'"{symbol}"')

    def expect_end(self) -> None:
        """A syntax error unless the statement ends here."""
        if self.peek() is not None:
            raise self.syntax_error()

    def name(self, what: str = "a name") -> str:
        """A quoted or unquoted name, consumed; `what` it names goes into the hint of the syntax error."""
        token = self.peek()
        if token is None or token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
            raise self.syntax_error(expected=what)
        if token.kind is TokenKind.WORD and token.value in NOT_A_NAME:
            hint = f'{token.value.upper()} is a reserved word; as {what} it must be quoted: "{token.value}".'
            raise self.syntax_error(hint=hint)
        with self.at(token):
            check_name(token.value)
        self._next += 1
        return token.value

    def next_is_symbol(self, symbol: str) -> bool:
        """Whether this symbol comes next."""
        token = self.peek()
        return token is not None and token.is_symbol(symbol)

    def next_is_number(self) -> bool:
        """Whether a number, or a sign before one, comes next."""
        token = self.peek()
        return token is not None and (token.kind is TokenKind.NUMBER or token.is_symbol("-", "+"))

    def integer(self, what: str) -> int:
        """A whole number of at most 19 digits with an optional sign, consumed."""
        sign = -1 if self.accept_symbol("-") else 1
        if sign == 1:
            self.accept_symbol("+")
        token = self.peek()
        if token is None or token.kind is not TokenKind.NUMBER or not token.value.isdecimal() or len(token.value) > 19:
            raise self.syntax_error(expected=what)
        self._next += 1
        return sign * int(token.value)

    def inside_parentheses(self) -> tuple[int, int]:
        """Consumes a parenthesised group; gives the offsets of what is between the outer parentheses."""
        self.expect_symbol("(")
        start = self.offset
        depth = 1
        while True:
            token = self.take()
            depth += token.is_symbol("(") - token.is_symbol(")")
            if depth == 0:
                return start, token.start

    def slice(self, start: int, end: int) -> str:
        """The text between two offsets."""
        return self.text[start:end]

    def previous_end(self) -> int:
        """Offset behind the token that was consumed last."""
        return self._tokens[self._next - 1].end if self._next else 0

    @contextmanager
    def at(self, token: Token | int | None) -> Iterator[None]:
        """Gives errors that pass the position of the token (or the offset), unless they have one."""
        try:
            yield
        except Error as problem:
            if problem.position is None:
                problem.position = token if isinstance(token, int) else self._end if token is None else token.start
                problem.statement = self.text
            raise

    def syntax_error(self, *, expected: str | None = None, hint: str | None = None) -> ProgrammingError:
        """A syntax error (42601) at the next token."""
        token = self.peek()
        near = f'at or near "{self.text[token.start : token.end][:60]}"' if token else "at end of input"
        return ProgrammingError(
            f"syntax error {near}",
            sqlstate=sqlstate.SYNTAX_ERROR,
            hint=hint or (f"Expected {expected} here." if expected else None),
            position=self.offset,
            statement=self.text,
        )

    def not_supported(self, what: str, *, at: Token | None = None, hint: str | None = None) -> NotSupportedError:
        """The error for a construct that exdbsql does not have, at `at` or at the next token."""
        return NotSupportedError(
            f"{what} is not supported",
            hint=hint,
            position=at.start if at else self.offset,
            statement=self.text,
        )
