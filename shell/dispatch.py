"""Sends an input where it belongs: a command of the shell to its function, everything else to the database."""

from collections.abc import Sequence

from exdbsql.schema.errors import Error
from exdbsql.schema.statements import split_statements
from exdbsql.shell import executor
from exdbsql.shell.commands import registry
from exdbsql.shell.commands.registry import Command, Invocation
from exdbsql.shell.context import CommandError, Context, Outcome
from exdbsql.shell.link import CannotConnectError, ConnectionLostError
from exdbsql.shell.words import command_place


class Dispatcher:
    """Runs inputs against one table of commands."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = commands

    def run(self, context: Context, text: str, where: str = "") -> Outcome:
        """Run one input: a command, SQL statements, or SQL with a command behind it.

        Raises:
            QuitRequest: the user wants to leave.
        """
        invocation = registry.parse(text)
        if invocation is not None:
            return self._run_command(context, invocation, where)
        place = command_place(text)
        behind = None if place is None else registry.parse(text[place:])
        if behind is None:
            return executor.run_sql(context, text, where)
        return self._run_command(context, behind, where, text[:place])

    def _run_command(self, context: Context, invocation: Invocation, where: str, statement: str = "") -> Outcome:
        text = f"\\{invocation.name} {invocation.argument}".rstrip()
        try:
            command = registry.find(self.commands, invocation.name)
            outcome = None if executor.is_blank(statement) else _take_statement(context, command, statement, where)
            if outcome in (None, Outcome.DONE):
                outcome = command.run(context, invocation.argument)
        except KeyboardInterrupt:
            context.output.complain("Cancelled.")
            return Outcome.INTERRUPTED
        except BrokenPipeError:
            raise  # whoever read our output has gone
        except (CannotConnectError, ConnectionLostError) as error:
            executor.report(context, error, text, where)
            return Outcome.DISCONNECTED
        except (Error, CommandError, OSError, LookupError) as error:
            if isinstance(error, Error):
                error.position = None  # it points into a statement that the user did not write
            executor.report(context, error, "", where)
            return Outcome.FAILED
        return outcome or Outcome.DONE


def _take_statement(context: Context, command: Command, text: str, where: str) -> Outcome:
    """Make ready what stands before `command`: the last statement is the command's to run, those before it run here."""
    if not command.behind:
        raise CommandError(
            f"\\{command.name} stands behind a statement: end that with a semicolon, or drop it with \\r"
        )
    if command.behind == "drops":
        return Outcome.DONE
    *earlier, last = [part.text for part in split_statements(text)]
    for statement in earlier:
        outcome = executor.run_statement(context, statement, where)
        if outcome is not Outcome.DONE:
            return outcome
    context.last_statement = last
    return Outcome.DONE
