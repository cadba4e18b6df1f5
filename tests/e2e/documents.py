"""Runs what a document shows: fenced blocks of README.md and docs/*.md, as a reader would type them.

* ``console``: lines that start with ``$`` are commands of one shell session in one folder; the lines below a command
  are its output, compared as doctest does with ELLIPSIS and NORMALIZE_WHITESPACE (no lines: not compared).
  A command that ends in ``&`` goes to the background and is ended with the document.
* ``python``: a program of its own; an ``output`` block right behind it is its standard output.
* ``sql``: statements for an in-memory database of the document's own.
* anything else (``text``, ``toml``, ``mermaid``) is not run.
"""

import doctest
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import exdbsql

BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHECKER = doctest.OutputChecker()
COMPARE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
COMMAND_TIMEOUT_S = 90


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks_of(document: Path) -> list[Block]:
    """The fenced blocks with a language, in order."""
    text = document.read_text(encoding="utf-8")
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in BLOCK.finditer(text)]


@dataclass
class Session:
    """One reader at one terminal, in one folder."""

    folder: Path
    background: list[subprocess.Popen[bytes]] = field(default_factory=list)
    nodes_starting: list[str] = field(default_factory=list)

    def wait_until_ready(self, configuration: str) -> None:
        """A reader looks whether a node has started before going on; a busy machine may take a while."""
        listen = tomllib.loads((self.folder / configuration).read_text(encoding="utf-8"))["sql"]["listen"]
        deadline = time.monotonic() + COMMAND_TIMEOUT_S
        while True:
            try:
                with exdbsql.connect(f"exdb://{listen}/") as connection:
                    rows = connection.cursor().execute("SHOW CLUSTER").fetchall()
                if dict(rows)["can write to replicated tables"] == "yes":
                    return
            except exdbsql.Error as error:
                assert time.monotonic() < deadline, f"{configuration}: {error}"
            assert time.monotonic() < deadline, f"{configuration} is not ready after {COMMAND_TIMEOUT_S} s"
            time.sleep(0.1)

    @property
    def environment(self) -> dict[str, str]:
        state = self.folder / "xdg"
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(state / "state"),
            "XDG_DATA_HOME": str(state / "data"),
            "XDG_CONFIG_HOME": str(state / "config"),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "120",
        }

    def command(self, line: str) -> str:
        """Run one command line; returns what it printed."""
        if line.rstrip().endswith("&"):
            self.start(line.rstrip().removesuffix("&"))
            return ""
        while self.nodes_starting:
            self.wait_until_ready(self.nodes_starting.pop())
        done = subprocess.run(
            ["bash", "-c", line],
            check=False,  # the output tells
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_TIMEOUT_S,
        )
        return done.stdout.decode()

    def start(self, line: str) -> None:
        words = line.split()
        if words[:2] == ["exdbsql", "serve"]:
            self.nodes_starting.append(words[-1])
        log = (self.folder / f"background{len(self.background)}.log").open("wb")
        self.background.append(
            subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )

    def python(self, program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def end(self) -> None:
        for process in self.background:
            process.send_signal(signal.SIGTERM)
        for process in self.background:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A session whose background commands are ended with it."""
    reader = Session(folder)
    try:
        yield reader
    finally:
        reader.end()


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """(command, expected output) of a console block; a line that ends in a backslash goes on in the next."""
    command, output = "", []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(output)
            command, output = line[2:], []
            while command.endswith("\\"):
                command = command[:-1] + next(lines)
        else:
            output.append(line)
    if command:
        yield command, "\n".join(output)


def check_output(expected: str, got: str, where: str) -> None:
    """Compare as doctest does; an empty expectation accepts anything."""
    if expected.strip() and not CHECKER.check_output(expected.strip() + "\n", got.strip() + "\n", COMPARE):
        raise AssertionError(f"{where}: the document shows\n{expected}\nbut it printed\n{got}")
