"""The constraints of CREATE TABLE: those of the table, and those behind a column.

Rules that a single clause breaks are reported at that clause. The columns of keys and the expressions of checks may refer
to columns that come later, so they wait in the draft, with their places, until all columns are known.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_foreign_keys import read_references, read_timing
from exdbsql.schema.ddl_names import read_column_names
from exdbsql.schema.ddl_sequences import read_sequence_options
from exdbsql.schema.errors import Error, ProgrammingError
from exdbsql.schema.expressions import default_expression
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.table import Column, ForeignKey, Identity, UniqueKey
from exdbsql.schema.table_rules import require_new_constraint, require_single_primary_key
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token

# Where a DEFAULT's expression ends: PostgreSQL's b_expr cannot hold these outside parentheses.
_AFTER_DEFAULT: Final = (
    "not", "null", "constraint", "primary", "unique", "check", "default", "references", "generated", "collate",
    "deferrable", "initially",
)  # fmt: skip
_REFUSED_COLUMN_OPTIONS: Final = {
    "collate": "COLLATE",
    "storage": "STORAGE",
    "compression": "COMPRESSION",
}


@dataclass(slots=True)
class TableDraft:
    """A table while it is read.

    Attributes:
        checks: name, and the offsets between which the expression stands.
        key_columns: of each key of the table, the columns and the tokens that name them.
        constraint_names: those that were written, keys and checks.
        generated: of each generated column, its name and the offsets between which the expression stands.
        sequences: of each serial or identity column, its name and the options of its sequence.
    """

    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: UniqueKey | None = None
    uniques: list[UniqueKey] = field(default_factory=list)
    checks: list[tuple[str, int, int]] = field(default_factory=list)
    key_columns: list[list[tuple[str, Token | None]]] = field(default_factory=list)
    constraint_names: list[str] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    generated: list[tuple[str, int, int]] = field(default_factory=list)
    sequences: list[tuple[str, SequenceOptions]] = field(default_factory=list)

    def add_key(self, key: UniqueKey, *, primary: bool) -> None:
        """Takes a PRIMARY KEY or UNIQUE constraint; ProgrammingError 42P16 for a second primary key."""
        if primary:
            exists = self.primary_key is not None or any(other.is_primary for other in self.uniques)
            require_single_primary_key(self.name, exists=exists)
        if primary and not key.deferrable:
            self.primary_key = key
        elif primary:
            self.uniques.insert(0, replace(key, is_primary=True))
        else:
            self.uniques.append(key)


def _read_constraint_name(reader: TokenReader, draft: TableDraft) -> str:
    if not reader.accept("constraint"):
        return ""
    token = reader.peek()
    name = reader.name("a name of a constraint")
    with reader.at(token):
        require_new_constraint(draft.name, name, draft.constraint_names)
    draft.constraint_names.append(name)
    return name


def read_table_constraint(reader: TokenReader, draft: TableDraft) -> bool:
    """Consumes a constraint of the table, if one comes next."""
    if reader.next_is("like"):
        raise reader.not_supported("LIKE in CREATE TABLE")
    following = reader.peek(1)
    if reader.next_is("exclude") and following is not None and (following.is_word("using") or following.is_symbol("(")):
        raise reader.not_supported("an EXCLUDE constraint")
    named = reader.next_is("constraint")
    name = _read_constraint_name(reader, draft)
    token = reader.peek()
    if reader.accept("foreign", "key"):
        columns = tuple(column for column, _ in read_column_names(reader))
        reader.expect("references")
        draft.foreign_keys.append(read_references(reader, name, columns))
    elif reader.accept("check"):
        draft.checks.append((name, *reader.inside_parentheses()))
        _refuse_no_inherit(reader)
    elif reader.accept("primary"):
        reader.expect("key")
        _read_table_key(reader, draft, name, primary=True, at=token)
    elif reader.accept("unique"):
        _read_table_key(reader, draft, name, primary=False, at=token)
    elif named and reader.next_is("exclude"):
        raise reader.not_supported("an EXCLUDE constraint")
    elif named:
        raise reader.syntax_error(expected="PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY")
    else:
        return False
    _refuse_timing(reader)
    return True


def _read_table_key(reader: TokenReader, draft: TableDraft, name: str, *, primary: bool, at: Token | None) -> None:
    if reader.next_is("using"):
        raise reader.not_supported("USING INDEX")
    nulls_equal = not primary and _read_nulls_not_distinct(reader)
    parts = read_column_names(reader)
    draft.key_columns.append(parts)
    if reader.next_is("include") or reader.next_is("with"):
        raise reader.not_supported("INCLUDE or WITH after a key")
    key = UniqueKey(name, tuple(column for column, _ in parts), *read_timing(reader), nulls_equal)
    with reader.at(at):
        draft.add_key(key, primary=primary)


def read_column_constraint(reader: TokenReader, draft: TableDraft, seen: set[str]) -> bool:
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
        with reader.at(token):
            _refuse_second_value(column, draft)
        draft.columns[-1] = replace(column, default=_read_default(reader, column))
    elif reader.accept("primary"):
        reader.expect("key")
        _once(reader, token, seen, "not null", against="null", column=column)
        key = UniqueKey(name, (column.name,), *read_timing(reader))
        with reader.at(token):
            draft.add_key(key, primary=True)
    elif reader.accept("unique"):
        nulls_equal = _read_nulls_not_distinct(reader)
        draft.add_key(UniqueKey(name, (column.name,), *read_timing(reader), nulls_equal), primary=False)
    elif reader.accept("check"):
        draft.checks.append((name, *reader.inside_parentheses()))
        _refuse_no_inherit(reader)
    elif reader.accept("references"):
        draft.foreign_keys.append(read_references(reader, name, (column.name,)))
    elif reader.accept("generated"):
        with reader.at(token):
            _refuse_second_value(column, draft)
        _read_generated(reader, draft)
    elif named:
        raise reader.syntax_error(expected="NOT NULL, DEFAULT, PRIMARY KEY, UNIQUE, CHECK or REFERENCES")
    else:
        return _expect_column_end(reader)
    _refuse_timing(reader)
    return True


def _refuse_second_value(column: Column, draft: TableDraft) -> None:
    """A column has a default, or is generated, or takes from a sequence: one of these (42601)."""
    if column.default is not None or column.generated is not None or any(n == column.name for n, _ in draft.sequences):
        message = f'both default and generation expression specified for column "{column.name}"'
        raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)


def _read_generated(reader: TokenReader, draft: TableDraft) -> None:
    """What follows GENERATED: an expression that is STORED, or IDENTITY with options of its sequence."""
    column = draft.columns[-1]
    always = reader.accept("always")
    if not always:
        reader.expect("by", "default")
    reader.expect("as")
    if reader.accept("identity"):
        if not column.type.is_integer:
            with reader.at(reader.offset):
                message = "identity column type must be smallint, integer, or bigint"
                raise ProgrammingError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE)
        options = read_sequence_options(reader, in_parentheses=True)
        draft.sequences.append((column.name, replace(options, type=column.type)))
        identity = Identity.ALWAYS if always else Identity.BY_DEFAULT
        draft.columns[-1] = replace(column, not_null=True, identity=identity)
        return
    if not always:
        raise reader.syntax_error(expected="IDENTITY")
    draft.generated.append((column.name, *reader.inside_parentheses()))
    draft.columns[-1] = replace(column, generated="")  # the text comes once all columns are known
    reader.expect("stored")


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
    start, end = skip_expression(reader)
    with within(reader, start):
        return default_expression(reader.slice(start, end), column.type)


def skip_expression(reader: TokenReader) -> tuple[int, int]:
    """Consumes an expression up to the next constraint, comma or closing parenthesis; gives its offsets."""
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
    return start, reader.previous_end()


class within:
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


def _refuse_timing(reader: TokenReader) -> None:
    """Raises for DEFERRABLE and its like behind what is always checked at once: CHECK, NOT NULL, DEFAULT."""
    for words in (("not", "deferrable"), ("deferrable",), ("initially",)):
        if reader.next_is(*words):
            message = f"misplaced {' '.join(words).upper()} clause"
            with reader.at(reader.peek()):
                raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)


def _refuse_no_inherit(reader: TokenReader) -> None:
    if reader.next_is("no", "inherit"):
        raise reader.not_supported("NO INHERIT")


def _read_nulls_not_distinct(reader: TokenReader) -> bool:
    if reader.accept("nulls", "not", "distinct"):
        return True
    reader.accept("nulls", "distinct")
    return False
