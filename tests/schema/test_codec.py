"""Everything that a table can hold travels, and garbage is refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.schema.array import Array
from exdbsql.schema.codec import pack, pack_rows, unpack, unpack_rows
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import InternalError, ProtocolError
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.special_numbers import ordered_float, special

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 200), 1 << 200),
    st.floats().map(ordered_float),
    st.decimals().map(special),
    st.text(st.characters()),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.builds(Interval, *[st.integers(-(1 << 31), (1 << 31) - 1)] * 3),
    st.recursive(st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2), st.lists, max_leaves=4).map(
        Jsonb
    ),
    st.lists(st.none() | st.integers() | st.dates() | st.builds(Interval, st.integers(0, 9)), max_size=3).map(Array),
    st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=3).map(Array),
    st.builds(EnumValue, st.text(), st.integers(0, 5)),
)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same class, and for numerics of the same scale."""
    return type(a) is type(b) and a == b and str(a) == str(b)


@given(SCALARS)
def test_every_value_of_a_column_comes_back(value: Any) -> None:
    assert same(unpack(pack(value)), value)


@given(st.lists(st.lists(SCALARS, min_size=3, max_size=3).map(tuple), max_size=6))
def test_rows_come_back_as_tuples(rows: list[tuple[Any, ...]]) -> None:
    back = unpack_rows(pack_rows(rows))
    assert back == rows
    assert all(type(row) is tuple for row in back)
    assert unpack_rows(pack_rows(iter(rows))) == rows


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_nested_values_come_back(value: Any) -> None:
    assert unpack(pack(value)) == value


def test_lists_and_tuples_come_back_as_lists() -> None:
    assert unpack(pack((1, [2, (3,)]))) == [1, [2, [3]]]


def test_a_timedelta_comes_back_as_the_interval_that_it_means() -> None:
    assert unpack(pack(timedelta(days=-1, microseconds=5))) == Interval(days=-1, microseconds=5)


def test_text_that_utf_8_cannot_carry_travels() -> None:
    assert unpack(pack("a\ud800\x00b")) == "a\ud800\x00b"


def test_aware_moments_come_back_in_utc() -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    back = unpack(pack(moment))
    assert back == moment
    assert back.tzinfo is UTC


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), Decimal("1.500"), Decimal("-0.0")])
def test_special_decimals_keep_their_text(value: Decimal) -> None:
    assert str(unpack(pack(value))) == str(value)


def test_extension_numbers_are_fixed() -> None:
    """Nodes of different versions talk: a number once given never changes its meaning."""
    values = [
        Decimal(1),
        datetime.min.date(),
        datetime.min.time(),
        datetime.min,
        datetime.now(UTC),
        UUID(int=0),
        1 << 64,
        Interval(),
        Jsonb({}),
        Array([]),
        EnumValue("a", 0),
    ]
    assert [msgpack.unpackb(pack(value)).code for value in values] == list(range(1, 12))


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, 1 << 1_000_000], ids=type)
def test_what_is_no_sql_value_is_a_bug_of_the_caller(value: object) -> None:
    with pytest.raises(InternalError, match="cannot pack"):
        pack(value)


@given(st.binary(max_size=60))
def test_garbage_gives_a_value_or_a_protocol_error(data: bytes) -> None:
    for decode in (unpack, unpack_rows):
        try:
            decode(data)
        except ProtocolError as problem:
            assert problem.code == 904


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x02",  # trailing bytes
        b"\xdd\xff\xff\xff\xff",  # an array that claims 4 billion elements
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xffa",
        b"\x91" * 5_000 + b"\x01",  # nested too deep
        b"\x81\x90\x01",  # a list as a key
        msgpack.packb(msgpack.ExtType(99, b"")),
        msgpack.packb(msgpack.ExtType(1, b"abc")),
        msgpack.packb(msgpack.ExtType(2, b"\xff\xff\xff\xff")),
        msgpack.packb(msgpack.ExtType(3, b"\xff" * 8)),
        msgpack.packb(msgpack.ExtType(4, b"\x7f" * 8)),
        msgpack.packb(msgpack.ExtType(6, b"short")),
        msgpack.packb(msgpack.ExtType(7, bytes(70_000))),
        msgpack.packb(msgpack.ExtType(8, b"short")),
        msgpack.packb(msgpack.ExtType(9, b"{")),
        msgpack.packb(msgpack.ExtType(9, b"\xff")),
        msgpack.packb(msgpack.ExtType(10, b"\x01")),
        msgpack.packb(msgpack.ExtType(10, b"\x91\x91\x01")),  # a plain list among the elements
        msgpack.packb(msgpack.ExtType(10, pack([Array([1]), 2]))),  # of no shape
        msgpack.packb(msgpack.ExtType(11, b"\x92\x01\x02")),
        msgpack.packb(msgpack.ExtType(11, b"\x01")),
    ],
    ids=range(22),
)
def test_malformed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(data)


def test_bytes_beyond_the_bound_are_refused_before_anything_is_read() -> None:
    with pytest.raises(ProtocolError, match="longer than the 10 allowed"):
        unpack(b"\xc1" * 11, max_bytes=10)


def test_values_that_are_no_rows_are_refused() -> None:
    for value in (1, {"a": 1}, [1, 2]):
        with pytest.raises(ProtocolError, match="no rows"):
            unpack_rows(pack(value))
