"""Tokens, statements of a text, and what a shell asks: strings, quoted names and comments must not fool them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.statements import StatementText, first_keywords, is_complete, split_statements
from exdbsql.schema.tokens import TokenKind, scan, tokenize

PIECES = [
    "a",
    ";",
    "'x;y'",
    "'it''s'",
    '"q;"',
    "$$;$$",
    "$t$ $$; $t$",
    "-- c;\n",
    "/* ; /* ; */ */",
    " ",
    "E'\\';'",
    "1.5",
    "(",
    ")",
]


def texts(sql: str) -> list[str]:
    return [statement.text for statement in split_statements(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" ;; -- nothing\n", []),
        ("a; b;", ["a", "b"]),
        ("select ';' ; select 2", ["select ';'", "select 2"]),
        ("select 'it''s;' ; b", ["select 'it''s;'", "b"]),
        ("select E'\\';' ; b", ["select E'\\';'", "b"]),
        ("select '\\'; b", ["select '\\'", "b"]),
        ('select ";" ; b', ['select ";"', "b"]),
        ("select $$;$$; b", ["select $$;$$", "b"]),
        ("select $a$;$$;$a$; b", ["select $a$;$$;$a$", "b"]),
        ("a -- ; '\n; b", ["a", "b"]),
        ("a /* ; /* ' ; */ ; */ ; b", ["a", "b"]),
        ("select a$1; b", ["select a$1", "b"]),
        ("select $1; b", ["select $1", "b"]),
    ],
)
def test_semicolons_end_statements_only_outside_strings_and_comments(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


def test_statements_know_where_they_begin() -> None:
    sql = "  a ;\n/* c */ b 'x' -- end\n"
    assert split_statements(sql) == [StatementText("a", 2), StatementText("b 'x'", sql.index("b"))]


@pytest.mark.parametrize(
    ("sql", "what", "position"),
    [
        ("a 'b", "quoted string", 2),
        ("a 'b''", "quoted string", 2),
        ("a E'b\\'", "quoted string", 2),
        ('a "b', "quoted identifier", 2),
        ("a $x$ b $$", "dollar-quoted string", 2),
        ("a /* b /* c */", "/* comment", 2),
    ],
)
def test_what_has_no_end_is_an_error_with_its_place_and_incomplete_for_a_shell(
    sql: str, what: str, position: int
) -> None:
    with pytest.raises(ProgrammingError, match="unterminated") as caught:
        split_statements(sql)
    assert what in caught.value.message
    assert (caught.value.sqlstate, caught.value.position, caught.value.statement) == ("42601", position, sql)
    assert not is_complete(sql + ";")


@pytest.mark.parametrize("sql", ["", "  ", "-- only a comment", "select 1;", "a; b; -- c", "a;\n/* c */"])
def test_complete_texts(sql: str) -> None:
    assert is_complete(sql)


@pytest.mark.parametrize("sql", ["select 1", "a; b", "select ';", "a; -- x\n b", "select 1 -- ;"])
def test_incomplete_texts(sql: str) -> None:
    assert not is_complete(sql)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1", ("SELECT",)),
        ("Create  /* x */ Local Table t", ("CREATE", "LOCAL")),
        ("-- hello\n((select distinct", ("SELECT", "DISTINCT")),
        ('"create" table', ()),
        ("'create'", ()),
        ("", ()),
        ("begin;", ("BEGIN",)),
    ],
)
def test_first_keywords(sql: str, words: tuple[str, ...]) -> None:
    assert first_keywords(sql) == words


def test_first_keywords_reads_no_further_than_it_must() -> None:
    assert first_keywords("insert into t values ('never closed") == ("INSERT", "INTO")


def test_tokens_carry_folded_words_and_contents() -> None:
    sql = """SELECT Ä "A""b" 'it''s' E'\\x41\\n\\'' $q$ ' $q$ 1.5e3 0x1F ? :name $1 x::int <> ||"""
    tokens = tokenize(sql)
    assert [token.value for token in tokens] == [
        "select", "Ä", 'A"b', "it's", "A\n'", " ' ", "1.5e3", "0x1F", "?", ":name", "$1", "x", "::", "int", "<>", "||",
    ]  # fmt: skip
    assert [token.kind for token in tokens[6:11]] == [TokenKind.NUMBER] * 2 + [TokenKind.PARAMETER] * 3
    assert all(sql[token.start : token.end].strip() == sql[token.start : token.end] for token in tokens)


@given(st.text(alphabet="ab;'\"$-/*\\E (1.:\n", max_size=40))
def test_scanning_never_fails_and_covers_the_text_in_order(sql: str) -> None:
    end = 0
    for token in scan(sql):
        assert end <= token.start < token.end <= len(sql)
        end = token.end


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_statements_are_the_text_between_the_semicolons(pieces: list[str]) -> None:
    sql = " ".join(pieces)
    split = split_statements(sql)
    assert all(sql[s.offset : s.offset + len(s.text)] == s.text for s in split)
    assert [t.value for s in split for t in tokenize(s.text)] == [
        t.value for t in tokenize(sql) if not t.is_symbol(";")
    ]
