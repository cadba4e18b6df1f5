"""A command of the shell as data, and how an input line becomes one.

A command is one row of one table (:mod:`exdbsql.shell.commands.table`): its names, what it takes, what it does. Help,
completion and the "did you mean" of a mistyped name are made from the same rows, so none of them can fall behind.
``\\d`` is the canonical spelling; ``.d`` and the longer aliases mean the same.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from exdbsql.shell.context import CommandError, Context, Outcome

Completes = Literal[
    "", "table", "relation", "index", "file", "format", "setting", "switch", "statement", "command", "node", "variable"
]


@dataclass(frozen=True)
class Command:
    """One row.

    Attributes:
        name: the canonical name, without backslash.
        arguments: what it takes, as the help shows it.
        summary: what it does, in a line.
        group: the heading in the help.
        run: does it; gets the argument text, stripped. Raises CommandError. None is as good as DONE.
        aliases: other names.
        completes: what kind of word its argument is, for completion.
        behind: what it does with a statement that it stands behind, on the same line or a later one: it "runs" it, "drops" it, or
            may not stand there.
    """

    name: str
    arguments: str
    summary: str
    group: str
    run: Callable[[Context, str], Outcome | None]
    aliases: tuple[str, ...] = ()
    completes: Completes = ""
    behind: Literal["", "runs", "drops"] = ""

    @property
    def usage(self) -> str:
        """``\\d [NAME]``."""
        return f"\\{self.name} {self.arguments}".rstrip()


@dataclass(frozen=True)
class Invocation:
    """A command line: the name as typed, and the rest."""

    name: str
    argument: str


_BARE_WORDS = {"quit": "q", "exit": "q", "help": "?"}


def parse(text: str) -> Invocation | None:
    """The command in an input line, or None if it is SQL.

    A line is a command if it begins with a backslash or with a dot and a letter, or is only ``quit``, ``exit`` or
    ``help``. A semicolon at its end is forgiven.
    """
    line = text.strip()
    bare = _BARE_WORDS.get(line.rstrip(";").lower())
    if bare is not None:
        return Invocation(bare, "")
    if not (line.startswith("\\") or (line.startswith(".") and line[1:2].isalpha())):
        return None
    name, _, argument = line[1:].partition(" ")
    if not argument:
        name = name.rstrip(";") or name
    return Invocation(name, argument.strip().removesuffix(";").rstrip())


def find(commands: Sequence[Command], name: str) -> Command:
    """The command called `name`.

    Raises:
        CommandError: there is none; says which one may have been meant.
    """
    for command in commands:
        if name == command.name or name in command.aliases or name == command.name + "+":
            return command
    known = [known for command in commands for known in (command.name, *command.aliases)]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean \\{close[0]}? " if close else ""
    raise CommandError(f"there is no command \\{name}; {hint}\\? lists them")


def help_text(commands: Sequence[Command], topic: str = "") -> str:
    """The help on all commands by group, or on one."""
    if topic:
        command = find(commands, topic.lstrip("\\."))
        also = f"\nAlso: {', '.join(f'.{alias}' for alias in command.aliases)}" if command.aliases else ""
        return f"{command.usage}\n    {command.summary}{also}"
    width = max(len(command.usage) for command in commands)
    lines = []
    for group in dict.fromkeys(command.group for command in commands):
        lines.append(f"{group}")
        lines += [f"  {c.usage:{width}}  {c.summary}" for c in commands if c.group == group]
        lines.append("")
    lines.append("Each is also known with a dot instead of the backslash. SQL ends with a semicolon; \\h explains it.")
    return "\n".join(lines)
