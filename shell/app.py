"""Puts a shell together and runs it: the options of ``exdbsql shell`` in, an exit code out.

Exit codes, psql's: 0 everything went well; 1 a statement failed (``-c``, or a script that went on after errors);
2 the connection could not be made or was lost; 3 a script ended at its first error, or could not be read.
"""

import os
import sys
from dataclasses import dataclass
from enum import IntEnum

from exdbsql.schema.errors import Error
from exdbsql.shell import paths
from exdbsql.shell import settings as settings_file
from exdbsql.shell.commands.table import all_commands
from exdbsql.shell.context import CommandError, Context, Outcome, QuitRequest
from exdbsql.shell.dispatch import Dispatcher
from exdbsql.shell.executor import report
from exdbsql.shell.link import CannotConnectError, Link
from exdbsql.shell.output import Output
from exdbsql.shell.scripts import run_file, run_lines
from exdbsql.shell.settings import Settings
from exdbsql.shell.targets import link_to


class ExitCode(IntEnum):
    """What the shell tells the program that called it."""

    DONE = 0
    SQL_ERROR = 1
    NO_CONNECTION = 2
    SCRIPT_ERROR = 3
    INTERRUPTED = 130


@dataclass(frozen=True)
class ShellOptions:
    """The command line: what to connect to, what to run, how to write."""

    target: str | None = None
    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    stop_on_error: bool = True
    format: str | None = None
    read_only: bool = False


def run_shell(options: ShellOptions) -> int:
    """Run a shell from start to end; gives the exit code."""
    people = sys.stdin.isatty() and sys.stdout.isatty()
    typed = people and not options.commands and not options.files
    output = Output(sys.stdout, sys.stderr, paging=people)
    try:
        link = link_to(options.target, read_only=options.read_only)
        link.open()
    except (CannotConnectError, Error) as error:
        output.complain(f"exdbsql: {_first_words(error)}")
        return ExitCode.NO_CONNECTION
    context = Context(
        link=link,
        link_to=lambda target: link_to(target, read_only=options.read_only),
        output=output,
        settings=_settings(options, output, typed),
        interactive=typed,
        read_only=options.read_only,
        stop_on_error=options.stop_on_error,
    )
    try:
        return _run(context, options)
    except QuitRequest:
        return ExitCode.DONE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more can be said to anybody
        return ExitCode.DONE
    finally:
        context.link.close()


def dispatcher_for() -> Dispatcher:
    """A dispatcher with every command of the shell."""
    dispatcher = Dispatcher(all_commands(lambda context, path: _include(context, path, dispatcher)))
    return dispatcher


def _run(context: Context, options: ShellOptions) -> int:
    dispatcher = dispatcher_for()
    if not options.commands and not options.files:
        return _run_input(context, dispatcher)
    result = ExitCode.DONE
    for text in options.commands:
        outcome = run_lines(context, text.splitlines(keepends=True), "", dispatcher.run, data=sys.stdin)
        result = _worse(result, _code(outcome, ExitCode.SQL_ERROR))
        if result is not ExitCode.DONE and _ends(context, outcome):
            return result
    for path in options.files:
        result = _worse(result, _run_script(context, path, dispatcher))
        if result is not ExitCode.DONE and (context.stop_on_error or result is ExitCode.NO_CONNECTION):
            return result
    return result


def _run_input(context: Context, dispatcher: Dispatcher) -> int:
    """The person at the terminal, or standard input as a script."""
    if not context.interactive:
        outcome = run_lines(context, sys.stdin, "", dispatcher.run)
        return _code(outcome, ExitCode.SCRIPT_ERROR if context.stop_on_error else ExitCode.SQL_ERROR)
    from exdbsql.shell.interactive import run_interactively  # only a terminal needs the terminal's library

    context.output.say(greeting(context.link))
    return run_interactively(context, dispatcher, paths.history_file())


def greeting(link: Link) -> str:
    """The first lines that a person sees."""
    database, node = link.description
    if link.embedded:
        where = "an in-memory database in this process" if link.target == "memory" else f'database "{database}" here'
    else:
        where = f'database "{database}"' + ("" if node is None else f" on node {node}") + f" at {link.target}"
    return f"exdbsql: {where}. \\? for help, \\q to leave."


def _run_script(context: Context, path: str, dispatcher: Dispatcher) -> ExitCode:
    if path == "-":
        outcome = run_lines(context, sys.stdin, "", dispatcher.run)
    else:
        try:
            outcome = run_file(context, path, dispatcher.run)
        except CommandError as error:
            report(context, error, "")
            return ExitCode.SCRIPT_ERROR
    return _code(outcome, ExitCode.SCRIPT_ERROR if context.stop_on_error else ExitCode.SQL_ERROR)


def _include(context: Context, path: str, dispatcher: Dispatcher) -> Outcome:
    """``\\i``"""
    if not path:
        raise CommandError("\\i takes the name of a file")
    return run_file(context, path, dispatcher.run)


def _code(outcome: Outcome, failed: ExitCode) -> ExitCode:
    return {
        Outcome.DONE: ExitCode.DONE,
        Outcome.FAILED: failed,
        Outcome.DISCONNECTED: ExitCode.NO_CONNECTION,
        Outcome.INTERRUPTED: ExitCode.INTERRUPTED,
    }[outcome]


def _worse(one: ExitCode, other: ExitCode) -> ExitCode:
    return max(one, other)


def _ends(context: Context, outcome: Outcome) -> bool:
    return context.stop_on_error or outcome is not Outcome.FAILED


def _settings(options: ShellOptions, output: Output, typed: bool) -> Settings:
    """Defaults, then the user's file (only where a person types: a script must not depend on it), then the options."""
    settings = Settings(timing=typed, format="table" if output.for_people else "tsv")
    if typed:
        paths.write_config_template()
        for complaint in settings_file.load(settings, paths.config_file()):
            output.complain(f"exdbsql: {complaint}")
    if options.format is not None:
        settings.format = options.format
    return settings


def _first_words(error: Exception) -> str:
    """A connection error in one message, with the hint where there is one."""
    hint = getattr(error, "hint", None) or getattr(getattr(error, "error", None), "hint", None)
    text = str(error) if not isinstance(error, Error) else error.message
    return f"{text}\nHINT: {hint}" if hint else text
