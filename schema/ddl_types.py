"""CREATE TYPE ... AS ENUM. PostgreSQL's other kinds of types (composite, range, base) and ALTER TYPE are refused by name."""

from exdbsql.schema.ddl_names import read_relation_name
from exdbsql.schema.ddl_statements import CreateType
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
