"""Colours for what is typed: SQL by pygments' PostgreSQL lexer with our own keywords, commands by themselves."""

from collections.abc import Callable, Iterator
from typing import Any

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer, PygmentsLexer
from pygments.lexers.sql import PostgresLexer
from pygments.token import Keyword, Name, _TokenType

from exdbsql.shell.commands import registry
from exdbsql.shell.vocabulary import OWN_KEYWORDS


class ExdbLexer(PostgresLexer):
    """PostgreSQL's words and ours."""

    def get_tokens_unprocessed(self, text: str, *args: Any) -> Iterator[tuple[int, _TokenType, str]]:
        """Tokens of `text`, our keywords among them."""
        for index, token, value in super().get_tokens_unprocessed(text, *args):  # type: ignore[no-untyped-call]
            yield index, Keyword if token in Name and value.upper() in OWN_KEYWORDS else token, value


class ShellLexer(Lexer):
    """Chooses by what the input is: a command is one colour, SQL is lexed."""

    def __init__(self) -> None:
        self._sql = PygmentsLexer(ExdbLexer)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """A function from line number to styled pieces."""
        if registry.parse(document.text) is None:
            return self._sql.lex_document(document)
        return lambda line: [("class:command", document.lines[line])]
