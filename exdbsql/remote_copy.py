"""COPY over the network: the client's end.

Each part is a request with a reply, and small, so that neither side ever holds more of the stream than one part, and what is wrong with a part
is known before the next is sent. A client that vanishes has loaded nothing: rows go into the table with the last request.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from exdbsql.cancellation import StatementCancelled
from exdbsql.result import Answer, ColumnInfo
from exdbsql.schema import codec
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InternalError, OperationalError, ProgrammingError, ProtocolError

PART: Final = 128 * 1024
"""Characters or bytes of a request."""
_ROWS: Final = 500

Ask = Callable[..., Any]
MakeAnswer = Callable[[Any], Answer]


class RemoteCopyIn:
    """A COPY FROM STDIN at the other end of a socket."""

    def __init__(self, ask: Ask, make_answer: MakeAnswer) -> None:
        self._ask = ask
        self._make_answer = make_answer
        self._is_cancelled = False

    def cancel(self) -> None:
        """From another thread: send nothing more."""
        self._is_cancelled = True

    def _send(self, operation: str, *arguments: Any) -> Any:
        if self._is_cancelled:
            self.abort("cancelled")
            raise OperationalError(StatementCancelled.message, sqlstate=states.QUERY_CANCELED)
        return self._ask(operation, *arguments)

    def write(self, data: bytes | str) -> None:
        """More of the text, in parts."""
        for start in range(0, len(data), PART):
            self._send("copydata", data[start : start + PART])

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of Python values."""
        for packed in _packed(rows):
            self._send("copyrows", packed)

    def finish(self) -> Answer:
        """Insert what was sent."""
        return self._make_answer(self._send("copydone"))

    def abort(self, reason: str) -> None:
        """Give it up."""
        self._ask("copyfail", reason)


def _packed(rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    try:
        for start in range(0, len(rows), _ROWS):
            yield codec.pack_rows(rows[start : start + _ROWS])
    except InternalError as error:
        raise ProgrammingError(
            f"a value is no SQL value: {error.message.rpartition(': ')[2]}", sqlstate=states.DATATYPE_MISMATCH
        ) from error


class RemoteCopyOut:
    """A COPY TO STDOUT at the other end of a socket.

    Attributes:
        columns: of what is copied.
    """

    def __init__(self, ask: Ask, make_answer: MakeAnswer, columns: tuple[ColumnInfo, ...]) -> None:
        self._ask = ask
        self._make_answer = make_answer
        self._answer: Answer | None = None
        self.columns = columns

    def read(self) -> bytes:
        """The next part; empty at the end."""
        if self._answer is not None:
            return b""
        match self._ask("copynext"):
            case [bytes(part), None]:
                return part
            case [b"", [*answer]]:
                self._answer = self._make_answer(answer)
                return b""
        raise ProtocolError("the part of the COPY cannot be read")

    def finish(self) -> Answer:
        """How many rows there were; what was not read is passed over."""
        while self._answer is None:
            self.read()
        return self._answer
