"""The life of one input: a backslash command goes to its function, SQL is cut into statements that run one by one.

A statement's life: it is held against ``--readonly``, a person is asked if it is dangerous, variables become
parameters, the link runs it, and its result or error is written. Several statements of one input stop at the first that
fails.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from exdbsql.schema.errors import Error
from exdbsql.schema.statements import split_statements
from exdbsql.shell import guard
from exdbsql.shell.context import CommandError, Context, Outcome
from exdbsql.shell.copying import run_stream_copy, stream_copy
from exdbsql.shell.database import Result, ResultColumn
from exdbsql.shell.formats import render
from exdbsql.shell.link import CannotConnectError, ConnectionLostError
from exdbsql.shell.messages import error_text
from exdbsql.shell.settings import HUMAN_FORMATS
from exdbsql.shell.words import variables_of, words

_CHANGES_NAMES = frozenset({"CREATE", "DROP", "ALTER"})


def run_sql(context: Context, text: str, where: str = "") -> Outcome:
    """Run all statements of `text`, up to the first that fails.

    Args:
        where: ``file:line: `` to put before an error, else empty.
    """
    try:
        statements = [part.text for part in split_statements(text)]
    except Error as error:
        report(context, error, text, where)
        return Outcome.FAILED
    for statement in statements:
        outcome = run_statement(context, statement, where)
        if outcome is not Outcome.DONE:
            return outcome
    return Outcome.DONE


def run_statement(context: Context, sql: str, where: str = "") -> Outcome:
    """Run one statement and write what it gave."""
    context.last_statement = sql
    started = time.perf_counter()
    try:
        result = execute(context, sql)
        seconds = time.perf_counter() - started
        show(context, result)
    except KeyboardInterrupt:
        context.output.complain("Cancelled.")
        return Outcome.INTERRUPTED
    except BrokenPipeError:
        raise  # whoever read our output has gone: not the statement's fault
    except (CannotConnectError, ConnectionLostError) as error:
        report(context, error, sql, where)
        return Outcome.DISCONNECTED
    except (Error, OSError, CommandError) as error:
        report(context, error, sql, where)
        return Outcome.FAILED
    if context.settings.timing:
        write = context.output.say if context.settings.format in HUMAN_FORMATS else context.output.complain
        write(f"Time: {seconds * 1000:.3f} ms")
    if result.tag.partition(" ")[0] in _CHANGES_NAMES:
        context.catalog.refresh(context.link)
    return Outcome.DONE


def execute(context: Context, sql: str) -> Result:
    """Run one statement, after the questions that come before it, and give its result.

    Raises:
        CommandError: a variable is missing, or the user said no.
        Error, CannotConnectError, ConnectionLostError: from the link.
    """
    if context.read_only:
        guard.refuse_writing(sql)
    if context.confirm is not None and context.settings.confirm:
        question = guard.question_before(sql, in_transaction=context.link.transaction_state == "open")
        if question is not None and not context.confirm(f"{question} Go on?"):
            raise CommandError("not run")
    was_lost = not context.link.is_open
    params = _parameters(context, sql)
    context.link.open()
    if was_lost and context.interactive:
        context.output.complain(f"Connected again to {context.link.target}.")
    copy = stream_copy(sql)
    return context.link.execute(sql, params) if copy is None else run_stream_copy(context, copy, sql)


def _parameters(context: Context, sql: str) -> dict[str, Any] | None:
    """The variables that the statement names, bound as parameters: never pasted into the text."""
    names = variables_of(sql)
    missing = [name for name in names if name not in context.settings.variables]
    if missing:
        raise CommandError(f"the variable {missing[0]} has no value; \\set {missing[0]} VALUE gives it one")
    return {name: context.settings.variables[name] for name in names} or None


def show(context: Context, result: Result) -> None:
    """Write a result: its notices, then its rows or its command tag."""
    for notice in result.notices:
        context.output.complain(notice)
    if result.columns is not None:
        show_rows(context, result.columns, result.rows)
    elif result.tag and (context.settings.format in HUMAN_FORMATS or context.output.for_people):
        context.output.line(result.tag)


def show_rows(
    context: Context, columns: Sequence[ResultColumn], rows: Sequence[tuple[Any, ...]], *, footer: bool = True
) -> None:
    """Write rows in the format that is set; without the row count where `footer` is False."""
    output, settings = context.output, context.settings
    look = output.look(settings)
    if not footer:
        look = dataclasses.replace(look, footer=False)
    output.show(render(columns, rows, settings, look, output.width), settings)


def report(context: Context, error: Exception, sql: str, where: str = "") -> None:
    """Write an error to standard error, and keep it for ``\\errverbose``."""
    context.last_error = (error, sql)
    context.output.complain(error_text(error, sql, verbosity=context.settings.verbosity, where=where))


def is_blank(text: str) -> bool:
    """Whether there is nothing in `text` but white space, comments and semicolons."""
    return all(word.text == ";" for word in words(text))
