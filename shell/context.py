"""What one run of the shell carries around: the link, the settings, the output, and what happened last.

Everything that runs (statements, commands, scripts) gets this one object; there are no module globals.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from exdbsql.shell.catalog import CatalogKeeper
from exdbsql.shell.link import Link
from exdbsql.shell.output import Output
from exdbsql.shell.settings import Settings


class Outcome(Enum):
    """How a statement or command ended."""

    DONE = "done"
    FAILED = "failed"
    DISCONNECTED = "disconnected"
    INTERRUPTED = "interrupted"


class QuitRequest(Exception):
    """The user wants to leave the shell."""


class CommandError(Exception):
    """A command of the shell cannot do what was asked; the message says why."""


@dataclass
class Context:
    """The state of one shell.

    Attributes:
        link_to: makes the (unopened) link to another target, for ``\\c``.
        interactive: whether a person types the statements.
        confirm: asks a yes-or-no question; None where nobody can be asked.
        stop_on_error: whether a script ends at its first error.
        last_error: the newest error and the statement that caused it, for ``\\errverbose``.
        last_statement: the newest SQL, for ``\\g``, ``\\e`` and ``\\watch``.
        data: the lines behind the statement in the script that it is in, for COPY ... FROM STDIN.
        depth: how many scripts lie inside one another.
        history: the statements typed, oldest first, for ``\\s``.
    """

    link: Link
    link_to: Callable[[str | None], Link]
    output: Output
    settings: Settings = field(default_factory=Settings)
    catalog: CatalogKeeper = field(default_factory=CatalogKeeper)
    interactive: bool = False
    read_only: bool = False
    stop_on_error: bool = True
    confirm: Callable[[str], bool] | None = None
    history: Callable[[], list[str]] = list
    last_error: tuple[Exception, str] | None = None
    last_statement: str = ""
    data: Iterator[str] | None = None
    depth: int = 0
