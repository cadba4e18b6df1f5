"""A pseudo-terminal with a program in it: type, and wait for what appears.

Only what the standard library has. The escape sequences of the screen are stripped, so what is looked for must be
written in one go; that holds for results, prompts and messages, not for the line that is being edited.
"""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-Za-z]?|[\x07\x08\r]")
_PATIENCE_SECONDS = 60.0


class Terminal:
    """A program on a terminal of its own, `columns` wide and `lines` high."""

    def __init__(self, command: list[str], home: Path, *, columns: int = 100, lines: int = 40, **env: str) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        places = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PAGER": "cat", **places, **env}
        for name in ("LINES", "COLUMNS", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            preexec_fn=_own_terminal,  # noqa: PLW1509
        )
        os.close(slave)
        self._raw = b""
        self._text = ""
        self._seen = 0

    def type(self, text: str) -> None:
        """Press keys; ``\\r`` is Enter."""
        os.write(self._master, text.encode())

    def expect(self, text: str) -> str:
        """Wait until `text` appears after what was expected last; gives all that came before it.

        Raises:
            AssertionError: the program ended, or nothing came for a minute.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := self._text.find(text, self._seen)) < 0:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not appear in {self._text[self._seen :]!r}")
        before = self._text[self._seen : found]
        self._seen = found + len(text)
        return before

    def exit_code(self) -> int:
        """Wait until the program ends."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(timeout=_PATIENCE_SECONDS)

    @property
    def rest(self) -> str:
        """What came after the last text that was expected."""
        return self._text[self._seen :]

    def close(self) -> None:
        """End the program if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        """Take in what came; False at the end of it, or when `seconds` are over."""
        if seconds <= 0 or not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says EIO where the last program has left the terminal
            return False
        self._raw += piece
        self._text = _ESCAPES.sub("", self._raw.decode(errors="replace"))
        return bool(piece)


def _own_terminal() -> None:
    """In the child: a session of its own, with the terminal as the one that Ctrl-C goes to."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
