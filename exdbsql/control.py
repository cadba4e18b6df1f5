"""Statements that the session carries out itself, read from their tokens.

Transaction control (PostgreSQL's forms, https://www.postgresql.org/docs/current/sql-begin.html and its siblings), SET
and SHOW, and the exchange of DISTRIBUTED tables (REFERENCE section 3)::

    BEGIN [WORK | TRANSACTION] [mode, …]     START TRANSACTION [mode, …]
    COMMIT | END [WORK | TRANSACTION] [AND [NO] CHAIN]         ROLLBACK | ABORT, the same
    SAVEPOINT name    ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name    RELEASE [SAVEPOINT] name
    SET CONSTRAINTS {ALL | name, …} {DEFERRED | IMMEDIATE}
    SET TRANSACTION mode, …                  SET SESSION CHARACTERISTICS AS TRANSACTION mode, …
    SET [SESSION | LOCAL] name {TO | =} value        RESET {name | ALL}        SHOW name…
    DISCARD {ALL | PLANS | SEQUENCES | TEMP}
    DECLARE, FETCH, MOVE, CLOSE              :mod:`exdbsql.declared_cursors`
    CREATE [kind | TEMP] TABLE [IF NOT EXISTS] t [(name, …)] AS query [WITH [NO] DATA]
    TRUNCATE [TABLE] t, … [RESTART IDENTITY] [CASCADE]
    PREPARE name [(type, …)] AS statement    EXECUTE name [(value, …)]    DEALLOCATE {name | ALL}
    COPY …                                   :mod:`exdbsql.copy.statement`
    SCATTER [TABLE] {x, … | ALL} TO   {ALL | [NODE] 1, …} [ON CONFLICT KEEP {SOURCE | TARGET}]
    GATHER  [TABLE] {x, … | ALL} FROM {ALL | [NODE] 1, …} [ON CONFLICT KEEP {SOURCE | TARGET}]
    ALTER CLUSTER …                          :mod:`exdbsql.cluster_statements`

A mode is ``ISOLATION LEVEL …``, ``READ ONLY``, ``READ WRITE`` or ``[NOT] DEFERRABLE``. The last asks PostgreSQL to wait for a snapshot on
which a serializable READ ONLY transaction cannot fail; here it cannot fail on any, so there is nothing to do. They are few and flat, so a reader
with one token of look-ahead does; everything else goes to the SQL parser. Two-phase commit and LOCK TABLE are left out, and say so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exdbsql.cluster_statements import AlterCluster, read_alter_cluster
from exdbsql.copy.statement import Copy, read_copy
from exdbsql.declared_cursors import Close, Declare, Fetch, read_close, read_declare, read_fetch, read_move
from exdbsql.prepared import Deallocate, Execute, Prepare, read_deallocate, read_execute, read_prepare
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.ddl_table import accept_temporary, read_on_commit
from exdbsql.schema.table import OnCommit
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import TokenKind, scan, tokenize

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
    """COMMIT, END; with `chain`, another transaction with the same modes begins at once."""

    chain: bool = False


@dataclass(frozen=True, slots=True)
class Rollback:
    """ROLLBACK, ABORT; `chain` as for :class:`Commit`."""

    chain: bool = False


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
    """SET name TO value; a value of None is DEFAULT. `local`: until the end of the transaction. Name "all": RESET ALL."""

    name: str
    value: str | None
    local: bool = False
    tag: str = "SET"


@dataclass(frozen=True, slots=True)
class Discard:
    """DISCARD: "all", "plans", "sequences" or "temp"."""

    what: str


@dataclass(frozen=True, slots=True)
class SetConstraints:
    """SET CONSTRAINTS; `names` of None means ALL."""

    names: tuple[str, ...] | None
    deferred: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """TRUNCATE: the tables, whether their sequences begin anew, and whether tables that refer to them go along."""

    tables: tuple[str, ...]
    restart: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class CreateTableAs:
    """CREATE TABLE AS: what stands before and after AS.

    Attributes:
        kind: LOCAL, DISTRIBUTED or REPLICATED, or "".
        on_commit: of a temporary table.
        name: of the table.
        columns: names that were given to its columns, or ().
        if_not_exists: whether an existing table is left alone.
        query: text of the query.
        with_data: whether its rows are stored.
    """

    kind: str
    name: str
    columns: tuple[str, ...]
    if_not_exists: bool
    query: str
    with_data: bool
    on_commit: OnCommit | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW; the words in lower case, quoted names as they are. `position` is the first word's in `text`."""

    words: tuple[str, ...]
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """SCATTER (`push`) or GATHER; None means all. `keep` is "source" or "target", or None: refuse conflicts."""

    push: bool
    tables: tuple[str, ...] | None
    nodes: tuple[int, ...] | None
    keep: str | None = None


Control = (
    Begin
    | Commit
    | Rollback
    | SetSavepoint
    | RollbackTo
    | Release
    | CreateTableAs
    | SetConstraints
    | Truncate
    | Copy
    | Prepare
    | Execute
    | Deallocate
    | SetModes
    | SetVariable
    | Discard
    | Declare
    | Fetch
    | Close
    | Show
    | Exchange
    | AlterCluster
)


def _one_of(reader: TokenReader, *words: str) -> str:
    token = reader.accept_one_of(*words)
    if token is None:
        raise reader.syntax_error(expected=" or ".join(words).upper())
    return token.value


def _modes(reader: TokenReader) -> Modes:
    isolation: str | None = None
    read_only: bool | None = None
    while reader.peek() is not None:
        if reader.accept("isolation"):
            reader.expect("level")
            isolation = _level(reader)
        elif reader.accept("read"):
            read_only = _one_of(reader, "only", "write") == "only"
        elif not reader.accept("deferrable") and not reader.accept("not", "deferrable"):
            raise reader.syntax_error(expected="ISOLATION LEVEL, READ ONLY, READ WRITE or DEFERRABLE")
        reader.accept_symbol(",")
    return Modes(isolation, read_only)


def _level(reader: TokenReader) -> str:
    if reader.accept("serializable"):
        return SERIALIZABLE
    if reader.accept("repeatable"):
        reader.expect("read")
        return REPEATABLE_READ
    reader.expect("read")
    _one_of(reader, "committed", "uncommitted")
    return READ_COMMITTED


def _begin(reader: TokenReader) -> Control:
    reader.accept_one_of("work", "transaction")
    return Begin(_modes(reader))


def _start(reader: TokenReader) -> Control:
    reader.expect("transaction")
    return Begin(_modes(reader), "START TRANSACTION")


def _end_options(reader: TokenReader) -> bool:
    """Consumes what may follow COMMIT and ROLLBACK; whether AND CHAIN does."""
    reader.accept_one_of("work", "transaction")
    if reader.next_is("prepared"):
        raise reader.not_supported("two-phase commit")
    return not reader.accept("and", "no", "chain") and reader.accept("and", "chain")


def _commit(reader: TokenReader) -> Control:
    return Commit(_end_options(reader))


def _rollback(reader: TokenReader) -> Control:
    chain = _end_options(reader)
    if not chain and reader.accept("to"):
        reader.accept("savepoint")
        return RollbackTo(reader.name("the name of a savepoint"))
    return Rollback(chain)


def _savepoint(reader: TokenReader) -> Control:
    return SetSavepoint(reader.name("the name of a savepoint"))


def _release(reader: TokenReader) -> Control:
    reader.accept("savepoint")
    return Release(reader.name("the name of a savepoint"))


def _set(reader: TokenReader) -> Control:
    if reader.accept("constraints"):
        return _set_constraints(reader)
    if reader.accept("transaction"):
        return SetModes(_modes(reader), for_session=False)
    if reader.accept("session", "characteristics", "as", "transaction"):
        return SetModes(_modes(reader), for_session=True)
    scope = reader.accept_one_of("session", "local")
    local = scope is not None and scope.value == "local"
    if reader.accept("time", "zone"):
        return SetVariable("timezone", None if reader.accept_one_of("default", "local") else _value(reader), local)
    name = _dotted(reader, reader.name("the name of a setting"))
    if not reader.accept_symbol("="):
        reader.expect("to")
    return SetVariable(name, None if reader.accept("default") else _value(reader), local)


def _reset(reader: TokenReader) -> Control:
    if reader.accept("all"):
        return SetVariable("all", None, tag="RESET")
    if reader.accept("time", "zone"):
        return SetVariable("timezone", None, tag="RESET")
    return SetVariable(_dotted(reader, reader.name("the name of a setting, or ALL")), None, tag="RESET")


def _discard(reader: TokenReader) -> Control:
    what = _one_of(reader, "all", "plans", "sequences", "temp", "temporary")
    return Discard("temp" if what == "temporary" else what)


def _lock(reader: TokenReader) -> Control:
    raise reader.not_supported(
        "LOCK TABLE",
        hint="Nobody waits here: the first to commit wins. ISOLATION LEVEL SERIALIZABLE guards what was read.",
    )


def _set_constraints(reader: TokenReader) -> Control:
    names = None
    if not reader.accept("all"):
        found = [reader.name("the name of a constraint, or ALL")]
        while reader.accept_symbol(","):
            found.append(reader.name("the name of a constraint"))
        names = tuple(found)
    return SetConstraints(names, _one_of(reader, "deferred", "immediate") == "deferred")


def _truncate(reader: TokenReader) -> Control:
    reader.accept("table")
    if reader.next_is("only"):
        raise reader.not_supported("ONLY")
    tables = [_table(reader)]
    while reader.accept_symbol(","):
        tables.append(_table(reader))
    restart = reader.accept("restart", "identity")
    if not restart:
        reader.accept("continue", "identity")
    cascade = reader.accept("cascade")
    if not cascade:
        reader.accept("restrict")
    return Truncate(tuple(tables), restart, cascade)


def _table(reader: TokenReader) -> str:
    return _dotted(reader, reader.name("the name of a table"))


def _create_table_as(reader: TokenReader) -> Control | None:
    """What follows CREATE, if it is TABLE ... AS; None, whatever was consumed, if it is not."""
    kind = reader.accept_one_of("local", "distributed", "replicated")
    is_temporary = accept_temporary(reader, kind)
    if not reader.accept("table"):
        return None
    if_not_exists = reader.accept("if", "not", "exists")
    token = reader.peek()
    if token is None or token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
        return None
    name = _table(reader).removeprefix("public.")
    columns: list[str] = []
    if reader.accept_symbol("("):
        while (token := reader.peek()) is not None and token.kind in (TokenKind.WORD, TokenKind.QUOTED_NAME):
            columns.append(reader.take().value)
            if not reader.accept_symbol(","):
                break
        if not reader.accept_symbol(")"):
            return None
    is_temporary |= name.startswith(f"{TEMPORARY_SCHEMA}.")
    on_commit = (read_on_commit(reader) or OnCommit.PRESERVE_ROWS) if is_temporary else None
    if not reader.accept("as"):
        return None
    if reader.peek() is None:
        raise reader.syntax_error(expected="a query")
    start = end = reader.offset
    with_data = True
    while reader.peek() is not None:
        if reader.accept("with", "no", "data"):
            with_data = False
        elif not reader.accept("with", "data"):
            reader.take()
            end = reader.previous_end()
    kind_word = "" if kind is None or is_temporary else kind.value.upper()
    name = name.removeprefix(f"{TEMPORARY_SCHEMA}.")
    query = reader.slice(start, end)
    return CreateTableAs(kind_word, name, tuple(columns), if_not_exists, query, with_data, on_commit)


def _dotted(reader: TokenReader, name: str) -> str:
    while reader.accept_symbol("."):
        name += "." + reader.name("the rest of the name")
    return name


def _value(reader: TokenReader) -> str:
    sign = "-" if reader.accept_symbol("-") else ""
    token = reader.peek()
    if token is None or token.kind not in (TokenKind.WORD, TokenKind.STRING, TokenKind.NUMBER):
        raise reader.syntax_error(expected="a value")
    return sign + reader.take().value


def _show(reader: TokenReader) -> Control:
    position = reader.offset
    words: list[str] = []
    while (token := reader.peek()) is not None:
        if token.kind is TokenKind.STRING and words:
            words.append(reader.take().value)
            continue
        if token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
            raise reader.syntax_error(expected="what to show")
        words.append(_dotted(reader, reader.take().value))
    if not words:
        raise reader.syntax_error(
            expected="CLUSTER, NODES, QUORUM, TABLES, COLUMNS, INDEXES, CREATE TABLE, ALL or a setting"
        )
    return Show(tuple(words), position, reader.text)


def _alter(reader: TokenReader) -> Control | None:
    return read_alter_cluster(reader) if reader.accept("cluster") else None


def _scatter(reader: TokenReader) -> Control:
    tables = _tables(reader)
    reader.expect("to")
    return Exchange(True, tables, _nodes(reader), _keep(reader))


def _gather(reader: TokenReader) -> Control:
    tables = _tables(reader)
    reader.expect("from")
    return Exchange(False, tables, _nodes(reader), _keep(reader))


def _keep(reader: TokenReader) -> str | None:
    if not reader.accept("on"):
        return None
    reader.expect("conflict")
    reader.expect("keep")
    return _one_of(reader, "source", "target")


def _tables(reader: TokenReader) -> tuple[str, ...] | None:
    reader.accept_one_of("table", "tables")
    if reader.accept("all"):
        return None
    tables = [reader.name("the name of a DISTRIBUTED table, or ALL")]
    while reader.accept_symbol(","):
        tables.append(reader.name("the name of a DISTRIBUTED table"))
    return tuple(tables)


def _nodes(reader: TokenReader) -> tuple[int, ...] | None:
    if reader.accept("all"):
        return None
    reader.accept_one_of("node", "nodes")
    nodes = [_node(reader)]
    while reader.accept_symbol(","):
        nodes.append(_node(reader))
    return tuple(nodes)


def _node(reader: TokenReader) -> int:
    if (sign := reader.peek()) is not None and sign.is_symbol("-"):
        raise reader.syntax_error(expected="the id of a node")
    return reader.integer("the id of a node")


_READERS: dict[str, Callable[[TokenReader], Control | None]] = {
    "alter": _alter,
    "begin": _begin,
    "start": _start,
    "commit": _commit,
    "end": _commit,
    "rollback": _rollback,
    "abort": _rollback,
    "savepoint": _savepoint,
    "release": _release,
    "set": _set,
    "reset": _reset,
    "discard": _discard,
    "lock": _lock,
    "declare": read_declare,
    "fetch": read_fetch,
    "move": read_move,
    "close": read_close,
    "show": _show,
    "create": _create_table_as,
    "truncate": _truncate,
    "copy": read_copy,
    "prepare": read_prepare,
    "execute": read_execute,
    "deallocate": read_deallocate,
    "scatter": _scatter,
    "gather": _gather,
}


def parse_control(text: str) -> Control | None:
    """The statement, if it is one of the session's own; None sends it on to the SQL parser.

    Raises:
        ProgrammingError: it begins like one of them and goes on wrongly (42601, with position and hint).
        NotSupportedError: a form that is left out.
    """
    first = next(scan(text), None)
    read = _READERS.get(first.value) if first is not None and first.kind is TokenKind.WORD else None
    if first is None or read is None:
        return None
    tokens = tokenize(text)
    while tokens[-1].is_symbol(";"):
        tokens.pop()
    reader = TokenReader(text, tokens)
    reader.take()
    control = read(reader)
    if control is not None:
        reader.expect_end()
    return control
