"""Literals are lifted exactly where they are plain ones."""

from decimal import Decimal

import pytest

from exdbsql.engine.query.lexical import lift_literals


def values(text: str) -> list[object]:
    return [literal.value for literal in lift_literals(text).literals]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1, 'a', 2.50, t1.a2", [1, "a", Decimal("2.50")]),
        ("SELECT 'it''s'", ["it's"]),
        ("SELECT .5, 1., 1e3", [Decimal("0.5"), Decimal(1), Decimal(1000)]),
        ("SELECT $1, ?, :a1", []),
        ("SELECT \"a 1 'x'\" FROM t WHERE a = 7", [7]),
        ("SELECT 1 -- 2 'x'\n, 3", [1, 3]),
        ("SELECT 1 /* 2 */ , 3", [1, 3]),
        ("SELECT E'a\\'1', 5", [5]),
        ("SELECT $$ 1 'x' $$, 2", [2]),
        ("SELECT $a$ 1 $$ $a$, 2", [2]),
        ("SELECT a1, a_2, 3", [3]),
        ("SELECT 9223372036854775807, 9223372036854775808", [9223372036854775807, Decimal(9223372036854775808)]),
        ("SELECT é1, 2", [2]),
    ],
)
def test_values(text: str, expected: list[object]) -> None:
    assert values(text) == expected


def test_offsets_point_at_the_literal() -> None:
    for text in ("SELECT 'x', 12", "SELECT \"q\", 'x', 12"):
        lifted = lift_literals(text)
        assert [text[lit.start] for lit in lifted.literals] == ["'", "1"]


def test_shapes_differ_where_types_do() -> None:
    one, two, long, text = (lift_literals(f"SELECT {x}") for x in ("1", "22", "3000000000", "'1'"))
    assert one.key == two.key
    assert len({one.key, long.key, text.key}) == 3
    assert lift_literals("SELECT 1, 2").key != lift_literals("SELECT 1 , 2").key


def test_nested_comments_are_left_alone() -> None:
    assert values("SELECT /* a /* 1 */ 2 */ 3") == []
