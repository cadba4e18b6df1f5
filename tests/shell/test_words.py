"""Words of unfinished SQL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.shell.words import inside_literal, variables_of, words


def texts(sql):
    return [(word.kind, word.text) for word in words(sql)]


def test_kinds():
    assert texts("SELECT 'a;''b', \"C d\", 1.5, :x::text -- end;") == [
        ("name", "SELECT"),
        ("string", "'a;''b'"),
        ("other", ","),
        ("quoted", '"C d"'),
        ("other", ","),
        ("number", "1.5"),
        ("other", ","),
        ("variable", ":x"),
        ("other", "::"),
        ("name", "text"),
    ]


def test_dollar_quotes_and_comments_hide_what_is_in_them():
    assert [w.text for w in words("$f$ a; $g$ $f$ /* x; */ b $$;$$")] == ["$f$ a; $g$ $f$", "b", "$$;$$"]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("select '", True),
        ("select 'a'", False),
        ("select 'a''", True),
        ("-- x", True),
        ("-- x\n", False),
        ("/* x", True),
        ("/* x */", False),
        ("$a$ x", True),
        ("$a$ x $a$", False),
        ("", False),
        ("/*/", True),
    ],
)
def test_inside_literal(text, inside):
    assert inside_literal(text) is inside


def test_variables():
    assert variables_of("SELECT :a, ':b', x::int, :c -- :d\n WHERE y = :a") == ["a", "c"]


@given(st.text(alphabet="ab '\"$;-/*\n:e\\0.", max_size=40))
def test_never_fails_and_loses_nothing(text):
    assert all(text[word.start : word.end] == word.text for word in words(text))
    inside_literal(text)
