"""Expressions of CHECK and DEFAULT: their canonical text is stable, and names columns as the table does."""

import pytest

from exdbsql.schema.errors import Error
from exdbsql.schema.expressions import check_expression, default_expression, referenced_columns
from exdbsql.schema.types import BOOLEAN, INTEGER, NUMERIC, TEXT, TIMESTAMPTZ, SqlType


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((A > 0))", "a > 0"),
        ("t.a>0 and T.B<>'X''y' -- why", "a > 0 AND b <> 'X''y'"),
        ('"Q" is null or ("Q") like \'%a\'', '"Q" IS NULL OR ("Q") LIKE \'%a\''),
        ("a between 1 and 2", "a BETWEEN 1 AND 2"),
        ("a in (1, 2)", "a IN (1, 2)"),
        ("(a, b) = (1, 'x')", "(a, b) = (1, 'x')"),
        ("LENGTH (b) < 3", "length(b) < 3"),
        ("a :: BIGINT > 3", "a::bigint > 3"),
        ("not a = 1", "NOT a = 1"),
    ],
)
def test_checks_are_canonical_and_stable(text: str, canonical: str) -> None:
    columns = ("a", "b", "Q")
    assert check_expression(text, "t", columns) == canonical
    assert check_expression(canonical, "t", columns) == canonical


@pytest.mark.parametrize(
    ("text", "sql_type", "canonical"),
    [
        ("1", INTEGER, "1"),
        ("-1.5", NUMERIC, "-1.5"),
        ("'it''s'", TEXT, "'it''s'"),
        ("TRUE", BOOLEAN, "TRUE"),
        ("NULL", TEXT, None),
        ("(null)", TEXT, None),
        ("Now ( )", TIMESTAMPTZ, "now()"),
        ("1 + 2", INTEGER, "1 + 2"),
    ],
)
def test_defaults_are_canonical_and_stable(text: str, sql_type: SqlType, canonical: str | None) -> None:
    assert default_expression(text, sql_type) == canonical
    assert canonical is None or default_expression(canonical, sql_type) == canonical


@pytest.mark.parametrize(
    "text", ["a, b", "a b", "a as b", "*", "", "drop table t", "1; 2", "a >", "'x", "a) or (b", "count(*) over () > 1"]
)
def test_what_is_no_expression_is_refused_with_a_position(text: str) -> None:
    with pytest.raises(Error) as caught:
        check_expression(text, "t", ("a", "b"))
    assert caught.value.sqlstate[:2] == "42"
    assert caught.value.position is not None


def test_positions_are_right_on_later_lines() -> None:
    text = "a > 0\n  and b <\n  , 3"
    with pytest.raises(Error) as caught:
        check_expression(text, "t", ("a", "b"))
    assert text[caught.value.position or 0] in "<,"


def test_referenced_columns() -> None:
    assert referenced_columns('a > 0 AND ("Q" < a OR b IS NULL)') == ("a", "Q", "b")
    assert referenced_columns("1 < 2") == ()
