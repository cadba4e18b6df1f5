"""The one tree of errors.

It lies in the lowest layer because every layer raises from it; users import the classes from ``exdbsql``.

::

    Exception
    ├── Warning
    └── Error                               every error of ours; carries code, sqlstate, retryable, detail, hint, position
        ├── InterfaceError                  the driver was used wrongly (a closed cursor, a missing parameter)
        └── DatabaseError
            ├── DataError                   a value does not fit (overflow, bad text, division by zero)
            ├── IntegrityError              a constraint would be broken
            ├── InternalError               a bug of ours
            ├── ProgrammingError            the statement is wrong (syntax, unknown names)
            ├── NotSupportedError           a feature that exdbsql does not have (0A000)
            └── OperationalError            the database's state, not the statement's
                ├── ConflictError           87   another transaction changed the same rows first
                ├── CommitOutcomeUnknownError    whether the commit took effect cannot be known yet
                └── ClusterError            900
                    ├── NotClusterError         901
                    ├── InvalidParameterError   902
                    ├── ClusterStoppedError     903
                    ├── ProtocolError           904
                    ├── NoQuorumError           905
                    ├── BusyError               906
                    ├── IncompatibleModeError   907
                    ├── SyncError               908
                    ├── DuplicateNodeIdError    910
                    └── DdlNotSupportedError    911

The first two levels are PEP 249's; the numbers below ``OperationalError`` are REFERENCE section 7's.
"""

import builtins
from typing import ClassVar, TypedDict, Unpack

from exdbsql.schema import sqlstate as states


class Warning(builtins.Warning):  # PEP 249 fixes the name
    """Something worth telling that stops nothing, e.g. a value that was truncated on request."""


class ErrorDetails(TypedDict, total=False):
    """What every error may be told beside its message; see :class:`Error`."""

    sqlstate: str | None
    detail: str | None
    context: str | None
    hint: str | None
    position: int | None
    statement: str | None
    file: str | None
    retryable: bool | None


class Error(Exception):
    """Base of all errors of exdbsql.

    Attributes:
        message: one sentence; what is wrong, and with what.
        sqlstate: five characters, PostgreSQL's codes (see :mod:`exdbsql.schema.sqlstate`).
        code: the number of REFERENCE section 7, or 0 for an error that has none.
        retryable: whether running the same transaction again may succeed.
        detail: facts that help (the key, the ranks), or None.
        context: where in the data it was found (a line of COPY), or None.
        hint: what would be right, or None.
        position: offset in characters, from 0, into the text of the statement, or None.
        statement: the text that `position` points into, or None.
        file: the file that the text came from, or None.
    """

    default_sqlstate: ClassVar[str] = states.INTERNAL_ERROR
    code: ClassVar[int] = 0
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        super().__init__(message)
        retryable = details.get("retryable")
        self.message = message
        self.sqlstate = details.get("sqlstate") or self.default_sqlstate
        self.retryable = self.default_retryable if retryable is None else retryable
        self.detail = details.get("detail")
        self.context = details.get("context")
        self.hint = details.get("hint")
        self.position = details.get("position")
        self.statement = details.get("statement")
        self.file = details.get("file")

    @property
    def line_and_column(self) -> tuple[int, int] | None:
        """Line and column, both from 1, of `position`; None where either text or position is unknown."""
        if self.position is None or self.statement is None:
            return None
        before = self.statement[: self.position]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

    def __str__(self) -> str:
        """The message, with file, line and column before it and detail, hint and context below it where they are known."""
        where = ""
        if self.file is not None:
            at = self.line_and_column
            where = f"{self.file}:{at[0]}:{at[1]}: " if at else f"{self.file}: "
        lines = [where + self.message]
        if self.detail:
            lines.append(f"DETAIL: {self.detail}")
        if self.hint:
            lines.append(f"HINT: {self.hint}")
        if self.context:
            lines.append(f"CONTEXT: {self.context}")
        return "\n".join(lines)


class InterfaceError(Error):
    """The driver's interface was used wrongly."""

    default_sqlstate = "08000"


class DatabaseError(Error):
    """Base of the errors that come from the database."""


class DataError(DatabaseError):
    """A value does not fit: out of range, unreadable text, division by zero."""

    default_sqlstate = "22000"


class OperationalError(DatabaseError):
    """The database's state forbids it: resources, connections, conflicts, the cluster."""

    default_sqlstate = "58000"


class IntegrityError(DatabaseError):
    """A constraint would be broken; names the constraint and the key."""

    default_sqlstate = "23000"

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        constraint: str | None = None,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message, **details)
        self.table = table
        self.constraint = constraint


class InternalError(DatabaseError):
    """A bug of exdbsql: an invariant does not hold."""

    default_sqlstate = states.INTERNAL_ERROR


class ProgrammingError(DatabaseError):
    """The statement is wrong: syntax, unknown names, wrong number of parameters."""

    default_sqlstate = "42000"


class NotSupportedError(DatabaseError):
    """A feature that exdbsql does not have; the message names it."""

    default_sqlstate = states.FEATURE_NOT_SUPPORTED


class ConflictError(OperationalError):
    """Another transaction changed the same rows first; try the transaction again.

    Attributes:
        table: name of the table, or None.
        key: the key as text, or None.
        winner: id of the node whose transaction won, or None where there is no cluster.
    """

    code = 87
    default_sqlstate = states.SERIALIZATION_FAILURE
    default_retryable = True

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        key: str | None = None,
        winner: int | None = None,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message, **details)
        self.table = table
        self.key = key
        self.winner = winner


class CommitOutcomeUnknownError(OperationalError):
    """The commit may have taken effect or not; ask ``con.transaction_status(transaction_id)`` later.

    Attributes:
        transaction_id: names the transaction on every node.
    """

    default_sqlstate = states.TRANSACTION_RESOLUTION_UNKNOWN

    def __init__(
        self, message: str, *, transaction_id: str, detail: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.transaction_id = transaction_id


class ClusterError(OperationalError):
    """Base of the cluster's errors."""

    code = 900
    default_sqlstate = states.OBJECT_NOT_IN_PREREQUISITE_STATE


class NotClusterError(ClusterError):
    """A cluster call on a database that is in no cluster."""

    code = 901


class InvalidParameterError(ClusterError):
    """A cluster parameter is wrong; says which and why."""

    code = 902
    default_sqlstate = states.INVALID_PARAMETER_VALUE


class ClusterStoppedError(ClusterError):
    """The cluster runtime has stopped."""

    code = 903
    default_sqlstate = states.ADMIN_SHUTDOWN


class ProtocolError(ClusterError):
    """A peer spoke out of protocol."""

    code = 904
    default_sqlstate = states.PROTOCOL_VIOLATION


class NoQuorumError(ClusterError):
    """No quorum: says the ranks present, the ranks of all members, and who is missing."""

    code = 905
    default_sqlstate = states.CANNOT_CONNECT_NOW
    default_retryable = True


class BusyError(ClusterError):
    """Cannot stop with write transactions open."""

    code = 906
    default_sqlstate = states.OBJECT_IN_USE
    default_retryable = True


class IncompatibleModeError(ClusterError):
    """The nodes' modes differ."""

    code = 907


class SyncError(ClusterError):
    """Synchronisation of a joining node failed."""

    code = 908
    default_retryable = True


class DuplicateNodeIdError(ClusterError):
    """The node id is taken."""

    code = 910
    default_sqlstate = states.DUPLICATE_OBJECT


class DdlNotSupportedError(ClusterError):
    """This DDL cannot be done in a cluster."""

    code = 911
    default_sqlstate = states.FEATURE_NOT_SUPPORTED
