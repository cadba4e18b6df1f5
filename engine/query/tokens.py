"""Rewriting of the token stream, so that sqlglot's parser keeps apart what PostgreSQL keeps apart.

sqlglot translates between dialects, and on the way it changes some things for good: it has nodes of its own for hundreds of
functions (``to_char`` loses its format, ``a[1]`` becomes ``a[0]``), parses ``->`` more tightly than ``||``, takes ``interval '1
day'`` apart. What it does not know it leaves alone. So before it parses

- the name of a function of ours, before a parenthesis, gets a mark in front (`MARK`): a function that sqlglot does not know;
- an operator that PostgreSQL treats like ``||`` becomes ``& mark-operator &``: parsed at the right precedence, and put together
  again by the binder (`operator_name`);
- a subscript ``[i]``, ``[i:j]`` holds a call (`SUBSCRIPTS`);
- ``interval '...' [fields]`` becomes a call, ``interval fields`` where a type stands one name, a string with escapes a plain string.

`context.name_of` takes the mark off again wherever a name is a name.
"""

from collections.abc import Collection, Iterator
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from exdbsql.engine.query.escapes import decode_escapes
from exdbsql.schema.identifiers import RESERVED_WORDS

MARK: Final = "\ue000"
"""A private-use character; a name that begins with it is no user's."""

OPERATORS: Final[dict[TokenType, str]] = {
    TokenType.ARROW: "->",
    TokenType.DARROW: "->>",
    TokenType.HASH_ARROW: "#>",
    TokenType.DHASH_ARROW: "#>>",
    TokenType.HASH_DASH: "#-",
    TokenType.AT_GT: "@>",
    TokenType.LT_AT: "<@",
    TokenType.QMARK_PIPE: "?|",
    TokenType.QMARK_AMP: "?&",
    TokenType.AT_QMARK: "@?",
    TokenType.DAT: "@@",
    TokenType.DAMP: "&&",
    TokenType.CARET_AT: "^@",
}
SPECIAL_FORMS: Final = frozenset(
    [
        "interval",
        "row",
        "to_json",
        "to_jsonb",
        "row_to_json",
        "pg_typeof",
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "age",
        "make_interval",
        "date_trunc",
        "num_nulls",
        "num_nonnulls",
        "enum_first",
        "enum_last",
        "enum_range",
        "jsonb_to_recordset",
        "jsonb_to_record",
        "json_to_recordset",
        "json_to_record",
        "jsonb_populate_record",
        "jsonb_populate_recordset",
        "json_populate_record",
        "json_populate_recordset",
        "format_type",
        "pg_get_indexdef",
        "pg_get_constraintdef",
        "pg_get_viewdef",
        "obj_description",
        "col_description",
        "pg_get_serial_sequence",
        "to_regclass",
        "to_regtype",
    ]
)
"""Functions that the binder deals with one by one (`bind_special`)."""
SUBSCRIPT: Final = MARK + "subscript"
SLICE: Final = MARK + "slice"
LEFT_OUT: Final = MARK + "left_out"
INTERVAL: Final = MARK + "interval"
_FIELDS: Final = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_NOT_AN_OPERAND: Final = frozenset(
    {"placing", "both", "leading", "trailing", "zone", "to", "first", "next", "rows", "groups"}
)
_NOT_BEFORE_A_CALL: Final = frozenset({"into", "with", "recursive", "as", "table", "update", "join", "references"})


def rewritten(tokens: list[Token], text: str, functions: Collection[str], types: Collection[str] = ()) -> list[Token]:
    """The tokens with the rewritings above; `functions` are the names, in lower case, to be marked, `types` the enum types."""
    out: list[Token] = []
    brackets = _Brackets(text)
    skip = 0
    for i, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        kind = token.token_type
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if kind in OPERATORS:
            out += operator_tokens(OPERATORS[kind], token)
        elif kind == TokenType.PLACEHOLDER and _is_operator(out, following, text):
            out += operator_tokens("?", token)
        elif kind in (TokenType.L_BRACKET, TokenType.R_BRACKET):
            out += brackets.rewritten(token, out, tokens, i)
        elif kind == TokenType.COLON and brackets.takes_colon(out, tokens, i):
            out += brackets.colon(token, out)
        elif kind == TokenType.INTERVAL and following is not None and following.token_type == TokenType.STRING:
            made = list(_interval_tokens(tokens, i))
            skip = _fields_after(tokens, i + 2) + 1
            out += made
        elif kind == TokenType.INTERVAL and (width := _fields_after(tokens, i + 1)) and _is_type_next(out):
            out.append(_like(token, TokenType.VAR, MARK + _spelled(tokens[i : i + 1 + width])))
            skip = width
        elif (width := _typed_literal_width(tokens, i, out, types)) > 1:
            out += _typed_literal(tokens[i : i + width])
            skip = width - 1
        elif kind == TokenType.DASH and _is_scale(out, following):
            assert following is not None
            out.append(_like(following, TokenType.NUMBER, "-" + following.text))
            skip = 1
        elif kind == TokenType.BYTE_STRING:
            out.append(
                _like(token, TokenType.RAW_STRING, decode_escapes(text[token.start : token.end + 1], token.start, text))
            )
        elif following is not None and following.token_type == TokenType.L_PAREN and _is_call(token, out, functions):
            out.append(_like(token, TokenType.VAR, MARK + token.text.lower()))
        else:
            out.append(token)
        brackets.follow(token)
    return out


def _is_scale(before: list[Token], following: Token | None) -> bool:
    """Whether a minus stands before the scale of a type, ``::numeric(3, -2)``, where sqlglot wants a number."""
    words = [t.text.upper() for t in before[-5:]]
    if len(words) < 5 or following is None or following.token_type != TokenType.NUMBER:
        return False
    return words[0] in ("::", "AS") and words[1] in ("NUMERIC", "DECIMAL", "DEC") and (words[2], words[4]) == ("(", ",")


_OPERATOR_CALL: Final = ("operator", "(", "pg_catalog", ".")


def without_catalog_names(tokens: list[Token]) -> list[Token]:
    """The tokens without ``pg_catalog.`` before functions, types and collations, and ``OPERATOR(pg_catalog.~)`` as ``~``."""
    if not any(t.text.lower() == "pg_catalog" for t in tokens):
        return tokens
    out: list[Token] = []
    words = [t.text.lower() for t in tokens]
    i = 0
    while i < len(tokens):
        if tuple(words[i : i + 4]) == _OPERATOR_CALL and words[i + 5 : i + 6] == [")"]:
            out.append(tokens[i + 4])
            i += 6
        elif words[i] == "pg_catalog" and words[i + 1 : i + 2] == ["."] and _is_prefix(words, i):
            i += 2
        else:
            out.append(tokens[i])
            i += 1
    return out


def _is_prefix(words: list[str], i: int) -> bool:
    """Whether what follows ``pg_catalog.`` is a function, a type, or a collation."""
    before = words[i - 1] if i else ""
    return (
        words[i + 3 : i + 4] == ["("] or before in ("::", "collate") or (before == "as" and ")" in words[i + 3 : i + 4])
    )


def without_overriding(tokens: list[Token]) -> tuple[list[Token], str | None]:
    """The tokens without ``OVERRIDING SYSTEM VALUE``, which sqlglot does not know, and which of the two it was."""
    words = [t.text.lower() for t in tokens]
    for i in range(len(words) - 2):
        if words[i] == "overriding" and words[i + 1] in ("system", "user") and words[i + 2] == "value":
            if words[i - 1] in (".", "as", "select", ","):
                continue
            return tokens[:i] + tokens[i + 3 :], words[i + 1]
    return tokens, None


def operator_tokens(operator: str, token: Token) -> list[Token]:
    """The three tokens of an operator between two operands."""
    return [
        _like(token, TokenType.AMP, "&"),
        _like(token, TokenType.VAR, MARK + operator),
        _like(token, TokenType.AMP, "&"),
    ]


_STRINGS: Final = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING})
_TYPE_WORDS: Final = frozenset(
    ["bool", "boolean", "int2", "int4", "int8", "int", "integer", "smallint", "bigint", "numeric", "decimal", "real"]
    + ["float4", "float8", "text", "varchar", "bytea", "date", "time", "timestamp", "timestamptz", "uuid", "json"]
    + ["jsonb"]
)


def _typed_literal_width(tokens: list[Token], i: int, before: list[Token], types: Collection[str]) -> int:
    """How many tokens from `i` on are a typed literal: ``date '2024-01-01'``, ``mood 'ok'``, ``interval(3) '1 s'``; 0 where none begins here."""
    token = tokens[i]
    quoted = token.token_type == TokenType.IDENTIFIER
    if token.token_type in _STRINGS:
        return 0
    name = token.text if quoted else token.text.lower()
    is_rounded = token.token_type == TokenType.INTERVAL and [t.text for t in tokens[i + 1 : i + 4 : 2]] == ["(", ")"]
    if name not in types and (quoted or name not in _TYPE_WORDS) and not is_rounded:
        return 0
    if before and before[-1].text.upper() in _NOT_BEFORE_A_TYPED_LITERAL:
        return 0
    end = i + 4 if is_rounded else i + 1
    if name in ("time", "timestamp") and [t.text.upper() for t in tokens[end + 1 : end + 3]] == ["TIME", "ZONE"]:
        end += 3
    if end >= len(tokens) or tokens[end].token_type not in _STRINGS or (is_rounded and _fields_after(tokens, end + 1)):
        return 0  # fields have a precision of their own: INTERVAL '1' SECOND(2)
    return end - i + 1


_NOT_BEFORE_A_TYPED_LITERAL: Final = frozenset({"::", "AS", ".", "TYPE", "IS"})


def _typed_literal(tokens: list[Token]) -> list[Token]:
    """As a cast in parentheses, which binds closer than what follows it."""
    *name, string = tokens
    if string.token_type == TokenType.BYTE_STRING:
        string = _like(string, TokenType.RAW_STRING, string.text)
    if name[0].token_type == TokenType.INTERVAL:
        name[0] = _like(name[0], TokenType.VAR, INTERVAL)
    return [
        _like(name[0], TokenType.L_PAREN, "("),
        string,
        _like(name[0], TokenType.DCOLON, "::"),
        *name,
        _like(string, TokenType.R_PAREN, ")"),
    ]


def _like(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)


def _is_call(token: Token, before: list[Token], functions: Collection[str]) -> bool:
    name = token.text.lower()
    if name not in functions or token.token_type in (TokenType.IDENTIFIER, TokenType.STRING):
        return False
    return not before or before[-1].text.lower() not in _NOT_BEFORE_A_CALL


def is_operand_end(token: Token, text: str) -> bool:
    """Whether an operand may end with this token."""
    kind = token.token_type
    if kind in (TokenType.IDENTIFIER, TokenType.STRING, TokenType.RAW_STRING, TokenType.NUMBER):
        return True
    if kind in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.PLACEHOLDER):
        return True
    word = text[token.start : token.end + 1].lower()
    return (
        word[:1].isalpha() and word not in _NOT_AN_OPERAND and (word not in RESERVED_WORDS or word in ("end", "null"))
    )


def _is_operator(before: list[Token], following: Token | None, text: str) -> bool:
    """Whether ``?`` stands between two operands: then it asks a jsonb for a key, and is no placeholder."""
    if not before or following is None or not is_operand_end(before[-1], text):
        return False
    kind = following.token_type
    if kind in (TokenType.STRING, TokenType.IDENTIFIER, TokenType.L_PAREN, TokenType.PLACEHOLDER):
        return True
    return kind == TokenType.VAR and text[following.start : following.end + 1].lower() not in RESERVED_WORDS | {
        "rows",
        "preceding",
    }


class _Brackets:
    """Which of the open brackets are subscripts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[tuple[bool, int]] = []
        self.depth = 0

    def follow(self, token: Token) -> None:
        if token.token_type == TokenType.L_PAREN:
            self.depth += 1
        elif token.token_type == TokenType.R_PAREN:
            self.depth -= 1

    def rewritten(self, token: Token, out: list[Token], tokens: list[Token], i: int) -> list[Token]:
        if token.token_type == TokenType.R_BRACKET:
            return self._close(token, out)
        inside = self._is_subscript(out, tokens, i)
        self.open.append((inside, self.depth))
        if not inside:
            return [token]
        return [token, _like(token, TokenType.VAR, SUBSCRIPT), _like(token, TokenType.L_PAREN, "(")]

    def _is_subscript(self, out: list[Token], tokens: list[Token], i: int) -> bool:
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if not out or following is None or following.token_type == TokenType.R_BRACKET:
            return False
        before = out[-1]
        if before.token_type in (TokenType.STRING, TokenType.RAW_STRING, TokenType.ARRAY):
            return False
        if before.token_type == TokenType.R_BRACKET and not (self.last_was_subscript or self.last_was_array):
            return False
        if before.token_type == TokenType.NUMBER and (len(out) < 2 or out[-2].token_type != TokenType.PARAMETER):
            return False
        if following.token_type == TokenType.NUMBER and len(out) > 1 and out[-2].token_type == TokenType.DCOLON:
            return False
        return is_operand_end(before, self.text)

    last_was_subscript = False
    last_was_array = False

    def _close(self, token: Token, out: list[Token]) -> list[Token]:
        inside, _ = self.open.pop() if self.open else (False, 0)
        self.last_was_subscript = inside
        self.last_was_array = not inside and bool(out) and out[-1].token_type != TokenType.L_BRACKET
        if not inside:
            return [token]
        left_out = [_like(token, TokenType.VAR, LEFT_OUT)] if out[-1].token_type == TokenType.COMMA else []
        return [
            *left_out,
            _like(token, TokenType.R_PAREN, ")"),
            _like(token, TokenType.COMMA, ","),  # two expressions: sqlglot shifts no index then
            _like(token, TokenType.NULL, "NULL"),
            token,
        ]

    def takes_colon(self, out: list[Token], tokens: list[Token], i: int) -> bool:
        """Whether a colon divides the bounds of a slice."""
        if not self.open or not self.open[-1][0] or self.open[-1][1] != self.depth:
            return False
        following = tokens[i + 1]
        if out[-1].token_type == TokenType.L_PAREN and out[-2].text == SUBSCRIPT:
            named = following.start == tokens[i].end + 1 and following.token_type != TokenType.NUMBER
            return not (named and following.token_type not in (TokenType.R_BRACKET, TokenType.PARAMETER))
        return True

    def colon(self, token: Token, out: list[Token]) -> list[Token]:
        """The call becomes one of a slice; a bound that is left out is marked so."""
        start = max(j for j, t in enumerate(out) if t.text == SUBSCRIPT)
        out[start] = _like(out[start], TokenType.VAR, SLICE)
        left_out = out[-1].token_type == TokenType.L_PAREN and out[-2].text == SLICE
        return [*([_like(token, TokenType.VAR, LEFT_OUT)] if left_out else []), _like(token, TokenType.COMMA, ",")]


def _fields_after(tokens: list[Token], start: int) -> int:
    """How many tokens name the fields of an interval: ``DAY``, ``DAY TO SECOND``, ``SECOND(3)``."""
    words = ['"' if t.token_type == TokenType.IDENTIFIER else t.text.upper() for t in tokens[start : start + 6]]
    if not words or words[0] not in _FIELDS:
        return 0
    count = 3 if len(words) >= 3 and words[1] == "TO" and words[2] in _FIELDS else 1
    is_rounded = words[count - 1] == "SECOND" and [words[count : count + 1], words[count + 2 : count + 3]] == [
        ["("],
        [")"],
    ]
    return count + 3 if is_rounded else count


def _is_type_next(before: list[Token]) -> bool:
    """Whether a type follows: ``x::``, ``CAST(x AS``."""
    return bool(before) and before[-1].token_type in (TokenType.DCOLON, TokenType.ALIAS)


def _spelled(tokens: list[Token]) -> str:
    return " ".join(t.text.lower() for t in tokens)


def _interval_tokens(tokens: list[Token], i: int) -> Iterator[Token]:
    token, string = tokens[i], tokens[i + 1]
    count = _fields_after(tokens, i + 2)
    yield _like(token, TokenType.VAR, INTERVAL)
    yield _like(token, TokenType.L_PAREN, "(")
    yield string
    if count:
        yield _like(token, TokenType.COMMA, ",")
        yield _like(tokens[i + 2], TokenType.STRING, _spelled(tokens[i + 2 : i + 2 + count]))
    yield _like(string, TokenType.R_PAREN, ")")
