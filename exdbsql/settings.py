"""What SET changes and SHOW shows of one session: few settings, each with a meaning that holds.

Names are PostgreSQL's where it has one (https://www.postgresql.org/docs/current/runtime-config-client.html). An unknown
name is an error, because a setting that is accepted and ignored is worse than none.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from exdbsql.control import READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import ProgrammingError

SERVER_VERSION = version("exdbsql")


def check_isolation(level: str) -> str:
    """A level that this version keeps.

    Raises:
        ProgrammingError: no isolation level (22023).
    """
    if level not in (READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE):
        raise _bad_value("transaction_isolation", level, f"{READ_COMMITTED}, {REPEATABLE_READ}, {SERIALIZABLE}")
    return level


def _bad_value(name: str, value: str, right: str) -> ProgrammingError:
    return ProgrammingError(
        f'invalid value for parameter "{name}": "{value}"', sqlstate=states.INVALID_PARAMETER_VALUE, hint=right
    )


def _check_bool(value: str) -> str:
    word = value.lower()
    if word in ("on", "true", "yes", "1"):
        return "on"
    if word in ("off", "false", "no", "0"):
        return "off"
    raise _bad_value("transaction_read_only", value, "on or off")


def _check_time_zone(value: str) -> str:
    if value.upper() not in ("UTC", "GMT", "ETC/UTC"):
        raise _bad_value("timezone", value, "the session's time zone is UTC; AT TIME ZONE converts")
    return "UTC"


def _quantity(name: str, value: str, units: dict[str, float]) -> int:
    """A number with a unit, in the setting's own unit; the first of `units` is that.

    Raises:
        ProgrammingError: 22023.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    factor = None if match is None else units.get(match[2] or next(iter(units)))
    number = -1 if match is None or factor is None else round(float(match[1]) * factor)
    if not 0 <= number < 2**31:
        raise _bad_value(name, value, f"a number up to {2**31 - 1}, or one with a unit: {', '.join(units)}")
    return number


def _quantity_text(number: int, units: dict[str, float]) -> str:
    """In the largest unit that it is a whole number of, as PostgreSQL shows it."""
    for unit, factor in sorted(units.items(), key=lambda item: -item[1]):
        if number and number % factor == 0:
            return f"{round(number / factor)}{unit}"
    return str(number)


def _one_of(name: str, *words: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value.lower() not in words:
            raise _bad_value(name, value, " or ".join(words))
        return value.lower()

    return check


_TIMES = {"ms": 1.0, "s": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_SIZES = {"kB": 1.0, "MB": 1024.0, "GB": 1024.0**2, "TB": 1024.0**3}


def milliseconds(value: str) -> int:
    """What `statement_timeout` says; 0 for no limit."""
    return _quantity("statement_timeout", value, _TIMES)


def kilobytes(value: str) -> int:
    """What `work_mem` says; 0 for no limit."""
    return _quantity("work_mem", value, _SIZES)


@dataclass(frozen=True, slots=True)
class _Setting:
    default: str
    check: Callable[[str], str] | None
    """None: the setting can only be shown."""


_SETTINGS: dict[str, _Setting] = {
    "application_name": _Setting("", str),
    "default_transaction_isolation": _Setting(REPEATABLE_READ, check_isolation),
    "default_transaction_read_only": _Setting("off", _check_bool),
    "read_consistency": _Setting("local", _one_of("read_consistency", "local", "linearizable")),
    "server_encoding": _Setting("UTF8", None),
    "server_version": _Setting(SERVER_VERSION, None),
    "statement_timeout": _Setting("0", lambda value: _quantity_text(milliseconds(value), _TIMES)),
    "synchronous_commit": _Setting("quorum", _one_of("synchronous_commit", "quorum", "all")),
    "timezone": _Setting("UTC", _check_time_zone),
    "work_mem": _Setting("0", lambda value: _quantity_text(kilobytes(value), _SIZES)),
}


@dataclass(frozen=True, slots=True)
class Values:
    """What was set, for the session and for its transaction (SET LOCAL); as they were at a moment, too."""

    session: Mapping[str, str]
    local: Mapping[str, str]


_NOTHING_SET: Final = Values({}, {})


class Settings:
    """The values of one session; what a transaction has set is undone with it.

    Attributes:
        values: what is set now.
        before: what was set before the transaction set something; None where it did not.
        changed: called after every change.
    """

    __slots__ = ("before", "changed", "values")

    def __init__(self) -> None:
        self.values = _NOTHING_SET
        self.before: Values | None = None
        self.changed: Callable[[], None] = lambda: None

    def get(self, name: str) -> str:
        """The value as text.

        Raises:
            ProgrammingError: no such setting (42704).
        """
        default = _find(name).default
        return self.values.local.get(name) or self.values.session.get(name, default)

    def set(self, name: str, value: str | None, *, local: bool = False, in_transaction: bool = False) -> None:
        """Change a setting; None puts the default back.

        Args:
            name: which.
            value: as text.
            local: until the end of the transaction.
            in_transaction: there is one, which may be rolled back.

        Raises:
            ProgrammingError: no such setting (42704), a value that it does not take (22023), one that cannot be changed
                (55000).
        """
        setting = _find(name)
        if setting.check is None:
            raise ProgrammingError(
                f'parameter "{name}" cannot be changed', sqlstate=states.OBJECT_NOT_IN_PREREQUISITE_STATE
            )
        new = None if value is None else setting.check(value)
        if local:
            made = Values(self.values.session, _with(self.values.local, name, setting.default if new is None else new))
        else:
            made = Values(_with(self.values.session, name, new), _with(self.values.local, name, None))
        self._replace(made, in_transaction)

    def reset_all(self, *, in_transaction: bool = False) -> None:
        """Every setting has its default."""
        self._replace(_NOTHING_SET, in_transaction)

    def _replace(self, made: Values, in_transaction: bool) -> None:
        if in_transaction and self.before is None:
            self.before = self.values
        self.go_back(made)

    def go_back(self, values: Values) -> None:
        """What is set is what was set once."""
        if values is not self.values:
            self.values = values
            self.changed()

    def end_transaction(self, *, undo: bool) -> None:
        """The transaction is over: SET LOCAL ends, and where it is undone so is SET."""
        before, self.before = self.before, None
        if before is not None:
            self.go_back(before if undo else Values(self.values.session, {}))

    def all(self) -> list[tuple[str, str]]:
        """Every setting with its value, by name."""
        return [(name, self.get(name)) for name in _SETTINGS]


def _with(values: Mapping[str, str], name: str, value: str | None) -> Mapping[str, str]:
    rest = {known: text for known, text in values.items() if known != name}
    return rest if value is None else {**rest, name: value}


def _find(name: str) -> _Setting:
    setting = _SETTINGS.get(name)
    if setting is None:
        close = difflib.get_close_matches(name, _SETTINGS, n=1)
        raise ProgrammingError(
            f'unrecognized configuration parameter "{name}"',
            sqlstate=states.UNDEFINED_OBJECT,
            hint=f'did you mean "{close[0]}"?' if close else f"settings are {', '.join(_SETTINGS)}",
        )
    return setting
