"""Sends an input where it belongs: a command of the shell to its function, everything else to the database."""

from collections.abc import Sequence

from exdbsql.schema.errors import Error
from exdbsql.shell import executor
from exdbsql.shell.commands import registry
from exdbsql.shell.commands.registry import Command, Invocation
from exdbsql.shell.context import CommandError, Context, Outcome
from exdbsql.shell.link import CannotConnectError, ConnectionLostError


class Dispatcher:
    """Runs inputs against one table of commands."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = commands

    def run(self, context: Context, text: str, where: str = "") -> Outcome:
        """Run one input: a command, or SQL statements.

        Raises:
            QuitRequest: the user wants to leave.
        """
        invocation = registry.parse(text)
        if invocation is None:
            return executor.run_sql(context, text, where)
        return self._run_command(context, invocation, where)

    def _run_command(self, context: Context, invocation: Invocation, where: str) -> Outcome:
        text = f"\\{invocation.name} {invocation.argument}".rstrip()
        try:
            outcome = registry.find(self.commands, invocation.name).run(context, invocation.argument)
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
