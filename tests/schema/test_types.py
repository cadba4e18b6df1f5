"""Types as values, assignment from Python values, guards and compiled coercion of rows."""

import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.schema import types as t
from exdbsql.schema.array import Array
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DataError, Error, InternalError, ProgrammingError
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.types import SqlType

ALL_TYPES = [
    t.BOOLEAN, t.SMALLINT, t.INTEGER, t.BIGINT, t.NUMERIC, t.REAL, t.DOUBLE, t.TEXT, t.VARCHAR, t.BYTEA, t.DATE, t.TIME,
    t.TIMESTAMP, t.TIMESTAMPTZ, t.UUID, t.varchar(4), t.char(4), t.numeric(6, 2), SqlType("time without time zone", precision=2),
    SqlType("timestamp with time zone", precision=0), t.INTERVAL, SqlType("interval", precision=1), t.JSON, t.JSONB,
    t.array_of(t.INTEGER), t.array_of(t.TEXT), t.array_of(t.JSONB), t.enum_type("mood", ("sad", "ok")),
]  # fmt: skip
MOMENT = datetime(2024, 2, 29, 13, 14, 15, 678901)
CANDIDATES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-40_000, 40_000),
    st.floats(),
    st.decimals(),
    st.text(max_size=6),
    st.binary(max_size=6),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])),
    st.uuids(),
    st.timedeltas(),
    st.builds(Interval, st.integers(-30, 30), st.integers(-99, 99), st.integers(-(10**12), 10**12)),
    st.lists(st.none() | st.integers(0, 9) | st.text(max_size=2), max_size=3),
    st.lists(st.none() | st.integers(0, 9) | st.booleans(), max_size=3).map(Array),
    st.dictionaries(st.text(max_size=2), st.none() | st.integers(), max_size=2),
    st.integers().map(Jsonb),
    st.sampled_from(["sad", "{1,NULL}", '{"a": 1.50}', "1 mon 2 days", EnumValue("ok", 7)]),
)


def raised_state(sql_type: SqlType, value: object) -> str:
    """The SQLSTATE of the error that coercing the value raises."""
    with pytest.raises(Error) as caught:
        sql_type.coerce(value)
    return caught.value.sqlstate


def test_types_are_equal_by_name_and_parameters() -> None:
    assert SqlType("integer") == t.INTEGER
    assert hash(t.varchar(3)) == hash(t.varchar(3))
    assert t.varchar(3) != t.varchar(4)
    assert pickle.loads(pickle.dumps(t.numeric(5, 2))).coerce("1.005") == Decimal("1.01")


def test_an_unknown_name_is_a_bug() -> None:
    with pytest.raises(InternalError, match="no SQL type"):
        SqlType("integr")


@pytest.mark.parametrize("sql_type", ALL_TYPES, ids=str)
def test_null_passes(sql_type: SqlType) -> None:
    assert sql_type.coerce(None) is None


@pytest.mark.parametrize(
    ("sql_type", "given_value", "stored"),
    [
        (t.INTEGER, Decimal("2.5"), 3),
        (t.INTEGER, Decimal("-2.5"), -3),
        (t.INTEGER, 2.5, 2),
        (t.INTEGER, 3.5, 4),
        (t.INTEGER, "7", 7),
        (t.DOUBLE, 3, 3.0),
        (t.DOUBLE, Decimal("0.5"), 0.5),
        (t.NUMERIC, 0.1 + 0.2, Decimal("0.3")),
        (t.NUMERIC, 12, Decimal(12)),
        (t.numeric(6, 2), 3, Decimal("3.00")),
        (t.TEXT, 5, "5"),
        (t.TEXT, True, "true"),
        (t.TEXT, 1e15, "1e+15"),
        (t.TEXT, Decimal("1.50"), "1.50"),
        (t.TEXT, date(2024, 2, 29), "2024-02-29"),
        (t.TEXT, MOMENT, "2024-02-29 13:14:15.678901"),
        (t.varchar(3), "ab   ", "ab "),
        (t.char(3), "a", "a  "),
        (t.BYTEA, bytearray(b"ab"), b"ab"),
        (t.DATE, MOMENT, date(2024, 2, 29)),
        (t.TIME, MOMENT, time(13, 14, 15, 678901)),
        (t.TIMESTAMP, date(2024, 2, 29), datetime(2024, 2, 29)),
        (t.TIMESTAMP, MOMENT.replace(tzinfo=timezone(timedelta(hours=2))), MOMENT - timedelta(hours=2)),
        (t.TIMESTAMPTZ, MOMENT, MOMENT.replace(tzinfo=UTC)),
        (t.UUID, "A0EEBC999C0B4EF8BB6D6BB9BD380A11", UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ],
)
def test_assignment_converts_as_postgresql_does(sql_type: SqlType, given_value: object, stored: object) -> None:
    coerced = sql_type.coerce(given_value)
    assert coerced == stored
    assert type(coerced) is type(stored)


@pytest.mark.parametrize(
    ("sql_type", "value", "state"),
    [
        (t.SMALLINT, 40_000, "22003"),
        (t.INTEGER, 1 << 31, "22003"),
        (t.BIGINT, 1 << 63, "22003"),
        (t.BIGINT, Decimal("1e400"), "22003"),
        (t.INTEGER, float("nan"), "22003"),
        (t.REAL, 1e39, "22003"),
        (t.DOUBLE, 10**400, "22003"),
        (t.DOUBLE, Decimal("1e400"), "22003"),
        (t.numeric(4, 2), Decimal("99.995"), "22003"),
        (t.varchar(2), "abc", "22001"),
        (t.char(2), "abc", "22001"),
        (t.INTEGER, "x", "22P02"),
        (t.DATE, "1999-02-30", "22008"),
        (t.DATE, "soon", "22007"),
        (t.TIME, "24:00", "22008"),
        (t.INTEGER, True, "42804"),
        (t.NUMERIC, False, "42804"),
        (t.DOUBLE, True, "42804"),
        (t.BOOLEAN, 1, "42804"),
        (t.INTEGER, [1], "42804"),
        (t.TEXT, b"ab", "42804"),
        (t.BYTEA, 1, "42804"),
        (t.DATE, 1, "42804"),
        (t.TIMESTAMP, 1.5, "42804"),
        (t.UUID, 1, "42804"),
    ],
)
def test_what_does_not_fit_is_refused(sql_type: SqlType, value: object, state: str) -> None:
    assert raised_state(sql_type, value) == state


def test_errors_name_the_type() -> None:
    with pytest.raises(ProgrammingError, match=r"a Python bool \(boolean\) does not fit the type integer"):
        t.INTEGER.coerce(True)
    with pytest.raises(DataError, match=r"value too long for type character varying\(2\)"):
        t.varchar(2).coerce("abc")


def test_timestamptz_is_stored_in_utc_at_the_ends_of_the_calendar_too() -> None:
    assert raised_state(t.TIMESTAMPTZ, datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))) == "22008"
    assert t.TIMESTAMPTZ.coerce("0001-01-01 00:00:00+00").tzinfo is UTC


def test_a_subclass_is_stored_as_its_plain_class() -> None:
    class Flagged(str):
        __slots__ = ()

    assert type(t.TEXT.coerce(Flagged("a"))) is str
    assert type(t.varchar(3).coerce(Flagged("a"))) is str


def test_nan_is_one_object_so_that_python_finds_it() -> None:
    assert t.DOUBLE.coerce(float("nan")) is t.DOUBLE.coerce("NaN")
    assert t.NUMERIC.coerce(Decimal("sNaN")) is t.NUMERIC.coerce("nan")


@given(st.sampled_from(ALL_TYPES), CANDIDATES)
def test_the_stored_form_is_a_fixed_point_and_survives_text(sql_type: SqlType, value: Any) -> None:
    """What coerce gives, coerce keeps; what format writes, parse reads; nothing but our errors escapes."""
    try:
        stored = sql_type.coerce(value)
    except Error:
        return
    again = sql_type.coerce(stored)
    assert again == stored or again is stored
    if stored is not None:
        read = sql_type.parse(sql_type.format(stored))
        assert read == stored or read is stored


@given(st.sampled_from(ALL_TYPES), CANDIDATES)
def test_a_guard_holds_only_where_nothing_is_to_be_converted(sql_type: SqlType, value: Any) -> None:
    guard = sql_type.guard("v")
    if guard is None or not eval(guard, {**t.GUARD_NAMES, "v": value}):
        return
    coerced = sql_type.coerce(value)
    assert coerced == value
    assert type(coerced) is type(value) is sql_type.exact


def test_exact_and_guard_come_together() -> None:
    for sql_type in ALL_TYPES:
        assert (sql_type.exact is None) == (sql_type.guard("v") is None) or sql_type.name == "character"


def test_type_of_a_python_value() -> None:
    values = [True, 1, 1 << 40, 1 << 70, 1.5, Decimal(1), "a", b"a", MOMENT.date(), MOMENT, MOMENT.replace(tzinfo=UTC)]
    found = [
        t.BOOLEAN,
        t.INTEGER,
        t.BIGINT,
        t.NUMERIC,
        t.DOUBLE,
        t.NUMERIC,
        t.TEXT,
        t.BYTEA,
        t.DATE,
        t.TIMESTAMP,
        t.TIMESTAMPTZ,
    ]
    assert [t.type_of_value(value) for value in values] == found
    assert t.type_of_value(timedelta(1)) is t.type_of_value(Interval()) is t.INTERVAL
    assert t.type_of_value(Jsonb(1)) is t.JSONB
    assert t.type_of_value(None) is None
    assert t.type_of_value(object()) is None
