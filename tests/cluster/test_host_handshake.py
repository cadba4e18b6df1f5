"""Who is let in: each reason of refusal, its order, and its error; hellos and refusals come through the wire whole."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.cluster.frames import CONTROL, WELCOME
from exdbsql.cluster.handshake import (
    Hello,
    Refusal,
    digest_of,
    judge,
    read_hello,
    read_refusal,
    refuse_duplicate,
    refuse_version,
    version_of,
)
from exdbsql.cluster.parameters import MAX_NODE_ID
from exdbsql.schema.errors import (
    ClusterError,
    DuplicateNodeIdError,
    IncompatibleModeError,
    ProtocolError,
    SyncError,
)

OWN = Hello(0, 11, "127.0.0.1:2010", 1, 77, True, CONTROL, (("disk", False),), "CREATE TABLE t", (digest_of("old"),))
PEER = replace(OWN, node_id=1, incarnation=22, addr="127.0.0.1:2020", cluster_id=0, running=False, digests=())
ACCEPTED = {digest_of("CREATE TABLE t")}


def difference(other: str) -> list[str]:
    return [] if other == "current" else ["table u is missing", f"got {other}"]


def verdict(hello: Hello, own: Hello = OWN) -> Refusal | None:
    return judge(hello, own, ACCEPTED, difference)


def test_a_good_peer_is_let_in() -> None:
    assert verdict(PEER) is None
    assert verdict(replace(PEER, cluster_id=77)) is None
    assert verdict(replace(PEER, dictionary="current")) is None, "DDL has moved the cluster on"
    assert verdict(replace(PEER, dictionary="x", digests=tuple(ACCEPTED))) is None


@pytest.mark.parametrize(
    ("reason", "error", "hello"),
    [
        ("self", ClusterError, replace(PEER, incarnation=11)),
        ("cluster", ClusterError, replace(PEER, cluster_id=78)),
        ("duplicate", DuplicateNodeIdError, replace(PEER, node_id=0)),
        ("mode", IncompatibleModeError, replace(PEER, modes=(("disk", True),))),
        ("dictionary", SyncError, replace(PEER, dictionary="CREATE TABLE u")),
    ],
)
def test_each_reason_has_its_error(reason: str, error: type[ClusterError], hello: Hello) -> None:
    refusal = verdict(hello)
    assert refusal is not None and refusal.reason == reason
    assert refusal.fatal == (reason != "self")
    assert type(refusal.to_error()) is error
    assert read_refusal(refusal.to_frame()) == refusal


def test_differences_of_dictionaries_are_told_line_by_line() -> None:
    refusal = verdict(replace(PEER, dictionary="CREATE TABLE u"))
    assert refusal is not None
    error = refusal.to_error()
    assert error.detail == "table u is missing\ngot CREATE TABLE u"
    assert not error.retryable


def test_a_node_that_runs_in_no_cluster_yet_ends_nobodys_start() -> None:
    refusal = verdict(replace(PEER, dictionary="CREATE TABLE u"), replace(OWN, running=False))
    assert refusal is not None and not refusal.fatal


def test_a_duplicate_is_always_told_to_go() -> None:
    assert refuse_duplicate(1, "127.0.0.1:2020", replace(OWN, running=False)).fatal


def test_another_version_is_refused_before_the_rest_is_read() -> None:
    frame = [1, "exdbsql", 99, "whatever"]
    refusal = refuse_version(version_of(frame), OWN)
    assert refusal is not None and refusal.fatal and "99" in refusal.message
    assert isinstance(refusal.to_error(), ProtocolError)
    assert refuse_version(version_of(OWN.to_frame()), OWN) is None


def test_a_hello_comes_through_the_wire() -> None:
    assert read_hello(OWN.to_frame()) == OWN
    assert read_hello(PEER.to_frame(WELCOME)) == PEER


@pytest.mark.parametrize("position", range(3, 13))
@pytest.mark.parametrize("value", [None, -5, [["x"]], b"bytes", 2**70])
def test_a_malformed_hello_is_a_protocol_error(position: int, value: Any) -> None:
    frame = OWN.to_frame()
    frame[position] = value
    if position == 8:
        frame[position] = value = ["not", "even", "close"]
        frame[9] = "no channel"
    with pytest.raises(ProtocolError):
        read_hello(frame)


@pytest.mark.parametrize("node_id", [-1, MAX_NODE_ID + 1])
def test_a_node_id_that_cannot_be_is_a_protocol_error(node_id: int) -> None:
    frame = OWN.to_frame()
    frame[3] = node_id
    with pytest.raises(ProtocolError, match="no node id"):
        read_hello(frame)


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.lists(st.integers())), max_size=16))
def test_no_frame_breaks_the_readers(frame: list[Any]) -> None:
    for kind in (1, 2, 3):
        for read in (version_of, read_hello, read_refusal):
            try:
                read([kind, "exdbsql", 1, *frame])
            except ProtocolError:
                continue
