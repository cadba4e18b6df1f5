"""Running text that nobody types: ``-c``, ``-f``, standard input, ``\\i``.

Lines are read one by one, so that a pipe is served while it is still open. A line that begins with a backslash, where
no statement is under way, is a command; other lines gather until the tokenizer finds the statement complete, or a command
stands behind it. Only a line with a semicolon or backslash can complete one, so only there it is asked: a script of one long
INSERT costs one look, not one per line. What is left at the end of the text runs even without its semicolon.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exdbsql.schema.statements import is_complete
from exdbsql.shell.commands import registry
from exdbsql.shell.context import CommandError, Context, Outcome
from exdbsql.shell.executor import is_blank
from exdbsql.shell.words import command_place

_DEEPEST_INCLUDE = 16

Run = Callable[[Context, str, str], Outcome]


@dataclass(frozen=True, slots=True)
class ScriptInput:
    """One command or some statements, and the line of the script they begin on (from 1)."""

    text: str
    line: int


class Lines:
    """Lines that are counted: a COPY ... FROM STDIN takes those behind it as its data.

    Attributes:
        number: of the line that was given last.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line


def inputs(lines: Iterable[str]) -> Iterator[ScriptInput]:
    """Cut lines into inputs."""
    gathered: list[str] = []
    started = 1
    counted = lines if isinstance(lines, Lines) else Lines(lines)
    for line in counted:
        number = counted.number
        if not gathered:
            if not line.strip():
                continue
            if line.lstrip().startswith("\\") or (line.startswith(".") and registry.parse(line) is not None):
                yield ScriptInput(line, number)
                continue
            started = number
        gathered.append(line)
        if _may_end(line) and _ends("".join(gathered)):
            yield ScriptInput("".join(gathered), started)
            gathered.clear()
    rest = "".join(gathered)
    if not is_blank(rest):
        yield ScriptInput(rest, started)


def _may_end(line: str) -> bool:
    return ";" in line or command_place(line) is not None


def _ends(text: str) -> bool:
    return command_place(text) is not None or is_complete(text)


def run_lines(
    context: Context, lines: Iterable[str], name: str, run: Run, *, data: Iterable[str] | None = None
) -> Outcome:
    """Run a whole script.

    Args:
        name: the script's name for error messages; "" puts no place before them.
        run: runs one input.
        data: where COPY ... FROM STDIN finds its data; None: behind the statement.

    Returns:
        DONE if everything went well; otherwise how the script ended, or FAILED if something in it failed and it went on.

    Raises:
        QuitRequest: the script wants to leave the shell.
    """
    before, source = context.data, Lines(lines)
    context.data = source if data is None else iter(data)
    try:
        return _run_inputs(context, source, name, run)
    finally:
        context.data = before


def _run_inputs(context: Context, lines: Lines, name: str, run: Run) -> Outcome:
    result = Outcome.DONE
    for item in inputs(lines):
        outcome = run(context, item.text, f"{name}:{item.line}: " if name else "")
        if outcome is Outcome.FAILED:
            result = Outcome.FAILED
            if not context.stop_on_error:
                continue
        if outcome is not Outcome.DONE:
            return outcome
    return result


def run_file(context: Context, path: str, run: Run) -> Outcome:
    """Run the script at `path`.

    Raises:
        CommandError: it cannot be read, or scripts include each other without end.
    """
    if context.depth >= _DEEPEST_INCLUDE:
        raise CommandError(f"{path}: scripts lie more than {_DEEPEST_INCLUDE} deep inside each other")
    context.depth += 1
    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            return run_lines(context, file, path, run)
    except UnicodeDecodeError as error:
        raise CommandError(
            f"cannot read {path}: it is not UTF-8 text ({error.reason} at byte {error.start})"
        ) from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    finally:
        context.depth -= 1
