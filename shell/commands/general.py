"""Commands about the session: leaving, the connection, errors, running the last statement again."""

import time

from exdbsql.shell import executor, sql_help
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context, Outcome, QuitRequest
from exdbsql.shell.link import CannotConnectError
from exdbsql.shell.local_result import columns
from exdbsql.shell.messages import error_text

_GROUP = "General"


def leave(context: Context, argument: str) -> None:
    """``\\q``"""
    raise QuitRequest


def explain_sql(context: Context, argument: str) -> None:
    """``\\h [STATEMENT]``"""
    text = sql_help.text_for(argument)
    if text is None:
        raise CommandError(f'no help on "{argument}"; \\h alone lists the statements')
    context.output.show(text.split("\n"), context.settings)


def connection_info(context: Context, argument: str) -> None:
    """``\\conninfo``"""
    link = context.link
    if not link.is_open:
        context.output.line(f"Not connected; the next statement connects to {link.target}.")
        return
    database, node = link.description
    where = "in this process" if link.embedded else f"at {link.target}"
    on_node = "" if node is None else f" on node {node}"
    context.output.line(f'Connected to database "{database}"{on_node} {where}.')
    context.output.line(f"Transaction: {link.transaction_state}.")


def databases(context: Context, argument: str) -> None:
    """``\\l``: a node serves one database."""
    database, node = context.link.description
    executor.show_rows(
        context,
        columns(("database", "text"), ("node", "integer"), ("target", "text")),
        [(database, node, context.link.target)],
    )


def connect(context: Context, argument: str) -> None:
    """``\\c [TARGET]``: the old connection is closed only when the new one stands."""
    if context.link.transaction_state in ("open", "failed"):
        raise CommandError("a transaction is open; COMMIT or ROLLBACK it first")
    if context.link.embedded and context.confirm is not None and not argument:
        raise CommandError("this database lives in this process; \\c TARGET connects to another and forgets it")
    new = context.link_to(argument) if argument else context.link_to(context.link.target)
    try:
        new.open()
    except CannotConnectError as error:
        new.close()
        kept = f"; still connected to {context.link.target}" if context.link.is_open else ""
        raise CommandError(f"{error}{kept}") from error
    context.link.close()
    context.link = new
    context.catalog.refresh(new)
    connection_info(context, "")


def verbose_error(context: Context, argument: str) -> None:
    """``\\errverbose``"""
    if context.last_error is None:
        context.output.line("There was no error.")
        return
    error, statement = context.last_error
    context.output.line(error_text(error, statement, verbosity="verbose"))


def again(context: Context, argument: str) -> Outcome:
    """``\\g``"""
    return executor.run_statement(context, _last(context))


def again_expanded(context: Context, argument: str) -> Outcome:
    """``\\gx``"""
    settings, before = context.settings, context.settings.expanded
    settings.expanded = "on"
    try:
        return again(context, argument)
    finally:
        settings.expanded = before


def drop(context: Context, argument: str) -> None:
    """``\\r``: what stands before it is not run."""


def watch(context: Context, argument: str) -> Outcome:
    """``\\watch [SECONDS [TIMES]]``: until Ctrl-C, the first failure, or so many times."""
    seconds, times = _watch_numbers(argument)
    statement = _last(context)
    done = 0
    while (outcome := executor.run_statement(context, statement)) is Outcome.DONE:
        done += 1
        if done == times:
            break
        time.sleep(seconds)
    return outcome


def _watch_numbers(argument: str) -> tuple[float, int | None]:
    parts = argument.split()
    try:
        seconds = float(parts[0]) if parts else 2.0
        times = int(parts[1]) if len(parts) > 1 else None
    except ValueError:
        raise CommandError("\\watch takes seconds, and how many times") from None
    if not 0 <= seconds <= 86400 or len(parts) > 2 or (times is not None and times < 1):
        raise CommandError("\\watch takes seconds from 0 to 86400, and how many times")
    return seconds, times


def _last(context: Context) -> str:
    if not context.last_statement:
        raise CommandError("there is no statement to run again")
    return context.last_statement


COMMANDS = (
    Command("h", "[STATEMENT]", "syntax of SQL statements", _GROUP, explain_sql, ("sqlhelp",), "statement"),
    Command(
        "q", "", "leave the shell; an open transaction is rolled back", _GROUP, leave, ("quit", "exit"), behind="drops"
    ),
    Command("c", "[TARGET]", "connect to host:port or exdb://..., or again to the same", _GROUP, connect, ("connect",)),
    Command("conninfo", "", "where this shell is connected, and the transaction's state", _GROUP, connection_info),
    Command("l", "", "the database of this connection", _GROUP, databases, ("databases",)),
    Command("errverbose", "", "the last error with everything known of it", _GROUP, verbose_error),
    Command("g", "", "run the statement before it, or the last one again", _GROUP, again, behind="runs"),
    Command("gx", "", "the same, with one line per column", _GROUP, again_expanded, behind="runs"),
    Command("watch", "[SECONDS [TIMES]]", "the same, again and again", _GROUP, watch, behind="runs"),
    Command("r", "", "drop the statement before it", _GROUP, drop, ("reset",), behind="drops"),
)
