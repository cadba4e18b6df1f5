"""Arithmetic with intervals: what PostgreSQL 15 answers, recorded with psql; then what is our own."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from exdbsql.schema import interval_arithmetic as arithmetic
from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import Interval
from exdbsql.schema.types import INTERVAL, TIME, TIMESTAMP

PRODUCTS = [
    ("1 year 2 mons 3 days 04:05:06.789", 2, "2 years 4 mons 6 days 08:10:13.578", "7 mons 1 day 14:02:33.3945"),
    ("1 year 2 mons 3 days 04:05:06.789", 0.5, "7 mons 1 day 14:02:33.3945", "2 years 4 mons 6 days 08:10:13.578"),
    (
        "1 year 2 mons 3 days 04:05:06.789",
        -1.5,
        "-1 years -9 mons -4 days -18:07:40.1835",
        "-9 mons -12 days -02:43:24.526",
    ),
    ("1 year 2 mons 3 days 04:05:06.789", 1000000000.0, "E22008", "00:00:00.000274"),
    ("1 mon -1 day", 2, "2 mons -2 days", "15 days -12:00:00"),
    ("1 mon -1 day", 0.5, "15 days -12:00:00", "2 mons -2 days"),
    ("1 mon -1 day", -1.5, "-1 mons -14 days +12:00:00", "-20 days +16:00:00"),
    ("1 mon -1 day", 1000000000.0, "83333333 years 4 mons -1000000000 days", "-00:00:00.000086"),
    ("45 days 30:00", 2, "90 days 60:00:00", "22 days 27:00:00"),
    ("45 days 30:00", 0.5, "22 days 27:00:00", "90 days 60:00:00"),
    ("45 days 30:00", -1.5, "-67 days -57:00:00", "-30 days -20:00:00"),
    ("45 days 30:00", 1000000000.0, "E22008", "00:00:00.003996"),
    ("-45 days +30:00", 2, "-90 days +60:00:00", "-22 days +03:00:00"),
    ("-45 days +30:00", 0.5, "-22 days +03:00:00", "-90 days +60:00:00"),
    ("-45 days +30:00", -1.5, "67 days -33:00:00", "30 days -20:00:00"),
    ("-45 days +30:00", 1000000000.0, "E22008", "-00:00:00.00378"),
    ("1 mon", 2, "2 mons", "15 days"),
    ("1 mon", 0.5, "15 days", "2 mons"),
    ("1 mon", -1.5, "-1 mons -15 days", "-20 days"),
    ("1 mon", 1000000000.0, "83333333 years 4 mons", "00:00:00"),
]
JUSTIFIED = [
    ("justify_hours", "1 mon", "1 mon"),
    ("justify_days", "1 mon", "1 mon"),
    ("justify_interval", "1 mon", "1 mon"),
    ("justify_hours", "1 year 2 mons 3 days 04:05:06.789", "1 year 2 mons 3 days 04:05:06.789"),
    ("justify_days", "1 year 2 mons 3 days 04:05:06.789", "1 year 2 mons 3 days 04:05:06.789"),
    ("justify_interval", "1 year 2 mons 3 days 04:05:06.789", "1 year 2 mons 3 days 04:05:06.789"),
    ("justify_hours", "1 mon -1 day", "1 mon -1 days"),
    ("justify_days", "1 mon -1 day", "29 days"),
    ("justify_interval", "1 mon -1 day", "29 days"),
    ("justify_hours", "45 days 30:00", "46 days 06:00:00"),
    ("justify_days", "45 days 30:00", "1 mon 15 days 30:00:00"),
    ("justify_interval", "45 days 30:00", "1 mon 16 days 06:00:00"),
    ("justify_hours", "-45 days +30:00", "-43 days -18:00:00"),
    ("justify_days", "-45 days +30:00", "-1 mons -15 days +30:00:00"),
    ("justify_interval", "-45 days +30:00", "-1 mons -13 days -18:00:00"),
    ("justify_hours", "-1 mon 45 days -10:00", "-1 mons +44 days 14:00:00"),
    ("justify_days", "-1 mon 45 days -10:00", "15 days -10:00:00"),
    ("justify_interval", "-1 mon 45 days -10:00", "14 days 14:00:00"),
    ("justify_hours", "1 mon 15 days 12:00", "1 mon 15 days 12:00:00"),
    ("justify_days", "1 mon 15 days 12:00", "1 mon 15 days 12:00:00"),
    ("justify_interval", "1 mon 15 days 12:00", "1 mon 15 days 12:00:00"),
]
MOMENTS = [
    ("2024-01-31 10:00:00", "1 mon", "2024-02-29 10:00:00", "2023-12-31 10:00:00"),
    ("2024-01-31 10:00:00", "1 year 2 mons 3 days 04:05:06.789", "2025-04-03 14:05:06.789", "2022-11-27 05:54:53.211"),
    ("2024-01-31 10:00:00", "1 mon -1 day", "2024-02-28 10:00:00", "2024-01-01 10:00:00"),
    ("2024-01-31 10:00:00", "45 days 30:00", "2024-03-17 16:00:00", "2023-12-16 04:00:00"),
    ("2024-01-31 10:00:00", "-45 days +30:00", "2023-12-18 16:00:00", "2024-03-15 04:00:00"),
    ("2024-01-31 10:00:00", "-1 mon 45 days -10:00", "2024-02-14 00:00:00", "2024-01-15 20:00:00"),
    ("2024-01-31 10:00:00", "1 mon 15 days 12:00", "2024-03-15 22:00:00", "2023-12-15 22:00:00"),
    ("2024-02-29 23:59:59.999999", "1 mon", "2024-03-29 23:59:59.999999", "2024-01-29 23:59:59.999999"),
    (
        "2024-02-29 23:59:59.999999",
        "1 year 2 mons 3 days 04:05:06.789",
        "2025-05-03 04:05:06.788999",
        "2022-12-26 19:54:53.210999",
    ),
    ("2024-02-29 23:59:59.999999", "1 mon -1 day", "2024-03-28 23:59:59.999999", "2024-01-30 23:59:59.999999"),
    ("2024-02-29 23:59:59.999999", "45 days 30:00", "2024-04-16 05:59:59.999999", "2024-01-14 17:59:59.999999"),
    ("2024-02-29 23:59:59.999999", "-45 days +30:00", "2024-01-17 05:59:59.999999", "2024-04-13 17:59:59.999999"),
    ("2024-02-29 23:59:59.999999", "-1 mon 45 days -10:00", "2024-03-14 13:59:59.999999", "2024-02-14 09:59:59.999999"),
    ("2024-02-29 23:59:59.999999", "1 mon 15 days 12:00", "2024-04-14 11:59:59.999999", "2024-01-14 11:59:59.999999"),
]
CLOCKS = [
    ("10:00:00", "1 year 2 mons 3 days 04:05:06.789", "14:05:06.789", "05:54:53.211"),
    ("10:00:00", "1 mon -1 day", "10:00:00", "10:00:00"),
    ("10:00:00", "45 days 30:00", "16:00:00", "04:00:00"),
    ("23:59:59.5", "1 year 2 mons 3 days 04:05:06.789", "04:05:06.289", "19:54:52.711"),
    ("23:59:59.5", "1 mon -1 day", "23:59:59.5", "23:59:59.5"),
    ("23:59:59.5", "45 days 30:00", "05:59:59.5", "17:59:59.5"),
]
DIFFERENCES = [
    ("2024-01-31 10:00:00", "2024-02-29 23:59:59.999999", "-29 days -13:59:59.999999", "-29 days -13:59:59.999999"),
    ("2024-01-31 10:00:00", "2000-02-28 01:00:00", "8738 days 09:00:00", "23 years 11 mons 3 days 09:00:00"),
    ("2024-01-31 10:00:00", "2024-03-30 00:00:00", "-58 days -14:00:00", "-1 mons -29 days -14:00:00"),
    ("2024-02-29 23:59:59.999999", "2024-01-31 10:00:00", "29 days 13:59:59.999999", "29 days 13:59:59.999999"),
    (
        "2024-02-29 23:59:59.999999",
        "2000-02-28 01:00:00",
        "8767 days 22:59:59.999999",
        "24 years 1 day 22:59:59.999999",
    ),
    ("2024-02-29 23:59:59.999999", "2024-03-30 00:00:00", "-29 days -00:00:00.000001", "-1 mons -00:00:00.000001"),
    ("2000-02-28 01:00:00", "2024-01-31 10:00:00", "-8738 days -09:00:00", "-23 years -11 mons -3 days -09:00:00"),
    (
        "2000-02-28 01:00:00",
        "2024-02-29 23:59:59.999999",
        "-8767 days -22:59:59.999999",
        "-24 years -1 days -22:59:59.999999",
    ),
    ("2000-02-28 01:00:00", "2024-03-30 00:00:00", "-8796 days -23:00:00", "-24 years -1 mons -1 days -23:00:00"),
    ("2024-03-30 00:00:00", "2024-01-31 10:00:00", "58 days 14:00:00", "1 mon 29 days 14:00:00"),
    ("2024-03-30 00:00:00", "2024-02-29 23:59:59.999999", "29 days 00:00:00.000001", "1 mon 00:00:00.000001"),
    ("2024-03-30 00:00:00", "2000-02-28 01:00:00", "8796 days 23:00:00", "24 years 1 mon 1 day 23:00:00"),
]
IN_ORDER = [
    "-45 days +30:00:00",
    "-1 mons",
    "00:00:00",
    "1 day 00:00:01",
    "-1 mons +45 days -10:00:00",
    "1 mon -1 days",
    "1 mon",
    "30 days",
    "1 mon 15 days 12:00:00",
    "45 days 30:00:00",
    "1 year 2 mons 3 days 04:05:06.789",
]


def outcome(convert: object) -> str:
    """The text of what the callable gives, or E and the code of its error."""
    try:
        return str(convert())  # type: ignore[operator]
    except DataError as problem:
        return f"E{problem.sqlstate}"


@pytest.mark.parametrize(("text", "number", "product", "quotient"), PRODUCTS)
def test_products_and_quotients(text: str, number: float, product: str, quotient: str) -> None:
    interval = INTERVAL.parse(text)
    assert outcome(lambda: interval * number) == product
    assert outcome(lambda: number * interval) == product
    assert outcome(lambda: interval / number) == quotient


@pytest.mark.parametrize(("function", "text", "justified"), JUSTIFIED)
def test_justifying(function: str, text: str, justified: str) -> None:
    assert str(getattr(arithmetic, function)(INTERVAL.parse(text))) == justified


@pytest.mark.parametrize(("moment", "text", "later", "earlier"), MOMENTS)
def test_moments_and_intervals(moment: str, text: str, later: str, earlier: str) -> None:
    start, interval = TIMESTAMP.parse(moment), INTERVAL.parse(text)
    assert TIMESTAMP.format(arithmetic.add_interval(start, interval)) == later
    assert TIMESTAMP.format(arithmetic.subtract_interval(start, interval)) == earlier
    zoned = arithmetic.add_interval(start.replace(tzinfo=UTC), interval)
    assert zoned == TIMESTAMP.parse(later).replace(tzinfo=UTC)


@pytest.mark.parametrize(("clock", "text", "later", "earlier"), CLOCKS)
def test_times_go_around_the_clock(clock: str, text: str, later: str, earlier: str) -> None:
    start, interval = TIME.parse(clock), INTERVAL.parse(text)
    assert TIME.format(arithmetic.add_interval_to_time(start, interval)) == later
    assert TIME.format(arithmetic.subtract_interval_from_time(start, interval)) == earlier


@pytest.mark.parametrize(("left", "right", "difference", "age"), DIFFERENCES)
def test_differences_of_moments(left: str, right: str, difference: str, age: str) -> None:
    a, b = TIMESTAMP.parse(left), TIMESTAMP.parse(right)
    assert str(arithmetic.moment_difference(a, b)) == difference
    assert str(arithmetic.age(a, b)) == age


def test_order_takes_a_month_for_30_days() -> None:
    given = list(map(INTERVAL.parse, IN_ORDER))
    assert [str(interval) for interval in sorted(given)] == IN_ORDER
    assert Interval(months=1) == Interval(days=30) != Interval(days=31)
    assert hash(Interval(months=1)) == hash(Interval(days=30))
    assert repr(Interval(1)) != repr(Interval(0, 30))


def test_sums_keep_the_fields_apart() -> None:
    total = Interval(1, -1, 5) + Interval(2, 3, -6) - Interval(0, 1)
    assert (total.months, total.days, total.microseconds) == (3, 1, -1)
    assert -Interval(1, 2, 3) == Interval(-1, -2, -3)
    assert Interval(days=1) + timedelta(hours=1) == timedelta(hours=1) + Interval(days=1)
    assert str(Interval(days=3) * Decimal("0.5")) == "1 day 12:00:00"


def test_timedeltas_convert_both_ways() -> None:
    span = timedelta(days=-3, hours=5, microseconds=7)
    stored = INTERVAL.coerce(span)
    assert (stored.months, stored.days, stored.microseconds) == (0, -3, 18_000_000_007)
    assert stored.as_timedelta() == span
    with pytest.raises(DataError, match="has months"):
        Interval(months=1).as_timedelta()


def test_bounds() -> None:
    for wrong in (lambda: Interval(1 << 31), lambda: Interval(0, 0, 1 << 63), lambda: Interval(days=-1) * 1e10):
        assert outcome(wrong) == "E22008"
    assert outcome(lambda: Interval(days=1) / 0) == "E22012"
    assert outcome(lambda: Interval(days=1) * float("nan")) == "E22008"
    assert outcome(lambda: arithmetic.add_interval(date(9999, 12, 31), Interval(days=1))) == "E22008"
    assert outcome(lambda: arithmetic.add_interval(datetime(1, 1, 31), Interval(months=-1))) == "E22008"


def test_what_is_no_interval_is_not_mixed_with_one() -> None:
    for mixed in (
        lambda: Interval() + 1,
        lambda: Interval() - "1",
        lambda: Interval() * "2",
        lambda: Interval() / True,
    ):
        with pytest.raises(TypeError):
            mixed()
    assert Interval() != 0
    assert not Interval()


def test_times_as_intervals() -> None:
    assert arithmetic.time_difference(time(1), time(2, 30)) == Interval(microseconds=-5_400_000_000)
    assert arithmetic.interval_to_time(Interval(5, 5, -1)) == time(23, 59, 59, 999_999)
    assert INTERVAL.coerce(time(1, 2, 3)) == INTERVAL.parse("01:02:03")
    assert arithmetic.add_interval(date(2024, 2, 29), Interval(months=12)) == datetime(2025, 2, 28)


@pytest.mark.parametrize(
    ("text", "read"), [("1day2hours", "1 day 02:00:00"), ("-.5 day", "-12:00:00"), ("+.5", "00:00:00.5")]
)
def test_spellings_that_only_we_read(text: str, read: str) -> None:
    assert str(INTERVAL.parse(text)) == read
