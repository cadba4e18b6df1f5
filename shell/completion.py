"""Completion by context: what may come next, judged by the words before the cursor.

After FROM, JOIN, INTO, UPDATE or TABLE come tables; after ``alias.`` the columns of that table, also where FROM follows; in SCATTER and GATHER,
tables and node ids; everywhere else the columns of the tables that the statement names, functions, and keywords. A
command's row in the table says what its argument is. Matching is fuzzy: the letters typed must occur in their order;
a name that begins with them comes first. Names come from memory (:mod:`exdbsql.shell.catalog`), never from a query
made while somebody types.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from exdbsql.shell.catalog import Catalog, CatalogKeeper, quoted_name
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.settings import BY_NAME, FORMATS, Settings
from exdbsql.shell.sql_help import STATEMENTS
from exdbsql.shell.vocabulary import FUNCTIONS, KEYWORDS
from exdbsql.shell.words import Word, inside_literal, unquoted, words

_BEFORE_TABLE = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "TABLE"})
_EXCHANGE = frozenset({"SCATTER", "GATHER"})


class ShellCompleter(Completer):
    """Offers what fits at the cursor."""

    def __init__(self, commands: Sequence[Command], catalog: CatalogKeeper, settings: Settings) -> None:
        self._commands = commands
        self._catalog = catalog
        self._settings = settings
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Candidates, best first."""
        text = document.text_before_cursor
        if text.startswith(("\\", ".")):
            yield from self._in_command(text, document, complete_event)
        elif text.strip() and not inside_literal(text):
            yield from self._in_sql(text, following_words(document.text_after_cursor))

    def _in_command(self, text: str, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        name, space, argument = text[1:].partition(" ")
        if not space:
            names = {c.name: c.summary for c in self._commands}
            if text[0] == ".":
                names |= {alias: c.summary for c in self._commands for alias in c.aliases}
            for found in matching(name, names):
                yield Completion(found, -len(name), display=text[0] + found, display_meta=names[found])
            return
        command = next((c for c in self._commands if name == c.name or name in c.aliases), None)
        if command is None:
            return
        if command.completes == "file":
            yield from self._paths.get_completions(Document(argument), event)
            return
        typed = argument if command.completes == "statement" else argument.rsplit(" ", 1)[-1]
        yield from _completions(typed, self._arguments(command, argument), command.completes)

    def _arguments(self, command: Command, argument: str) -> Iterable[str]:
        catalog = self._catalog.current
        match command.completes:
            case "table":
                return catalog.tables
            case "relation":
                return [*catalog.tables, *catalog.indexes]
            case "index":
                return catalog.indexes
            case "format":
                return FORMATS
            case "switch":
                return ("on", "off", "auto") if command.name == "x" else ("on", "off")
            case "setting":
                name, space, _ = argument.partition(" ")
                return BY_NAME[name].choices if space and name in BY_NAME else BY_NAME
            case "statement":
                return STATEMENTS
            case "command":
                return [c.name for c in self._commands]
            case "variable":
                return self._settings.variables
        return ()

    def _in_sql(self, text: str, behind: Sequence[Word]) -> Iterator[Completion]:
        statement = current_statement(list(words(text)))
        typed = ""
        if (
            statement
            and statement[-1].end == len(text)
            and statement[-1].kind in ("name", "quoted", "number", "variable")
        ):
            typed = statement.pop().text
        catalog = self._catalog.current
        if statement and statement[-1].text == "." and len(statement) > 1:
            tables = tables_named([*words(text), *behind, Word("other", ";", 0, 0)], catalog)
            table = tables.get(unquoted(statement[-2]), unquoted(statement[-2]))
            yield from _completions(typed, map(quoted_name, catalog.tables.get(table, ())), "column")
            return
        if not typed and not statement:
            return
        for kind, candidates in candidates_after(statement, catalog, typed, behind):
            yield from _completions(typed, candidates, kind)


def current_statement(tokens: list[Word]) -> list[Word]:
    """The tokens after the last semicolon."""
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i].text == ";" and tokens[i].kind == "other":
            return tokens[i + 1 :]
    return tokens


def following_words(text: str) -> list[Word]:
    """The rest of the statement behind the cursor: the tables of a SELECT list are named there."""
    return list(takewhile(lambda word: word.text != ";", words(text)))


def tables_named(tokens: Sequence[Word], catalog: Catalog) -> dict[str, str]:
    """Tables that a statement names, by name and by alias."""
    found: dict[str, str] = {}
    for i, word in enumerate(tokens[:-1]):
        name = unquoted(tokens[i + 1])
        if not (word.upper in _BEFORE_TABLE or word.text == ",") or name not in catalog.tables:
            continue
        found[name] = name
        after = [w for w in tokens[i + 2 : i + 4] if w.upper != "AS"]
        if after and after[0].kind in ("name", "quoted") and after[0].upper not in KEYWORDS:
            found[unquoted(after[0])] = name
    return found


def candidates_after(
    statement: Sequence[Word], catalog: Catalog, typed: str, behind: Sequence[Word]
) -> Iterator[tuple[str, Iterable[str]]]:
    """What may follow the words of `statement`, in groups, the likeliest first; `behind` are those after the cursor."""
    first = statement[0].upper if statement else ""
    before = statement[-1].upper if statement else ""
    table_names = [quoted_name(name) for name in catalog.tables]
    if first in _EXCHANGE:
        past_tables = any(word.upper in ("TO", "FROM") for word in statement)
        yield ("node", map(str, catalog.nodes)) if past_tables else ("table", table_names)
        yield "keyword", _cased(("ALL", "TABLE", "TO", "FROM", "NODE"), typed)
        return
    if before in _BEFORE_TABLE:
        yield "table", table_names
        if before != "FROM":
            yield "keyword", _cased(("IF", "EXISTS", "SELECT"), typed)
        return
    if statement:
        named = dict.fromkeys(tables_named([*statement, *behind], catalog).values())
        tables = named or dict.fromkeys(catalog.tables)
        columns = dict.fromkeys(column for table in tables for column in catalog.tables[table])
        yield "column", map(quoted_name, columns)
        yield "table", table_names
        yield "function", FUNCTIONS
    yield "keyword", _cased(KEYWORDS, typed)


def _cased(keywords: Iterable[str], typed: str) -> Iterable[str]:
    """Keywords as the user writes them: small where the first letters are small."""
    return [word.lower() for word in keywords] if typed[:1].islower() else keywords


def _completions(typed: str, candidates: Iterable[str], meta: str) -> Iterator[Completion]:
    for found in matching(typed, candidates):
        yield Completion(found, -len(typed), display_meta=meta)


def matching(typed: str, candidates: Iterable[str]) -> list[str]:
    """The candidates that fit, those that begin with `typed` first, then those that have it, then the fuzzy ones."""
    ranked = [(rank, i, name) for i, name in enumerate(candidates) if (rank := _rank(typed, name)) is not None]
    return [name for _, _, name in sorted(ranked)]


def _rank(typed: str, candidate: str) -> int | None:
    low, name = typed.lower(), candidate.lower()
    if low == name:
        return None if typed == candidate else 0
    if name.startswith(low):
        return 0
    if len(low) < 2:
        return None
    if low in name:
        return 1
    letters = iter(name)
    return 2 if low[0] == name[0] and all(letter in letters for letter in low) else None
