"""The table of all commands, and the help that is made from it."""

from collections.abc import Callable

from exdbsql.shell.commands import cluster, describe, display, files, general
from exdbsql.shell.commands.registry import Command, help_text
from exdbsql.shell.context import Context, Outcome


def all_commands(run_file: Callable[[Context, str], Outcome]) -> tuple[Command, ...]:
    """Every command of the shell, help first.

    Args:
        run_file: runs a script; it lies above this module, because a script may hold commands.
    """
    table: tuple[Command, ...] = ()

    def show_help(context: Context, argument: str) -> None:
        context.output.show(help_text(table, argument).split("\n"), context.settings)

    table = (
        Command("?", "[COMMAND]", "help on the commands of the shell", "General", show_help, ("help",), "command"),
        *general.COMMANDS,
        *describe.COMMANDS,
        *cluster.COMMANDS,
        *display.COMMANDS,
        *files.commands(run_file),
    )
    return table
