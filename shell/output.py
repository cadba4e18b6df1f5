"""Where results go: the terminal, a pager, a file, a pipe.

People get colours, box lines and a pager for what does not fit the screen; everybody else gets plain text. The decision
is made here once, by asking whether the stream is a terminal.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TextIO

from prompt_toolkit.utils import get_cwidth

from exdbsql.shell.settings import Settings
from exdbsql.shell.tables import Look, bare

_DEFAULT_PAGER = "less"
_LESS_FLAGS = "-SRFX"


class Output:
    """Standard output and standard error of the shell, and the file of ``\\o``.

    Args:
        out, err: the streams; what is written is text without decoration unless `out` is a terminal.
        people: whether somebody reads at a terminal; None asks the stream.
        paging: whether the input comes from a person too, so that a pager can be operated.
    """

    def __init__(self, out: TextIO, err: TextIO, *, people: bool | None = None, paging: bool = False) -> None:
        self._out = out
        self._err = err
        self._file: TextIO | None = None
        self._people = out.isatty() if people is None else people
        self._paging = paging

    @property
    def for_people(self) -> bool:
        """Whether what is written now is read at a terminal."""
        return self._people and self._file is None

    @property
    def file_name(self) -> str | None:
        """The file of ``\\o``, or None."""
        return None if self._file is None else self._file.name

    def look(self, settings: Settings) -> Look:
        """How tables are drawn on this output."""
        people = self.for_people
        return Look(
            null=settings.null,
            unicode=people and settings.linestyle == "unicode" and _takes_box_lines(self._out),
            colour=people and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb",
            footer=settings.footer,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return shutil.get_terminal_size().columns

    def show(self, lines: Iterable[str], settings: Settings) -> None:
        """Write a result, through the pager where it does not fit the screen."""
        if not (self.for_people and self._paging and settings.pager):
            self._write_lines(lines)
            return
        size = shutil.get_terminal_size()
        rest = iter(lines)
        first = list(islice(rest, size.lines - 1))
        overflow = list(islice(rest, 1))
        everything = chain(first, overflow, rest)
        if overflow or any(get_cwidth(bare(line)) > size.columns for line in first):
            self._page(everything)
        else:
            self._write_lines(everything)

    def line(self, text: str = "") -> None:
        """Write a line where results go."""
        self._write_lines([text])

    def write(self, text: str) -> None:
        """Write text where results go, as it is."""
        stream = self._file or self._out
        stream.write(text)
        stream.flush()

    def say(self, text: str) -> None:
        """Write a line to the user at standard output, whatever ``\\o`` says."""
        print(text, file=self._out, flush=True)

    def complain(self, text: str) -> None:
        """Write a line to standard error, after what was already written."""
        self._out.flush()
        print(text, file=self._err, flush=True)

    def redirect(self, path: str | None) -> None:
        """Send results to the file `path`, or back to standard output.

        Raises:
            OSError: the file cannot be written.
        """
        new = None if path is None else open(os.path.expanduser(path), "w", encoding="utf-8")  # noqa: SIM115
        if self._file is not None:
            self._file.close()
        self._file = new

    def close(self) -> None:
        """Close the file of ``\\o``."""
        self.redirect(None)

    def _write_lines(self, lines: Iterable[str]) -> None:
        stream = self._file or self._out
        for line in lines:
            stream.write(line + "\n")
        stream.flush()

    def _page(self, lines: Iterator[str]) -> None:
        command = os.environ.get("EXDBSQL_PAGER") or os.environ.get("PAGER") or _DEFAULT_PAGER
        env = {"LESS": _LESS_FLAGS, **os.environ}
        try:
            pager = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, text=True, encoding="utf-8", env=env)
        except (OSError, ValueError):
            self._write_lines(lines)
            return
        assert pager.stdin is not None
        with contextlib.suppress(BrokenPipeError), pager.stdin as stream:  # the user may leave before the end
            stream.writelines(line + "\n" for line in lines)
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C in the pager is the pager's
                pager.wait()
                return


def _takes_box_lines(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")
