"""Where the shell keeps its few files, after the XDG base directory specification.

``platformdirs`` gives the same answers as the specification on Linux, and the native ones elsewhere.
"""

from pathlib import Path

from platformdirs import user_config_path, user_state_path

from exdbsql.shell import settings

_APP = "exdbsql"


def history_file() -> Path:
    """``~/.local/state/exdbsql/history``, or below XDG_STATE_HOME."""
    return user_state_path(_APP, appauthor=False) / "history"


def config_file() -> Path:
    """``~/.config/exdbsql/shell.toml``, or below XDG_CONFIG_HOME."""
    return user_config_path(_APP, appauthor=False) / "shell.toml"


def write_config_template() -> None:
    """Make the commented configuration file where there is none; a read-only home is no reason to complain."""
    path = config_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(settings.template())
    except OSError:
        return
