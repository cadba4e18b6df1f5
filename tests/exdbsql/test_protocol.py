"""The SQL protocol without a socket: frames in any pieces, hostile bytes, errors and shapes there and back."""

import datetime
import inspect
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exdbsql import protocol
from exdbsql.result import ColumnInfo, Shape
from exdbsql.schema import errors
from exdbsql.schema.errors import Error, OperationalError, ProtocolError

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=20)
)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=5), max_size=5), st.integers(1, 7))
@settings(max_examples=50)
def test_messages_survive_any_cutting_of_the_stream(messages: list[list[Any]], size: int) -> None:
    stream = b"".join(map(protocol.encode, messages))
    reader = protocol.FrameReader(10_000)
    received = [m for at in range(0, len(stream), size) for m in reader.feed(stream[at : at + size])]
    assert received == messages


def test_a_frame_above_the_limit_is_refused_by_its_length_alone() -> None:
    with pytest.raises(ProtocolError, match="100 is the limit"):
        list(protocol.FrameReader(100).feed(protocol.LENGTH.pack(101)))
    with pytest.raises(OperationalError, match="is the limit"):
        protocol.encode(["x" * 101], limit=100)


@given(st.binary(max_size=40))
@settings(max_examples=100)
def test_garbage_is_a_protocol_error_or_a_message(body: bytes) -> None:
    try:
        message = protocol.decode(body)
    except ProtocolError:
        return
    for check in (protocol.check_hello, protocol.check_request):
        try:
            check(message)
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    "message",
    [
        ["hello", {}],
        ["hello", {"magic": "other", "versions": [1]}],
        ["hello", {"magic": "exdbsql", "versions": [99]}],
        ["hello", 3],
    ],
)
def test_a_stranger_is_refused(message: list[Any]) -> None:
    with pytest.raises(ProtocolError):
        protocol.check_hello(message)


def test_the_handshake_passes_and_a_refusal_is_raised_at_the_client() -> None:
    assert protocol.check_hello(protocol.hello("test", "db", None))["database"] == "db"
    assert protocol.check_welcome(protocol.welcome({"limit": 7}))["limit"] == 7
    with pytest.raises(ProtocolError, match="SQL port"):
        protocol.check_welcome([0, 0, None])
    with pytest.raises(OperationalError, match="full"):
        protocol.check_welcome(protocol.refused(OperationalError("full")))


@pytest.mark.parametrize(
    "message",
    [
        [1],
        [1, "drop"],
        [-1, "commit"],
        [1, "execute", "select 1"],
        [1, "execute", 3, None, 10],
        [1, "execute", "select 1", None, "10"],
        ["1", "commit"],
    ],
)
def test_a_bad_request_is_refused(message: list[Any]) -> None:
    with pytest.raises(ProtocolError):
        protocol.check_request(message)


def every_error_class() -> list[type[Error]]:
    return [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Error)]


@pytest.mark.parametrize("cls", every_error_class())
def test_an_error_crosses_with_its_class_and_fields(cls: type[Error]) -> None:
    special = {"transaction_id": "1-2-3"} if cls is errors.CommitOutcomeUnknownError else {}
    error = cls("it broke", detail="d", hint="h", **special)
    error.position, error.statement, error.retryable, error.sqlstate = 3, "select", True, "12345"
    if isinstance(error, errors.ConflictError):
        error.table, error.key, error.winner = "t", "(1)", 2
    back = protocol.error_from_wire(protocol.decode(protocol.encode(protocol.error_to_wire(error))[4:]))
    assert type(back) is cls
    assert (str(back), back.code) == (str(error), error.code)
    assert vars(back) == vars(error)


def test_an_error_of_a_later_version_is_an_operational_error() -> None:
    error = protocol.error_from_wire(["FutureError", "new", {"sqlstate": "99999", "colour": 3, "position": "x"}])
    assert type(error) is OperationalError
    assert (error.sqlstate, error.position) == ("99999", None)


def test_a_shape_crosses() -> None:
    shape = Shape("SELECT", (ColumnInfo("a", "numeric", None, 10, 2), ColumnInfo("b", "text")))
    back = protocol.shape_from_wire(protocol.shape_to_wire(shape))
    assert (back.kind, back.columns, back.description) == (shape.kind, shape.columns, shape.description)
    assert protocol.shape_from_wire(["BEGIN", None]).columns is None
    for bad in (None, ["SELECT"], ["SELECT", [["a"]]], ["SELECT", [["a", "text", "x", None, None]]]):
        with pytest.raises(ProtocolError):
            protocol.shape_from_wire(bad)


def test_every_sql_value_crosses_in_a_frame() -> None:
    row = [Decimal("1.50"), datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3), 2**80, b"\0", None]
    assert protocol.decode(protocol.encode(row)[4:]) == row
