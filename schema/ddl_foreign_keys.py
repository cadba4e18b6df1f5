"""REFERENCES: the part of FOREIGN KEY that table and column constraints share."""

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_names import read_column_names, read_relation_name
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.table import ForeignKey, ReferentialAction
from exdbsql.schema.token_reader import TokenReader


def read_references(reader: TokenReader, name: str, columns: tuple[str, ...]) -> ForeignKey:
    """What follows REFERENCES. Raises ProgrammingError 42830 where the numbers of columns differ."""
    token = reader.peek()
    parent = read_relation_name(reader)
    following = reader.peek()
    listed = following is not None and following.is_symbol("(")
    parent_columns = tuple(column for column, _ in read_column_names(reader)) if listed else ()
    if listed and len(parent_columns) != len(columns):
        with reader.at(token):
            message = "number of referencing and referenced columns for foreign key disagree"
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_FOREIGN_KEY)
    match_full = _read_match(reader)
    on_delete, on_update, set_columns = _read_actions(reader)
    deferrable, deferred = read_timing(reader)
    return ForeignKey(
        name, columns, parent, parent_columns, on_delete, on_update, set_columns, match_full, deferrable, deferred
    )


def _read_match(reader: TokenReader) -> bool:
    if not reader.accept("match"):
        return False
    if reader.next_is("partial"):
        raise reader.not_supported("MATCH PARTIAL")
    if reader.accept("full"):
        return True
    reader.expect("simple")
    return False


def _read_actions(reader: TokenReader) -> tuple[ReferentialAction, ReferentialAction, tuple[str, ...]]:
    actions = {"delete": ReferentialAction.NO_ACTION, "update": ReferentialAction.NO_ACTION}
    set_columns: tuple[str, ...] = ()
    while reader.accept("on"):
        event = reader.accept_one_of("delete", "update")
        if event is None:
            raise reader.syntax_error(expected="DELETE or UPDATE")
        actions[event.value] = _read_action(reader)
        following = reader.peek()
        if following is not None and following.is_symbol("("):
            sets = actions[event.value] in (ReferentialAction.SET_NULL, ReferentialAction.SET_DEFAULT)
            if sets and event.value == "update":
                raise reader.not_supported("a list of columns behind ON UPDATE SET")
            if not sets:
                raise reader.syntax_error(hint="Columns can follow ON DELETE SET NULL and ON DELETE SET DEFAULT only.")
            set_columns = tuple(column for column, _ in read_column_names(reader))
    return actions["delete"], actions["update"], set_columns


def _read_action(reader: TokenReader) -> ReferentialAction:
    for action in ReferentialAction:
        if reader.accept(*action.value.lower().split()):
            return action
    raise reader.syntax_error(expected="NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT")


def read_timing(reader: TokenReader) -> tuple[bool, bool]:
    """Whether the constraint is deferrable, and whether it is deferred at first."""
    deferrable, deferred = None, None
    while True:
        if reader.accept("not", "deferrable"):
            deferrable = False
        elif reader.accept("deferrable"):
            deferrable = True
        elif reader.accept("initially", "immediate"):
            deferred = False
        elif deferrable is False and reader.next_is("initially", "deferred"):
            raise reader.syntax_error(hint="A constraint that is INITIALLY DEFERRED must be DEFERRABLE.")
        elif reader.accept("initially", "deferred"):
            deferred = True
        else:
            return bool(deferred if deferrable is None else deferrable), bool(deferred)
