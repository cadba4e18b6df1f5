"""What the shell needs of a database: the few attributes of a connection that it uses, as protocols.

The shell talks SQL to every database alike, whether it lives in this process or behind a socket, so nothing here knows
of networks. Stating the needs as protocols keeps the shell testable against a scripted connection, and keeps the list
of what it relies on in one place. Left out on purpose: cursors and fetching; a shell shows whole results.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from exdbsql.copy.stream import CopyInput, CopyOutput


class ResultColumn(Protocol):
    """Name and SQL type (``integer``, ``double precision``) of one column of a result."""

    @property
    def name(self) -> str: ...
    @property
    def type_name(self) -> str: ...


class Result(Protocol):
    """What one statement gave.

    ``columns`` is None for statements that return no rows; ``tag`` is the command tag (``INSERT 0 3``); ``notices`` begin with
    ``NOTICE:`` or ``WARNING:``.
    """

    @property
    def columns(self) -> Sequence[ResultColumn] | None: ...
    @property
    def rows(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def rowcount(self) -> int: ...
    @property
    def tag(self) -> str: ...
    @property
    def notices(self) -> Sequence[str]: ...


class Session(Protocol):
    """Runs statements, transaction control included."""

    def execute(self, sql: str, params: dict[str, Any] | None = None, /) -> Result: ...
    def copy_in(self, sql: str, /) -> CopyInput: ...
    def copy_out(self, sql: str, /) -> CopyOutput: ...


class Connection(Protocol):
    """One connection; used from one thread at a time, except for ``cancel``."""

    autocommit: bool

    @property
    def session(self) -> Session: ...
    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected"."""
        ...

    @property
    def target_description(self) -> tuple[str, int | None]: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...
