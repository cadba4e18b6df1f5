"""The server's end of one connection, without a socket: requests in, replies out.

It owns a session of the database and the results that the client has not read to the end. Its calls come from the
threads of the service's pool, one at a time.
"""

import itertools
from collections.abc import Mapping
from typing import Any, Final

from exdbsql import commit_names, protocol
from exdbsql.copy.copy_in import CopyIn
from exdbsql.copy.copy_out import CopyOut
from exdbsql.protocol import FAILED, OK
from exdbsql.remote_calls import serve_call
from exdbsql.result import Answer, Row
from exdbsql.schema import codec
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, InternalError, OperationalError, ProtocolError
from exdbsql.session import Session

MAX_OPEN_RESULTS: Final = 100
MAX_PAGE_ROWS: Final = 100_000


class ServerSession:
    """Carries out the requests of one client.

    Args:
        session: the session in the database.
        frame_limit: bytes that one frame may have.
        names: what the names of its commits begin with; None: there is no cluster to ask for them.

    Attributes:
        ending: why the service stops what runs; None while it does not.
    """

    def __init__(self, session: Session, frame_limit: int, names: bytes | None = None) -> None:
        self.session = session
        self.ending: Error | None = None
        self._names = names
        self._told: Mapping[str, str] | None = {}
        self._frame_limit = frame_limit
        self._results: dict[int, tuple[list[Row], int]] = {}
        self._result_ids = itertools.count(1)
        self._copy_in: CopyIn | None = None
        self._copy_out: CopyOut | None = None

    def reply(self, request_id: int, operation: str, arguments: list[Any]) -> bytes:
        """Carry out one request; never raises, an error is a reply too."""
        commit_names.current.set(self._names and commit_names.name_of(self._names, request_id))
        try:
            return self._frame(request_id, OK, self._carry_out(operation, arguments))
        except Error as error:
            if self.ending is not None and error.sqlstate == states.QUERY_CANCELED:
                error = self.ending
            return self._frame(request_id, FAILED, protocol.error_to_wire(error))
        except Exception as error:  # noqa: BLE001 - a bug in one request must not take the client's connection down
            bug = InternalError(f"a bug of exdbsql: {type(error).__name__}: {error}")
            return self._frame(request_id, FAILED, protocol.error_to_wire(bug))

    def refuse(self, request_id: int, error: Error) -> bytes:
        """The reply to a request that is not carried out."""
        return self._frame(request_id, FAILED, protocol.error_to_wire(error))

    def _frame(self, request_id: int, status: int, payload: Any) -> bytes:
        state, notices = self.session.transaction_state, self.session.take_notices()
        message = [request_id, status, payload, state, notices]
        own = self._own_state()
        if own != self._told:
            message.append(own)
        frame = protocol.encode(message, self._frame_limit)
        self._told = own
        return frame

    def _own_state(self) -> Mapping[str, str] | None:
        """What another session would need to be like this one: settings; None where they would not do."""
        settings, block = self.session.settings, self.session.block
        temporary, transaction = block.temporary, block.transaction
        if settings.before is not None or temporary.catalog is not None:
            return None
        if transaction is not None and temporary.changed_by(transaction):
            return None
        return settings.values.session

    def _carry_out(self, operation: str, arguments: list[Any]) -> Any:
        session = self.session
        match operation:
            case "execute":
                sql, parameters, page_rows = arguments
                return self._answer(session.run(sql, parameters), page_rows)
            case "executemany":
                sql, rows = arguments
                return self._answer(session.run_many(sql, codec.unpack_rows(rows)), 0)
            case "executenamed":
                return self._answer(session.run_many(*arguments), 0)
            case "next":
                return self._next_page(*arguments)
            case "copyin":
                self._copy_in = session.copy_in(*arguments)
            case "copydata":
                self._incoming.write(_text_or_bytes(*arguments))
            case "copyrows":
                self._incoming.write_rows(codec.unpack_rows(*arguments))
            case "copydone":
                incoming, self._copy_in = self._incoming, None
                return self._answer(incoming.finish(), 0)
            case "copyfail":
                if self._copy_in is not None:
                    self._copy_in.abort(*arguments)
                    self._copy_in = None
            case "copyout":
                self._copy_out = session.copy_out(*arguments)
                return protocol.columns_to_wire(self._copy_out.columns)
            case "copynext":
                return self._next_of_copy()
            case "close":
                self._results.pop(arguments[0], None)
            case "autocommit":
                session.autocommit = arguments[0]
            case "commit":
                session.commit()
            case "rollback":
                session.rollback()
            case "call":
                return serve_call(session.cluster, *arguments)
            case _:
                raise ProtocolError(f"{operation} is not for the session")
        return None

    # --- COPY --------------------------------------------------------------------------------------------------------

    @property
    def _incoming(self) -> CopyIn:
        if self._copy_in is None:
            raise ProtocolError("no COPY FROM is under way")
        return self._copy_in

    def _next_of_copy(self) -> list[Any]:
        """A part of the text, and behind the last the answer; parts of bounded size, the client asks for each."""
        outgoing = self._copy_out
        if outgoing is None:
            raise ProtocolError("no COPY TO is under way")
        part = outgoing.read()
        if part:
            return [part, None]
        self._copy_out = None
        return [b"", self._answer(outgoing.finish(), 0)]

    # --- results -----------------------------------------------------------------------------------------------------

    def _answer(self, answer: Answer, page_rows: int) -> list[Any]:
        """Shape, count, the first page, and the id under which the rest can be had (0: there is no rest)."""
        shape, rows, count, _ = answer
        if rows is None:
            return [protocol.shape_to_wire(shape), count, None, 0]
        page, end = self._page(rows, 0, page_rows)
        result_id = 0
        if end < len(rows):
            result_id = next(self._result_ids)
            self._keep(result_id, rows, end)
        return [protocol.shape_to_wire(shape), count, page, result_id]

    def _keep(self, result_id: int, rows: list[Row], position: int) -> None:
        if len(self._results) >= MAX_OPEN_RESULTS:
            del self._results[next(iter(self._results))]
        self._results[result_id] = rows, position

    def _next_page(self, result_id: int, page_rows: int) -> list[Any]:
        """The next page, and whether it was the last."""
        found = self._results.get(result_id)
        if found is None:
            raise OperationalError(
                "this result is no longer open",
                sqlstate="24000",
                hint=f"a connection keeps {MAX_OPEN_RESULTS} results that were not read to the end",
            )
        rows, position = found
        page, end = self._page(rows, position, page_rows)
        if end < len(rows):
            self._results[result_id] = rows, end
        else:
            del self._results[result_id]
        return [page, end >= len(rows)]

    def _page(self, rows: list[Row], start: int, page_rows: int) -> tuple[bytes, int]:
        """Packed rows from `start`, as many as asked for and as fit into half a frame, and where they end."""
        wanted = min(max(1, page_rows), MAX_PAGE_ROWS)
        limit = self._frame_limit // 2
        while True:
            part = rows[start : start + wanted]
            page = codec.pack_rows(part)
            if len(page) <= limit:
                return page, start + len(part)
            if wanted == 1:
                raise OperationalError(
                    f"a row of {len(page)} bytes does not fit into a message",
                    sqlstate=states.PROGRAM_LIMIT_EXCEEDED,
                    hint="raise max_frame_size in the node's configuration",
                )
            wanted = max(1, min(wanted, len(part)) * limit // len(page) // 2)

    def close(self) -> None:
        """Roll back and end."""
        self._results.clear()
        self._copy_in = self._copy_out = None
        self.session.close()


def _text_or_bytes(data: Any) -> str | bytes:
    if isinstance(data, (str, bytes)):
        return data
    raise ProtocolError("the data of a COPY are text or bytes")
