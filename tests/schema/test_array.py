"""Arrays: sequences that cannot change, shapes, equality and order as PostgreSQL's."""

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.schema import types as t
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, Error, NotSupportedError, ProgrammingError
from exdbsql.schema.types import array_of

INTS = array_of(t.INTEGER)
TEXTS = array_of(t.TEXT)
# As PostgreSQL 15 orders them.
IN_ORDER = ["{}", "{-1,5,6}", "{1}", "{1,2}", "{{1,2}}", "{{1},{2}}", "{1,NULL}", "{2}", "{NULL}"]


def test_an_array_reads_like_a_tuple() -> None:
    value = INTS.coerce([1, None, 3])
    assert (value[0], value[-1], len(value), list(value)) == (1, 3, 3, [1, None, 3])
    assert value[1:] == Array([None, 3])
    assert None in value
    assert value.index(3) == 2
    assert value == [1, None, 3] == value
    assert value == (1, None, 3)
    assert value != "x"
    assert repr(value) == "Array([1, None, 3])"
    with pytest.raises(TypeError):
        value[0] = 5


def test_rows_with_arrays_are_hashable() -> None:
    assert {(1, INTS.coerce([1, 2]))} == {(1, INTS.parse("{1,2}"))}
    assert hash(INTS.parse("{{1},{2}}")) == hash(INTS.coerce([[1], (2,)]))


def test_order_is_that_of_postgresql() -> None:
    assert [INTS.format(value) for value in sorted(map(INTS.parse, reversed(IN_ORDER)))] == IN_ORDER
    floats = array_of(t.DOUBLE)
    assert sorted([floats.parse("{NaN}"), floats.parse("{NULL}"), floats.parse("{1e300}")]) == [
        floats.parse("{1e300}"),
        floats.parse("{NaN}"),
        floats.parse("{NULL}"),
    ]


def test_elements_are_converted_one_by_one() -> None:
    assert INTS.coerce(["1", Decimal("2.5")]) == [1, 3]
    assert array_of(t.varchar(2)).coerce(["ab ", "c"]) == ["ab", "c"]
    for value, error in (
        [[1, "x"], DataError],
        [[True], ProgrammingError],
        [5, ProgrammingError],
        [{1}, ProgrammingError],
    ):
        with pytest.raises(error):
            INTS.coerce(value)
    assert INTS.coerce(None) is None


def test_shapes() -> None:
    cube = INTS.coerce([[[1], [2]], [[3], [None]]])
    assert cube.dimensions == (2, 2, 1)
    assert list(cube.flat()) == [1, 2, 3, None]
    assert INTS.coerce([[], []]) == INTS.parse("{}")
    assert Array().dimensions == ()
    for ragged in ([[1], [2, 3]], [[1], 2], [[1], None]):
        with pytest.raises(DataError) as caught:
            INTS.coerce(ragged)
        assert caught.value.sqlstate == "2202E"
    deep: Any = 1
    for _ in range(7):
        deep = [deep]
    with pytest.raises(DataError, match="exceeds the maximum allowed"):
        INTS.coerce(deep)


def test_lower_bounds_are_refused_where_they_mean_something() -> None:
    assert INTS.parse("[1:2]={1,2}") == [1, 2]
    with pytest.raises(NotSupportedError, match="lower bound"):
        INTS.parse("[0:1]={1,2}")


@given(st.lists(st.none() | st.text(), max_size=5))
def test_any_text_survives_in_an_array(elements: list[str | None]) -> None:
    value = TEXTS.coerce(elements)
    assert TEXTS.parse(TEXTS.format(value)) == value == elements
    assert pickle.loads(pickle.dumps(value)) == value


@given(st.text('{}[]",\\ nulabc1:=\n', max_size=12))
def test_any_literal_reads_or_is_refused(text: str) -> None:
    for sql_type in (TEXTS, INTS, array_of(t.JSONB)):
        try:
            value = sql_type.parse(text)
        except Error:
            continue
        assert sql_type.parse(sql_type.format(value)) == value


def test_types_of_arrays() -> None:
    assert (INTS.name, str(INTS), INTS.element) == ("integer[]", "integer[]", t.INTEGER)
    assert array_of(INTS) == INTS
    assert str(array_of(t.numeric(5, 2))) == "numeric(5,2)[]"
    assert array_of(t.varchar(3)).unconstrained == array_of(t.VARCHAR)
    assert pickle.loads(pickle.dumps(INTS)) == INTS
    assert INTS.is_array
    assert not INTS.is_numeric


def test_types_of_python_sequences() -> None:
    for value, expected in [
        ([1, 2], INTS),
        ((1, 1 << 40), array_of(t.BIGINT)),
        ([1, Decimal(2)], array_of(t.NUMERIC)),
        ([["a"], ["b"]], TEXTS),
        (Array([None, True]), array_of(t.BOOLEAN)),
        ([], None),
        ([1, "a"], None),
        ([object()], None),
    ]:
        assert t.type_of_value(value) == expected


def test_as_text() -> None:
    assert t.TEXT.coerce(Array([True, None, b"a", "x y", Array()][:4])) == '{t,NULL,"\\\\x61","x y"}'
