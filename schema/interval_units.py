"""The units in the text of an interval, and the sums that its fields make.

Each unit counts months, days or microseconds. The fraction of a unit of months becomes days and their fraction time, a
month having 30 days for this; years and longer only give whole months (PostgreSQL's AdjustFract... in datetime.c).
"""

from typing import Final, NamedTuple

from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import DAYS_PER_MONTH, MICROSECONDS_PER_DAY, MONTHS_PER_YEAR, Interval


class FieldOverflow(Exception):
    """A field, or a sum of fields, that is out of range."""


class Unit(NamedTuple):
    """A unit of time; just one of the numbers is not 0."""

    name: str
    months: int = 0
    days: int = 0
    microseconds: int = 0


MICROSECOND: Final = Unit("microsecond", microseconds=1)
MILLISECOND: Final = Unit("millisecond", microseconds=1_000)
SECOND: Final = Unit("second", microseconds=1_000_000)
MINUTE: Final = Unit("minute", microseconds=60_000_000)
HOUR: Final = Unit("hour", microseconds=3_600_000_000)
DAY: Final = Unit("day", days=1)
WEEK: Final = Unit("week", days=7)
MONTH: Final = Unit("month", months=1)
YEAR: Final = Unit("year", months=MONTHS_PER_YEAR)
DECADE: Final = Unit("decade", months=10 * MONTHS_PER_YEAR)
CENTURY: Final = Unit("century", months=100 * MONTHS_PER_YEAR)
MILLENNIUM: Final = Unit("millennium", months=1_000 * MONTHS_PER_YEAR)

_NAMES: Final[dict[Unit, str]] = {
    MICROSECOND: "microsecon us usec usecs useconds",
    MILLISECOND: "millisecon ms msec msecs mseconds",
    SECOND: "s sec secs second seconds",
    MINUTE: "m min mins minute minutes",
    HOUR: "h hr hrs hour hours",
    DAY: "d day days",
    WEEK: "w week weeks",
    MONTH: "mon mons month months",
    YEAR: "y yr yrs year years",
    DECADE: "dec decs decade decades",
    CENTURY: "c cent century centuries",
    MILLENNIUM: "mil mils millennia millennium",
}
_UNIT_BY_NAME: Final = {name: unit for unit, names in _NAMES.items() for name in names.split()}
_SIGNIFICANT: Final = 10  # PostgreSQL compares no more characters of a word


def unit_named(word: str) -> Unit | None:
    """The unit that a word in lower case means."""
    return _UNIT_BY_NAME.get(word[:_SIGNIFICANT])


class Accumulator:
    """The sum of the fields of an interval."""

    def __init__(self) -> None:
        self._months = self._days = self._microseconds = 0

    def add(self, unit: Unit, whole: int, fraction: float) -> None:
        """Adds `whole` and `fraction` (of the same sign, below 1) of a unit."""
        self._months += whole * unit.months
        self._days += whole * unit.days
        self._microseconds += whole * unit.microseconds
        if not fraction:
            return
        if unit.microseconds:
            self._add_fraction(fraction, unit.microseconds)
        elif unit.days == 1:
            self._add_fraction(fraction, MICROSECONDS_PER_DAY)
        elif unit.days:
            self._add_days(fraction * unit.days)
        elif unit.months == 1:
            self._add_days(fraction * DAYS_PER_MONTH)
        else:
            self._months += round(fraction * unit.months)

    def add_months(self, months: int) -> None:
        """Adds whole months."""
        self._months += months

    def add_microseconds(self, microseconds: int) -> None:
        """Adds whole microseconds."""
        self._microseconds += microseconds

    def _add_days(self, days: float) -> None:
        self._days += int(days)
        self._add_fraction(days - int(days), MICROSECONDS_PER_DAY)

    def _add_fraction(self, fraction: float, microseconds: int) -> None:
        exact = fraction * microseconds
        whole = int(exact)
        rest = exact - whole
        self._microseconds += whole + (rest > 0.5) - (rest < -0.5)

    def interval(self) -> Interval:
        """The sum; FieldOverflow where a field fits no interval, DataError 22008 where only all the years together do not."""
        try:
            return Interval(self._months, self._days, self._microseconds)
        except DataError:
            if abs(self._months) >> 31 and not (abs(self._months) // MONTHS_PER_YEAR) >> 31:
                raise
            raise FieldOverflow from None
