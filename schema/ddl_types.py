"""CREATE TYPE ... AS ENUM, and ALTER TYPE. PostgreSQL's other kinds of types (composite, range, base) are refused by name."""

from exdbsql.schema.ddl_names import read_if_not_exists, read_relation_name
from exdbsql.schema.ddl_statements import AddLabel, AlterType, CreateType, RenameLabel, RenameType
from exdbsql.schema.enum_types import check_labels
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import TokenKind
from exdbsql.schema.type_rules import require_new_type
from exdbsql.schema.types import enum_type


def read_create_type(reader: TokenReader) -> CreateType:
    """What follows CREATE TYPE. Raises ProgrammingError 42710, 42602, 23505 with the place of a wrong name or label."""
    token = reader.peek()
    name = read_relation_name(reader)
    with reader.at(token):
        require_new_type(name)
    if not reader.next_is("as", "enum"):
        raise reader.not_supported("a type other than AS ENUM")
    reader.accept("as", "enum")
    reader.expect_symbol("(")
    labels: list[str] = []
    while not (not labels and reader.accept_symbol(")")):
        label = reader.peek()
        if label is None or label.kind is not TokenKind.STRING:
            raise reader.syntax_error(expected="a label in single quotes")
        with reader.at(label):
            check_labels([*labels, reader.take().value])
        labels.append(label.value)
        if not reader.accept_symbol(","):
            reader.expect_symbol(")")
            break
    return CreateType(enum_type(name, labels))


def read_alter_type(reader: TokenReader) -> AlterType:
    """What follows ALTER TYPE."""
    name = read_relation_name(reader)
    if reader.accept("add", "value"):
        if_not_exists = read_if_not_exists(reader)
        label = _read_label(reader)
        side = reader.accept_one_of("before", "after")
        neighbour = None if side is None else _read_label(reader)
        return AlterType(name, AddLabel(label, if_not_exists, neighbour, side is not None and side.value == "before"))
    if reader.accept("rename", "value"):
        label = _read_label(reader)
        reader.expect("to")
        return AlterType(name, RenameLabel(label, _read_label(reader)))
    if reader.accept("rename", "to"):
        return AlterType(name, RenameType(reader.name("a name of a type")))
    token = reader.peek()
    if token is None:
        raise reader.syntax_error(expected="ADD VALUE, RENAME VALUE or RENAME TO")
    raise reader.not_supported(f"ALTER TYPE ... {token.value.upper()}")


def _read_label(reader: TokenReader) -> str:
    token = reader.peek()
    if token is None or token.kind is not TokenKind.STRING:
        raise reader.syntax_error(expected="a label in single quotes")
    return reader.take().value
