"""Commands that read and write files: scripts, output, the editor, the history."""

from collections.abc import Callable
from pathlib import Path

import click

from exdbsql.shell import executor
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context, Outcome
from exdbsql.shell.copying import copy_with_file

_GROUP = "Files"


def output_to(context: Context, argument: str) -> None:
    """``\\o [FILE]``"""
    try:
        context.output.redirect(argument or None)
    except OSError as error:
        raise CommandError(f"cannot write to {argument}: {error.strerror}") from error


def edit(context: Context, argument: str) -> Outcome:
    """``\\e [FILE]``: what the editor leaves is shown and run."""
    if not context.interactive:
        raise CommandError("\\e needs a terminal")
    try:
        if argument:
            click.edit(filename=argument)
            text: str | None = Path(argument).read_text(encoding="utf-8")
        else:
            text = click.edit(context.last_statement, extension=".sql")
    except (OSError, UnicodeDecodeError, click.ClickException) as error:
        raise CommandError(f"no edited text: {error}") from error
    if text is None or executor.is_blank(text):
        return Outcome.DONE
    context.output.say(text.rstrip())
    return executor.run_sql(context, text)


def history(context: Context, argument: str) -> None:
    """``\\s [FILE]``"""
    entries = context.history()
    if not argument:
        context.output.show((line for entry in entries for line in entry.split("\n")), context.settings)
        return
    try:
        Path(argument).expanduser().write_text("".join(f"{entry}\n" for entry in entries), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write to {argument}: {error.strerror}") from error


def commands(run_file: Callable[[Context, str], Outcome]) -> tuple[Command, ...]:
    """The rows of this module; `run_file` runs a script, for ``\\i``."""
    return (
        Command("i", "FILE", "run a script", _GROUP, run_file, ("include", "read"), "file"),
        Command(
            "o", "[FILE]", "write results to a file; alone, back to the terminal", _GROUP, output_to, ("out",), "file"
        ),
        Command(
            "copy",
            "TABLE {FROM | TO} FILE [OPTIONS]",
            "COPY with a file of yours; (QUERY) TO FILE too",
            _GROUP,
            copy_with_file,
            completes="table",
        ),
        Command("e", "[FILE]", "edit the last statement, or a file, then run it", _GROUP, edit, ("edit",), "file"),
        Command("s", "[FILE]", "show the history, or save it", _GROUP, history, ("history",), "file"),
    )
