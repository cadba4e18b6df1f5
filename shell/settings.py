"""What a user can set: one table that ``\\pset``, completion, the help and the configuration file are made from.

A setting is a name, a meaning, and the texts it takes. The configuration file
(``~/.config/exdbsql/shell.toml``, XDG) holds the same names; it is written, commented and with nothing set, at the
first interactive start, so that it documents itself. A wrong line there is reported and passed over: a shell that
refuses to start because of its colours helps nobody.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMATS = ("table", "vertical", "csv", "tsv", "json", "jsonl", "markdown")
HUMAN_FORMATS = frozenset({"table", "vertical"})


@dataclass
class Settings:
    """The values in force; the meaning of each is in :data:`SETTINGS`."""

    format: str = "table"
    expanded: str = "off"
    null: str = "<null>"
    timing: bool = False
    pager: bool = True
    footer: bool = True
    linestyle: str = "unicode"
    verbosity: str = "default"
    complete_while_typing: bool = True
    confirm: bool = True
    history_size: int = 10_000
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """One line of the table: `read` turns the user's text into the value, or raises ValueError."""

    name: str
    meaning: str
    read: Callable[[str], Any]
    choices: tuple[str, ...] = ()


def _switch(text: str) -> bool:
    known = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}
    if text.lower() not in known:
        raise ValueError("on or off")
    return known[text.lower()]


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(", ".join(choices[:-1]) + " or " + choices[-1])
        return text.lower()

    return read


def _size(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("a whole number from 0")
    return int(text)


def _choice(name: str, meaning: str, *choices: str) -> Setting:
    return Setting(name, meaning, _one_of(*choices), choices)


def _on_off(name: str, meaning: str) -> Setting:
    return Setting(name, meaning, _switch, ("on", "off"))


SETTINGS: tuple[Setting, ...] = (
    _choice("format", "how results are written", *FORMATS),
    _choice("expanded", "one line per column; auto: where a row is too wide", "on", "off", "auto"),
    Setting("null", "what stands for NULL in tables", str),
    _on_off("timing", "show how long each statement took"),
    _on_off("pager", "page results that do not fit the terminal"),
    _on_off("footer", "show the row count below a table"),
    _choice("linestyle", "lines of tables on a terminal", "unicode", "ascii"),
    _choice("verbosity", "how much of an error is shown", "terse", "default", "verbose"),
    _on_off("complete_while_typing", "offer completions without Tab"),
    _on_off("confirm", "ask before DROP, and before UPDATE and DELETE without WHERE"),
    Setting("history_size", "statements kept in the history", _size),
)
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


def shown(value: Any) -> str:
    """A setting's value as a user writes it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def change(settings: Settings, name: str, text: str) -> None:
    """Set `name` from the user's text.

    Raises:
        ValueError: unknown name, or a text the setting does not take; the message says what would be right.
    """
    setting = BY_NAME.get(name)
    if setting is None:
        raise ValueError(f'there is no setting "{name}"; there are: {", ".join(BY_NAME)}')
    try:
        setattr(settings, name, setting.read(text))
    except ValueError as wants:
        raise ValueError(f'{name} cannot be "{text}": it takes {wants}') from None


def load(settings: Settings, path: Path) -> list[str]:
    """Apply the configuration file at `path`; returns what was wrong in it, one sentence each."""
    try:
        conf = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return [f"{path}: {error}"]
    complaints = []
    for name, value in conf.items():
        try:
            change(settings, name, shown(value))
        except ValueError as error:
            complaints.append(f"{path}: {error}")
    return complaints


def template() -> str:
    """The text of a new configuration file: every setting, explained, commented out, with its default."""
    defaults = Settings()
    lines = [
        "# Settings of the exdbsql shell. Remove a leading # to change one; \\pset does the same for one session.",
        "",
    ]
    for setting in SETTINGS:
        value = getattr(defaults, setting.name)
        shape = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        taken = f" ({', '.join(setting.choices)})" if setting.choices and setting.choices != ("on", "off") else ""
        lines += [f"# {setting.meaning}{taken}", f"# {setting.name} = {shape}", ""]
    return "\n".join(lines)
