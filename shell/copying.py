"""COPY with the shell's own streams: ``COPY ... FROM STDIN`` and ``TO STDOUT``, and ``\\copy`` with the user's files.

What a script has behind a COPY ... FROM STDIN, up to a line ``\\.``, is data. A person types it; with ``-c`` it is standard input. The
stream is read and written here, in the thread that Ctrl-C reaches, and every part of it is a call into the connection.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import click

from exdbsql.control import parse_control
from exdbsql.copy.records import END_OF_DATA
from exdbsql.copy.replaced_file import replacing
from exdbsql.copy.statement import Copy
from exdbsql.result import Result, result_of
from exdbsql.schema.errors import Error
from exdbsql.schema.tokens import TokenKind, tokenize
from exdbsql.shell.context import CommandError, Context

_PIECE = 64 * 1024
_LARGE = 1024 * 1024
"""From so many bytes on, loading a file shows its progress."""


def stream_copy(sql: str) -> Copy | None:
    """The COPY with STDIN or STDOUT that `sql` is, or None."""
    try:
        statement = parse_control(sql)
    except Error:
        return None  # the database says what is wrong with it
    return statement if isinstance(statement, Copy) and statement.file is None else None


def run_stream_copy(context: Context, copy: Copy, sql: str) -> Result:
    """Run it with the stream that belongs to the statement."""
    if not copy.is_from:
        return copy_to(context, sql, lambda data: context.output.write(data.decode(copy.options.encoding)))
    lines = _lines(context)
    try:
        return copy_from(context, sql, _pieces(lines))
    finally:
        for _ in lines:  # data must not be taken for statements
            pass


def _lines(context: Context) -> Iterator[str]:
    """The lines of data, without the one that ends them."""
    source: Iterable[str] = sys.stdin
    if context.interactive and not context.data:
        context.output.say(
            "Enter data to be copied followed by a newline.\n"
            "End with a backslash and a period on a line by itself, or an EOF signal."
        )
    elif context.data is not None:
        source = context.data
    for line in source:
        if line.rstrip("\r\n") == END_OF_DATA:
            return
        yield line


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for line in lines:
        gathered.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield "".join(gathered)


def copy_from(context: Context, sql: str, pieces: Iterable[str | bytes]) -> Result:
    """Send pieces of text; nothing is loaded where something goes wrong on the way."""
    link = context.link
    copying = link.call(lambda connection: connection.session.copy_in(sql), sql)
    try:
        for piece in pieces:
            link.call(lambda _, piece=piece: copying.write(piece), sql)  # type: ignore[misc]
    except BaseException as problem:
        reason = type(problem).__name__
        if link.is_open:
            with contextlib.suppress(Exception):
                link.call(lambda _: copying.abort(reason), sql)
        raise
    return result_of(link.call(lambda _: copying.finish(), sql))


def copy_to(context: Context, sql: str, write: Callable[[bytes], object]) -> Result:
    """Write what comes; the result has no tag, because the data may have gone where it would be written."""
    copying = context.link.call(lambda connection: connection.session.copy_out(sql), sql)
    while data := context.link.call(lambda _: copying.read(), sql):
        write(data)
    return replace(result_of(context.link.call(lambda _: copying.finish(), sql)), tag="")


def copy_with_file(context: Context, argument: str) -> None:
    """``\\copy TABLE [(COLUMNS)] {FROM | TO} FILE [OPTIONS]``, ``\\copy (QUERY) TO FILE [OPTIONS]``"""
    sql, name, is_from = _with_stream(argument)
    if context.read_only and is_from:
        raise CommandError("\\copy ... FROM is refused: this shell was started with --readonly")
    if name is None:
        copy = stream_copy(sql)
        if copy is None:
            context.link.execute(sql)  # raises: what is wrong with it
            return
        result = run_stream_copy(context, copy, sql)
    elif is_from:
        with (
            _opened(name, lambda path: path.open("rb")) as file,
            contextlib.closing(_pieces_of(context, file)) as pieces,
        ):
            result = copy_from(context, sql, pieces)
    else:
        with _opened(name, replacing) as file:
            result = copy_to(context, sql, file.write)
        result = replace(result, tag=f"COPY {result.rowcount}")
    if result.tag:
        context.output.say(result.tag)


def _pieces_of(context: Context, file: BinaryIO) -> Generator[bytes, None, None]:
    """What a file has, with a bar for people where it is large."""
    pieces = iter(lambda: file.read(_PIECE), b"")
    size = os.fstat(file.fileno()).st_size
    if size < _LARGE or not (context.output.for_people and sys.stderr.isatty()):
        yield from pieces
        return
    with click.progressbar(length=size, file=sys.stderr) as bar:
        for piece in pieces:
            yield piece
            bar.update(len(piece))


@contextlib.contextmanager
def _opened(name: str, opened: Callable[[Path], AbstractContextManager[BinaryIO]]) -> Iterator[BinaryIO]:
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(opened(Path(os.path.expanduser(name))))
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}") from error
        yield file


def _with_stream(argument: str) -> tuple[str, str | None, bool]:
    """The COPY with STDIN or STDOUT in the place of the file, the file's name, and whether it is FROM.

    Raises:
        CommandError: there is no FROM or TO with a name behind it.
    """
    depth = 0
    tokens = tokenize(argument)
    for token, following in pairwise(tokens):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth or not token.is_word("from", "to"):
            continue
        is_from = token.is_word("from")
        start, end = following.start, following.end
        if following.kind is TokenKind.STRING:
            name: str | None = following.value
        else:
            while end < len(argument) and not argument[end].isspace():
                end += 1
            name = argument[start:end]
            if name.lower() in ("stdin", "stdout", "pstdin", "pstdout"):
                name = None
            elif name.lower() == "program":
                raise CommandError("\\copy ... PROGRAM is not supported")
        stream = "STDIN" if is_from else "STDOUT"
        return f"COPY {argument[:start]}{stream}{argument[end:]}", name, is_from
    raise CommandError("\\copy takes a table or a query in parentheses, FROM or TO, and a file")
