"""CREATE TABLE: kinds, columns, constraints.

Rules that a single clause breaks are reported at that clause; expressions are read once all columns are known.
Refused by name: foreign keys, generated and identity columns, collations, deferrable constraints, temporary and
partitioned tables, inheritance, storage options, CREATE TABLE AS.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_statements import CreateTable
from exdbsql.schema.errors import Error, ProgrammingError
from exdbsql.schema.expressions import check_expression, default_expression
from exdbsql.schema.table import Check, Column, Table, TableKind, UniqueKey
from exdbsql.schema.table_rules import (
    require_columns,
    require_key_column,
    require_new_column,
    require_new_constraint,
    require_single_primary_key,
)
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token
from exdbsql.schema.type_names import read_type

_KIND_WORDS: Final = tuple(kind.value.lower() for kind in TableKind)
# Where a DEFAULT's expression ends: PostgreSQL's b_expr cannot hold these outside parentheses.
_AFTER_DEFAULT: Final = (
    "not", "null", "constraint", "primary", "unique", "check", "default", "references", "generated", "collate",
    "deferrable", "initially",
)  # fmt: skip
_REFUSED_TABLE_OPTIONS: Final = {
    "inherits": "INHERITS",
    "partition": "PARTITION BY",
    "with": "WITH (...)",
    "without": "WITHOUT OIDS",
    "on": "ON COMMIT",
    "tablespace": "TABLESPACE",
    "using": "USING",
    "as": "CREATE TABLE AS",
}
_REFUSED_COLUMN_OPTIONS: Final = {
    "references": "a foreign key (REFERENCES)",
    "generated": "a generated or identity column",
    "collate": "COLLATE",
    "storage": "STORAGE",
    "compression": "COMPRESSION",
}


@dataclass(slots=True)
class _Draft:
    """A table while it is read. Expressions wait as offsets until all columns are known."""

    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: UniqueKey | None = None
    uniques: list[UniqueKey] = field(default_factory=list)
    checks: list[tuple[str, int, int]] = field(default_factory=list)
    keys: list[tuple[list[tuple[str, Token | None]], UniqueKey]] = field(default_factory=list)
    constraint_names: list[str] = field(default_factory=list)

    def add_key(
        self, reader: TokenReader, name: str, columns: tuple[str, ...], *, primary: bool, at: Token | None
    ) -> None:
        """Takes a PRIMARY KEY or UNIQUE constraint whose columns were checked or are still to come."""
        key = UniqueKey(name, columns)
        if primary:
            with reader.at(at):
                require_single_primary_key(self.name, exists=self.primary_key is not None)
            self.primary_key = key
        else:
            self.uniques.append(key)


def read_relation_name(reader: TokenReader) -> str:
    """A name of a table or an index; ``public.`` before it is allowed, as we have just that schema."""
    token = reader.peek()
    name = reader.name("a name")
    if reader.accept_symbol("."):
        if name != "public":
            raise reader.not_supported(f'a schema other than public ("{name}")', at=token)
        name = reader.name("a name")
    return name


def read_create_table(reader: TokenReader) -> CreateTable | None:
    """What follows CREATE, if it is a table; None, with nothing but a modifier consumed, if it is something else."""
    start = reader.peek()
    kind = reader.accept_one_of(*_KIND_WORDS)
    if modifier := reader.accept_one_of("temp", "temporary", "unlogged", "global"):
        reader.accept_one_of("temp", "temporary")
        if reader.next_is("table"):
            raise reader.not_supported(f"CREATE {modifier.value.upper()} TABLE", at=start)
    if not reader.accept("table"):
        if kind is None:
            return None
        raise reader.syntax_error(expected="TABLE")
    if_not_exists = reader.accept("if")
    if if_not_exists:
        reader.expect("not", "exists")
    draft = _Draft(read_relation_name(reader))
    _read_elements(reader, draft)
    kind = _read_options(reader, kind)
    return CreateTable(_finish(reader, draft, kind), if_not_exists)


def _read_options(reader: TokenReader, kind: Token | None) -> Token | None:
    """What follows the closing parenthesis: the kind, if it was not given before the word TABLE."""
    token = reader.peek()
    if token is not None and (second := reader.accept_one_of(*_KIND_WORDS)):
        if kind is not None:
            with reader.at(second):
                raise ProgrammingError("the kind of the table is given twice", sqlstate=sqlstate.SYNTAX_ERROR)
        kind = second
    token = reader.peek()
    if token is not None and token.is_word(*_REFUSED_TABLE_OPTIONS):
        raise reader.not_supported(_REFUSED_TABLE_OPTIONS[token.value])
    if token is not None and token.is_word("engine", "strict"):
        raise reader.syntax_error(hint=f"After the columns may come {', '.join(k.value for k in TableKind)}.")
    return kind


def _read_elements(reader: TokenReader, draft: _Draft) -> None:
    if reader.next_is("as"):
        raise reader.not_supported("CREATE TABLE AS")
    if reader.next_is("partition") or reader.next_is("of"):
        raise reader.not_supported("CREATE TABLE ... " + reader.take().value.upper())
    reader.expect_symbol("(")
    with reader.at(reader.peek()):
        closing = reader.peek()
        require_columns([] if closing is not None and closing.is_symbol(")") else [closing])
    while True:
        if not _read_table_constraint(reader, draft):
            _read_column(reader, draft)
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")


def _read_constraint_name(reader: TokenReader, draft: _Draft) -> str:
    if not reader.accept("constraint"):
        return ""
    token = reader.peek()
    name = reader.name("a name of a constraint")
    with reader.at(token):
        require_new_constraint(draft.name, name, draft.constraint_names)
    draft.constraint_names.append(name)
    return name


def _read_table_constraint(reader: TokenReader, draft: _Draft) -> bool:
    """Consumes a constraint of the table, if one comes next."""
    if reader.next_is("foreign", "key"):
        raise reader.not_supported("a foreign key (FOREIGN KEY)")
    if reader.next_is("like"):
        raise reader.not_supported("LIKE in CREATE TABLE")
    following = reader.peek(1)
    if reader.next_is("exclude") and following is not None and (following.is_word("using") or following.is_symbol("(")):
        raise reader.not_supported("an EXCLUDE constraint")
    named = reader.next_is("constraint")
    name = _read_constraint_name(reader, draft)
    if reader.next_is("foreign"):
        raise reader.not_supported("a foreign key (FOREIGN KEY)")
    token = reader.peek()
    if reader.accept("check"):
        draft.checks.append((name, *reader.inside_parentheses()))
        _refuse_no_inherit(reader)
    elif reader.accept("primary"):
        reader.expect("key")
        _read_table_key(reader, draft, name, primary=True, at=token)
    elif reader.accept("unique"):
        _refuse_nulls_not_distinct(reader)
        _read_table_key(reader, draft, name, primary=False, at=token)
    elif named:
        raise reader.syntax_error(expected="PRIMARY KEY, UNIQUE or CHECK")
    else:
        return False
    _read_constraint_timing(reader)
    return True


def _read_table_key(reader: TokenReader, draft: _Draft, name: str, *, primary: bool, at: Token | None) -> None:
    if reader.next_is("using"):
        raise reader.not_supported("USING INDEX")
    reader.expect_symbol("(")
    parts: list[tuple[str, Token | None]] = []
    while True:
        token = reader.peek()
        parts.append((reader.name("a column"), token))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    key = UniqueKey(name, tuple(column for column, _ in parts))
    draft.keys.append((parts, key))
    draft.add_key(reader, name, key.columns, primary=primary, at=at)
    if reader.next_is("include") or reader.next_is("with"):
        raise reader.not_supported("INCLUDE or WITH after a key")


def _read_column(reader: TokenReader, draft: _Draft) -> None:
    token = reader.peek()
    name = reader.name("a name of a column")
    with reader.at(token):
        require_new_column(name, [column.name for column in draft.columns])
    draft.columns.append(Column(name, read_type(reader)))
    seen: set[str] = set()
    while _read_column_constraint(reader, draft, seen):
        pass


def _read_column_constraint(reader: TokenReader, draft: _Draft, seen: set[str]) -> bool:
    """Consumes a constraint of the newest column, if one comes next; `seen` holds those that may come only once."""
    named = reader.next_is("constraint")
    name = _read_constraint_name(reader, draft)
    column = draft.columns[-1]
    token = reader.peek()
    if token is not None and token.is_word(*_REFUSED_COLUMN_OPTIONS):
        raise reader.not_supported(_REFUSED_COLUMN_OPTIONS[token.value])
    if reader.accept("not", "null"):
        _once(reader, token, seen, "not null", against="null", column=column)
        draft.columns[-1] = replace(column, not_null=True)
    elif reader.accept("null"):
        _once(reader, token, seen, "null", against="not null", column=column)
    elif reader.accept("default"):
        if "default" in seen:
            with reader.at(token):
                message = f'multiple default values specified for column "{column.name}"'
                raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)
        seen.add("default")
        draft.columns[-1] = replace(column, default=_read_default(reader, column))
    elif reader.accept("primary"):
        reader.expect("key")
        _once(reader, token, seen, "not null", against="null", column=column)
        draft.add_key(reader, name, (column.name,), primary=True, at=token)
    elif reader.accept("unique"):
        _refuse_nulls_not_distinct(reader)
        draft.add_key(reader, name, (column.name,), primary=False, at=token)
    elif reader.accept("check"):
        draft.checks.append((name, *reader.inside_parentheses()))
        _refuse_no_inherit(reader)
    elif named:
        raise reader.syntax_error(expected="NOT NULL, DEFAULT, PRIMARY KEY, UNIQUE or CHECK")
    else:
        return _read_constraint_timing(reader) or _expect_column_end(reader)
    return True


def _once(reader: TokenReader, token: Token | None, seen: set[str], what: str, *, against: str, column: Column) -> None:
    """Notes NULL or NOT NULL; raises where the column has the other one already."""
    if against in seen:
        with reader.at(token):
            message = f'conflicting NULL/NOT NULL declarations for column "{column.name}"'
            raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)
    seen.add(what)


def _expect_column_end(reader: TokenReader) -> bool:
    token = reader.peek()
    if token is None or token.is_symbol(",", ")"):
        return False
    hint = None
    if token.is_word("auto_increment", "autoincrement", "identity"):
        hint = "Give the values of keys from your program."
    raise reader.syntax_error(hint=hint)


def _read_default(reader: TokenReader, column: Column) -> str | None:
    """The expression up to the next constraint, comma or closing parenthesis."""
    start, depth, cases, first = reader.offset, 0, 0, True
    previous = None
    while (token := reader.peek()) is not None:
        if depth == 0 and (token.is_symbol(",", ")")):
            break
        goes_on = first or depth or cases or (previous is not None and previous.is_word("is"))
        if token.is_word(*_AFTER_DEFAULT) and not goes_on:
            break
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        cases += token.is_word("case") - token.is_word("end")
        previous, first = reader.take(), False
    if first:
        raise reader.syntax_error(expected="an expression")
    with _within(reader, start):
        return default_expression(reader.slice(start, reader.previous_end()), column.type)


class _within:
    """Moves the position of errors from an expression's own text into the whole text."""

    def __init__(self, reader: TokenReader, start: int) -> None:
        self._reader = reader
        self._start = start

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, problem: object, traceback: object) -> None:
        """Corrects the error that passes, if one does."""
        if isinstance(problem, Error):
            problem.position = self._start + (problem.position or 0)
            problem.statement = self._reader.text


def _read_constraint_timing(reader: TokenReader) -> bool:
    """Consumes NOT DEFERRABLE and INITIALLY IMMEDIATE, which are what always holds; refuses the opposites."""
    if reader.next_is("deferrable") or reader.next_is("initially", "deferred"):
        raise reader.not_supported("a deferrable constraint")
    return reader.accept("not", "deferrable") or reader.accept("initially", "immediate")


def _refuse_no_inherit(reader: TokenReader) -> None:
    if reader.next_is("no", "inherit"):
        raise reader.not_supported("NO INHERIT")


def _refuse_nulls_not_distinct(reader: TokenReader) -> None:
    if reader.next_is("nulls", "not", "distinct"):
        raise reader.not_supported("NULLS NOT DISTINCT")
    reader.accept("nulls", "distinct")


def _finish(reader: TokenReader, draft: _Draft, kind: Token | None) -> Table:
    """The table, once keys and expressions can be checked against all columns."""
    names = [column.name for column in draft.columns]
    require_columns(names)
    for parts, key in draft.keys:
        for position, (column, token) in enumerate(parts):
            with reader.at(token):
                require_key_column(column, names, key.columns[:position])
    checks = []
    for name, start, end in draft.checks:
        with _within(reader, start):
            checks.append(Check(name, check_expression(reader.slice(start, end), draft.name, names)))
    primary = draft.primary_key.columns if draft.primary_key else ()
    return Table(
        id=0,
        name=draft.name,
        kind=TableKind[kind.value.upper()] if kind else TableKind.REPLICATED,
        columns=tuple(replace(c, not_null=True) if c.name in primary else c for c in draft.columns),
        primary_key=draft.primary_key,
        uniques=tuple(draft.uniques),
        checks=tuple(checks),
    )
