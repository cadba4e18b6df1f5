"""CREATE, ALTER and DROP SEQUENCE, and the options that identity columns share with them."""

from dataclasses import replace
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_names import read_if_exists, read_if_not_exists, read_relation_name
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.type_names import read_type


def read_sequence_name(reader: TokenReader, *, new: bool) -> tuple[str, bool]:
    """The name behind CREATE (`new`), ALTER or DROP SEQUENCE, and whether IF [NOT] EXISTS stood before it."""
    lenient = read_if_not_exists(reader) if new else read_if_exists(reader)
    return read_relation_name(reader), lenient


def read_sequence_options(
    reader: TokenReader, *, in_parentheses: bool = False, altering: bool = False
) -> SequenceOptions:
    """The options up to the first token that is none; with `in_parentheses` (identity columns) they may be missing."""
    options = SequenceOptions()
    if in_parentheses and not reader.accept_symbol("("):
        return options
    given: set[str] = set()
    while True:
        token = reader.peek()
        found = _read_option(reader, in_parentheses=in_parentheses, altering=altering)
        if found is None:
            break
        with reader.at(token):
            if found[0] in given:
                raise ProgrammingError("conflicting or redundant options", sqlstate=sqlstate.SYNTAX_ERROR)
        given.add(found[0])
        options = replace(options, **{found[0]: found[1]})
    if in_parentheses:
        reader.expect_symbol(")")
    return options


def _read_option(reader: TokenReader, *, in_parentheses: bool, altering: bool) -> tuple[str, Any] | None:
    if in_parentheses and reader.accept("sequence", "name"):
        return "name", read_relation_name(reader)
    if not in_parentheses and reader.accept("as"):
        return "type", read_type(reader)
    if reader.accept("no"):
        refused = reader.accept_one_of("minvalue", "maxvalue", "cycle")
        if refused is None:
            raise reader.syntax_error(expected="MINVALUE, MAXVALUE or CYCLE")
        return {"minvalue": ("minimum", "NO"), "maxvalue": ("maximum", "NO"), "cycle": ("cycle", False)}[refused.value]
    if reader.accept("cycle"):
        return "cycle", True
    if reader.accept("owned", "by"):
        return "owned_by", _read_owner(reader)
    if altering and reader.accept("restart"):
        with_number = reader.accept("with") or reader.next_is_number()
        return "restart", reader.integer("a number") if with_number else True
    for word, option, filler in (
        ("increment", "increment", "by"),
        ("start", "start", "with"),
        ("minvalue", "minimum", None),
        ("maxvalue", "maximum", None),
        ("cache", "cache", None),
    ):
        if reader.accept(word):
            if filler is not None:
                reader.accept(filler)
            return option, reader.integer("a number")
    return None


def _read_owner(reader: TokenReader) -> tuple[str, ...]:
    if reader.accept("none"):
        return ()
    names = [reader.name("a table")]
    while reader.accept_symbol("."):
        names.append(reader.name("a column"))
    if len(names) == 3 and names[0] == "public":
        names = names[1:]
    if len(names) != 2:
        raise reader.syntax_error(hint="An owner is a column: OWNED BY table.column, or OWNED BY NONE.")
    return tuple(names)
