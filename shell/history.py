"""The history file: ``~/.local/state/exdbsql/history`` (XDG), readable by its owner only.

Statements that carry a password are never written. The file is cut to the size that is set when the shell starts.
"""

import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from prompt_toolkit.history import FileHistory

_SECRET = re.compile(r"\bpassword\b|\b\w+://[^/\s@]*:[^/\s@]*@", re.IGNORECASE)


def holds_secret(text: str) -> bool:
    """Whether `text` has a password in it, as far as its words tell."""
    return _SECRET.search(text) is not None


class ShellHistory(FileHistory):
    """Statements, kept across shells; several shells may add to the file at once."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(str(path))
        self._path = path
        self._prepare(size)

    def store_string(self, string: str) -> None:
        """Append an entry, unless it is secret; a full disk does not stop the shell."""
        if holds_secret(string):
            return
        try:
            super().store_string(string)
        except OSError:
            return

    def append_string(self, string: str) -> None:
        """Remember an entry, unless it repeats the last one."""
        known = self.get_strings()
        if not known or known[-1] != string:
            super().append_string(string)

    def _prepare(self, size: int) -> None:
        """Make the file with narrow rights, and cut what is too old."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        newest_first = list(super().load_history_strings())
        if len(newest_first) > size:
            kept = list(islice(newest_first, size))
            self._rewrite(reversed(kept))

    def _rewrite(self, entries: Iterable[str]) -> None:
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            for entry in entries:
                file.write("\n" + "".join(f"+{line}\n" for line in entry.split("\n")))
        fresh.replace(self._path)
