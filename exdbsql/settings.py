"""What SET changes and SHOW shows of one session: few settings, each with a meaning that holds.

Names are PostgreSQL's where it has one (https://www.postgresql.org/docs/current/runtime-config-client.html). An unknown
name is an error, because a setting that is accepted and ignored is worse than none.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

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


@dataclass(frozen=True, slots=True)
class _Setting:
    default: str
    check: Callable[[str], str] | None
    """None: the setting can only be shown."""


_SETTINGS: dict[str, _Setting] = {
    "application_name": _Setting("", str),
    "default_transaction_isolation": _Setting(REPEATABLE_READ, check_isolation),
    "default_transaction_read_only": _Setting("off", _check_bool),
    "server_encoding": _Setting("UTF8", None),
    "server_version": _Setting(SERVER_VERSION, None),
    "timezone": _Setting("UTC", None),
}


@dataclass(slots=True)
class Settings:
    """The values of one session."""

    _values: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The value as text.

        Raises:
            ProgrammingError: no such setting (42704).
        """
        return self._values.get(name, _find(name).default)

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; None puts the default back.

        Raises:
            ProgrammingError: no such setting (42704), a value that it does not take (22023), one that cannot be changed
                (55000).
        """
        setting = _find(name)
        if setting.check is None:
            raise ProgrammingError(
                f'parameter "{name}" cannot be changed', sqlstate=states.OBJECT_NOT_IN_PREREQUISITE_STATE
            )
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = setting.check(value)

    def all(self) -> list[tuple[str, str]]:
        """Every setting with its value, by name."""
        return [(name, self.get(name)) for name in _SETTINGS]


def _find(name: str) -> _Setting:
    setting = _SETTINGS.get(name)
    if setting is None:
        close = difflib.get_close_matches(name, _SETTINGS, n=1)
        raise ProgrammingError(
            f'unrecognized configuration parameter "{name}"',
            sqlstate=states.UNDEFINED_OBJECT,
            hint=f'did you mean "{close[0]}"?' if close else f"known are {', '.join(_SETTINGS)}",
        )
    return setting
