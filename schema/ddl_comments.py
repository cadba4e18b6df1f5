"""COMMENT ON TABLE, COLUMN, CONSTRAINT, INDEX, SEQUENCE, TYPE, VIEW ... IS 'text' or NULL."""

from exdbsql.schema.ddl_names import read_relation_name
from exdbsql.schema.ddl_statements import CommentOn
from exdbsql.schema.table import CommentKey
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import TokenKind

_WHOLE = ("table", "index", "sequence", "type", "view")


def read_comment(reader: TokenReader) -> CommentOn:
    """What follows COMMENT."""
    reader.expect("on")
    if whole := reader.accept_one_of(*_WHOLE):
        key = CommentKey(whole.value.upper(), read_relation_name(reader))
    elif reader.accept("column"):
        key = _read_column(reader)
    elif reader.accept("constraint"):
        name = reader.name("a name of a constraint")
        reader.expect("on")
        key = CommentKey("CONSTRAINT", read_relation_name(reader), name)
    else:
        token = reader.peek()
        raise reader.not_supported(f"COMMENT ON {token.value.upper()}" if token else "COMMENT ON")
    reader.expect("is")
    if reader.accept("null"):
        return CommentOn(key, None)
    token = reader.peek()
    if token is None or token.kind is not TokenKind.STRING:
        raise reader.syntax_error(expected="a text in single quotes, or NULL")
    return CommentOn(key, reader.take().value or None)


def _read_column(reader: TokenReader) -> CommentKey:
    names = [reader.name("a table")]
    while reader.accept_symbol("."):
        names.append(reader.name("a column"))
    if len(names) == 3 and names[0] == "public":
        names = names[1:]
    if len(names) != 2:
        raise reader.syntax_error(hint="A column is named as table.column here.")
    return CommentKey("COLUMN", *names)
