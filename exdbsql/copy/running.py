"""COPY as a statement of a session: with a file, since what `execute` runs has no stream.

A program may read and write its own files. A client of a node would read and write the node's, so that is refused unless the node's
configuration allows it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from exdbsql.copy.copy_in import PIECE, CopyIn
from exdbsql.copy.copy_out import CopyOut
from exdbsql.copy.replaced_file import replacing
from exdbsql.copy.statement import Copy
from exdbsql.result import Answer
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError, ProgrammingError

if TYPE_CHECKING:
    from exdbsql.session import Session


def run_copy(session: Session, copy: Copy) -> Answer:
    """Carry out a COPY with a file.

    Raises:
        ProgrammingError: the client's own stream is meant, which `execute` has not (42601); files are not allowed (42501).
        OperationalError: the file cannot be read or written (58P01, 42501, 58030).
        Error: as of the rows.
    """
    if copy.file is None:
        stream = "STDIN" if copy.is_from else "STDOUT"
        raise ProgrammingError(
            f"COPY ... {stream} needs a stream",
            sqlstate=states.SYNTAX_ERROR,
            hint="with cursor.copy(sql) as copy: ...",
        )
    if not session.may_use_files:
        raise ProgrammingError(
            "permission denied to COPY to or from a file",
            sqlstate=states.INSUFFICIENT_PRIVILEGE,
            detail="The file would be the node's, not the client's.",
            hint="COPY ... FROM STDIN and TO STDOUT (in the shell \\copy) use the client's files; server_files = true under "
            "[sql] in the node's configuration allows the node's.",
        )
    return _from_file(session, copy, copy.file) if copy.is_from else _to_file(session, copy, copy.file)


def _from_file(session: Session, copy: Copy, name: str) -> Answer:
    copying = CopyIn(session, copy)
    with _opened(lambda: Path(name).open("rb"), name, "read") as file:
        while data := file.read(PIECE):
            copying.write(data)
    return copying.finish()


def _to_file(session: Session, copy: Copy, name: str) -> Answer:
    copying = CopyOut(session, copy)
    with _opened(lambda: replacing(Path(name)), name, "write") as file:
        while data := copying.read():
            file.write(data)
    return copying.finish()


_OPENED_FOR = {"read": "reading", "write": "writing"}
_STATES = {
    errno.ENOENT: states.UNDEFINED_FILE,
    errno.ENOTDIR: states.UNDEFINED_FILE,
    errno.EACCES: states.INSUFFICIENT_PRIVILEGE,
    errno.EPERM: states.INSUFFICIENT_PRIVILEGE,
    errno.EISDIR: states.WRONG_OBJECT_TYPE,
}


@contextmanager
def _opened(opened: Callable[[], AbstractContextManager[BinaryIO]], name: str, purpose: str) -> Iterator[BinaryIO]:
    failed = f'could not open file "{name}" for {_OPENED_FOR[purpose]}'
    try:
        with opened() as file:
            failed = f'could not {purpose} file "{name}"'
            yield file
    except OSError as error:
        sqlstate = _STATES.get(error.errno or 0, states.IO_ERROR)
        raise OperationalError(f"{failed}: {error.strerror}", sqlstate=sqlstate) from error
