"""Statements that the session carries out itself, read from their tokens.

Transaction control (PostgreSQL's forms, https://www.postgresql.org/docs/current/sql-begin.html and its siblings), SET
and SHOW, and the exchange of DISTRIBUTED tables (REFERENCE section 3)::

    BEGIN [WORK | TRANSACTION] [mode, …]     START TRANSACTION [mode, …]
    COMMIT | END [WORK | TRANSACTION]        ROLLBACK | ABORT [WORK | TRANSACTION]
    SAVEPOINT name    ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name    RELEASE [SAVEPOINT] name
    SET TRANSACTION mode, …                  SET SESSION CHARACTERISTICS AS TRANSACTION mode, …
    SET [SESSION] name {TO | =} value        SHOW name…
    SCATTER [TABLE] {x, … | ALL} TO   {ALL | [NODE] 1, …}
    GATHER  [TABLE] {x, … | ALL} FROM {ALL | [NODE] 1, …}

A mode is ``ISOLATION LEVEL …``, ``READ ONLY`` or ``READ WRITE``. They are few and flat, so a tokenizer of one regular
expression and a reader with one word of look-ahead do; everything else goes to the SQL parser. Two-phase commit and
``AND CHAIN`` are left out, and say so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import NotSupportedError, ProgrammingError

READ_COMMITTED = "read committed"
REPEATABLE_READ = "repeatable read"
SERIALIZABLE = "serializable"


@dataclass(frozen=True, slots=True)
class Modes:
    """What a statement says of a transaction; None where it says nothing."""

    isolation: str | None = None
    read_only: bool | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """BEGIN, START TRANSACTION."""

    modes: Modes
    tag: str = "BEGIN"


@dataclass(frozen=True, slots=True)
class Commit:
    """COMMIT, END."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """ROLLBACK, ABORT."""


@dataclass(frozen=True, slots=True)
class SetSavepoint:
    """SAVEPOINT."""

    name: str


@dataclass(frozen=True, slots=True)
class RollbackTo:
    """ROLLBACK TO SAVEPOINT."""

    name: str


@dataclass(frozen=True, slots=True)
class Release:
    """RELEASE SAVEPOINT."""

    name: str


@dataclass(frozen=True, slots=True)
class SetModes:
    """SET TRANSACTION, or the session's default for later ones."""

    modes: Modes
    for_session: bool


@dataclass(frozen=True, slots=True)
class SetVariable:
    """SET name TO value; a value of None is DEFAULT."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW; the words in lower case, names as they are."""

    words: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """SCATTER (`push`) or GATHER; None means all."""

    push: bool
    tables: tuple[str, ...] | None
    nodes: tuple[int, ...] | None


Control = Begin | Commit | Rollback | SetSavepoint | RollbackTo | Release | SetModes | SetVariable | Show | Exchange

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<word>[^\W\d][\w$]*)
      | "(?P<quoted>(?:[^"]|"")*)"
      | '(?P<string>(?:[^']|'')*)'
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


class _Reader:
    """The tokens of one statement, with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self.statement = text
        self._tokens = [
            _Token(match.lastgroup or "", match[match.lastgroup or 0], match.start())
            for match in _TOKEN.finditer(text)
            if match.lastgroup != "skip"
        ]
        while self._tokens and self._tokens[-1].text == ";" and self._tokens[-1].kind == "other":
            self._tokens.pop()
        self._next = 0

    @property
    def token(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def fail(self, wanted: str) -> ProgrammingError:
        token = self.token
        found = f'syntax error at or near "{token.text}"' if token else "syntax error at end of statement"
        return ProgrammingError(
            found,
            sqlstate=states.SYNTAX_ERROR,
            position=token.start if token else len(self.statement),
            statement=self.statement,
            hint=f"expected {wanted}",
        )

    def accept(self, *words: str) -> str | None:
        """The next token in upper case if it is one of these words or signs; else nothing is consumed."""
        token = self.token
        if token is not None and token.kind in ("word", "other") and token.text.upper() in words:
            self._next += 1
            return token.text.upper()
        return None

    def expect(self, *words: str) -> str:
        found = self.accept(*words)
        if found is None:
            raise self.fail(" or ".join(words))
        return found

    def name(self, what: str) -> str:
        token = self.token
        if token is None or token.kind not in ("word", "quoted"):
            raise self.fail(what)
        self._next += 1
        return token.text.lower() if token.kind == "word" else token.text.replace('""', '"')

    def integer(self, what: str) -> int:
        token = self.token
        if token is None or token.kind != "number" or not token.text.isdigit() or len(token.text) > 9:
            raise self.fail(what)
        self._next += 1
        return int(token.text)

    def value(self) -> str:
        token = self.token
        if token is None or token.kind == "other":
            raise self.fail("a value")
        self._next += 1
        return token.text.replace("''", "'") if token.kind == "string" else token.text

    def end(self) -> None:
        if self.token is not None:
            raise self.fail("the end of the statement")


def _modes(reader: _Reader) -> Modes:
    isolation: str | None = None
    read_only: bool | None = None
    while reader.token is not None:
        if reader.accept("ISOLATION"):
            reader.expect("LEVEL")
            isolation = _level(reader)
        elif reader.accept("READ"):
            read_only = reader.expect("ONLY", "WRITE") == "ONLY"
        else:
            raise reader.fail("ISOLATION LEVEL, READ ONLY or READ WRITE")
        reader.accept(",")
    return Modes(isolation, read_only)


def _level(reader: _Reader) -> str:
    if reader.accept("SERIALIZABLE"):
        return SERIALIZABLE
    if reader.accept("REPEATABLE"):
        reader.expect("READ")
        return REPEATABLE_READ
    reader.expect("READ")
    reader.expect("COMMITTED", "UNCOMMITTED")
    return READ_COMMITTED


def _begin(reader: _Reader) -> Control:
    reader.accept("WORK", "TRANSACTION")
    return Begin(_modes(reader))


def _start(reader: _Reader) -> Control:
    reader.expect("TRANSACTION")
    return Begin(_modes(reader), "START TRANSACTION")


def _no_chain(reader: _Reader) -> None:
    reader.accept("WORK", "TRANSACTION")
    if reader.accept("AND"):
        if not reader.accept("NO"):
            raise NotSupportedError("AND CHAIN is not supported", hint="send BEGIN after it")
        reader.expect("CHAIN")
    if reader.accept("PREPARED"):
        raise NotSupportedError("two-phase commit is not supported")


def _commit(reader: _Reader) -> Control:
    _no_chain(reader)
    return Commit()


def _rollback(reader: _Reader) -> Control:
    _no_chain(reader)
    if reader.accept("TO"):
        reader.accept("SAVEPOINT")
        return RollbackTo(reader.name("the name of a savepoint"))
    return Rollback()


def _savepoint(reader: _Reader) -> Control:
    return SetSavepoint(reader.name("the name of a savepoint"))


def _release(reader: _Reader) -> Control:
    reader.accept("SAVEPOINT")
    return Release(reader.name("the name of a savepoint"))


def _set(reader: _Reader) -> Control:
    if reader.accept("TRANSACTION"):
        return SetModes(_modes(reader), for_session=False)
    if reader.accept("SESSION") and reader.accept("CHARACTERISTICS"):
        reader.expect("AS")
        reader.expect("TRANSACTION")
        return SetModes(_modes(reader), for_session=True)
    name = reader.name("the name of a setting")
    while reader.accept("."):
        name += "." + reader.name("the rest of the setting's name")
    reader.expect("TO", "=")
    return SetVariable(name, None if reader.accept("DEFAULT") else reader.value())


def _show(reader: _Reader) -> Control:
    start = reader.token
    words = []
    while reader.token is not None:
        words.append(reader.name("what to show"))
        while reader.accept("."):
            words[-1] += "." + reader.name("the rest of the name")
    if start is None:
        raise reader.fail("what to show: CLUSTER, NODES, QUORUM, TABLES, INDEXES, CREATE TABLE name, or a setting")
    return Show(tuple(words), start.start)


def _scatter(reader: _Reader) -> Control:
    return _exchange(reader, push=True)


def _gather(reader: _Reader) -> Control:
    return _exchange(reader, push=False)


def _exchange(reader: _Reader, *, push: bool) -> Control:
    reader.accept("TABLE", "TABLES")
    tables: list[str] | None = None
    if not reader.accept("ALL"):
        tables = [reader.name("the name of a DISTRIBUTED table, or ALL")]
        while reader.accept(","):
            tables.append(reader.name("the name of a DISTRIBUTED table"))
    reader.expect("TO" if push else "FROM")
    nodes: list[int] | None = None
    if not reader.accept("ALL"):
        reader.accept("NODE", "NODES")
        nodes = [reader.integer("the id of a node, or ALL")]
        while reader.accept(","):
            nodes.append(reader.integer("the id of a node"))
    return Exchange(push, None if tables is None else tuple(tables), None if nodes is None else tuple(nodes))


_READERS: dict[str, Callable[[_Reader], Control]] = {
    "BEGIN": _begin,
    "START": _start,
    "COMMIT": _commit,
    "END": _commit,
    "ROLLBACK": _rollback,
    "ABORT": _rollback,
    "SAVEPOINT": _savepoint,
    "RELEASE": _release,
    "SET": _set,
    "SHOW": _show,
    "SCATTER": _scatter,
    "GATHER": _gather,
}


def parse_control(text: str) -> Control | None:
    """The statement, if it is one of the session's own; None sends it on to the SQL parser.

    Raises:
        ProgrammingError: it begins like one of them and goes on wrongly (42601, with position and hint).
        NotSupportedError: a form that is left out.
    """
    reader = _Reader(text)
    token = reader.token
    read = _READERS.get(token.text.upper()) if token is not None and token.kind == "word" else None
    if read is None:
        return None
    reader.expect(token.text.upper() if token else "")
    control = read(reader)
    reader.end()
    return control
