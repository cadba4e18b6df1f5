"""Frames: any cut of the stream gives the same frames; garbage is a ProtocolError and never anything else."""

import struct
import zlib
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.cluster.wire import HANDSHAKE_LIMIT, FrameReader, encode_frame
from exdbsql.schema.errors import ProtocolError

frames = st.lists(
    st.tuples(st.integers(0, 50), st.binary(max_size=2000), st.text(max_size=30), st.integers(-(2**63), 2**64 - 1)).map(
        list
    ),
    max_size=6,
)


@given(frames, st.integers(0, 9), st.data())
def test_frames_come_through_whatever_the_cuts(sent: list[list[object]], level: int, data: st.DataObject) -> None:
    stream = b"".join(encode_frame(frame, level) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, got = FrameReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:end])
    assert got == sent
    assert reader.pending == 0


@given(st.binary(max_size=300))
def test_garbage_is_a_protocol_error(garbage: bytes) -> None:
    with suppress(ProtocolError):
        FrameReader(limit=100).feed(garbage)


def test_a_length_above_the_limit_is_refused_before_its_body_arrives() -> None:
    reader = FrameReader()
    with pytest.raises(ProtocolError, match="larger than the limit"):
        reader.feed(struct.pack(">I", HANDSHAKE_LIMIT + 1))


def test_a_compressed_bomb_is_refused() -> None:
    bomb = zlib.compress(msgpack.packb([1, bytes(10_000_000)]))
    with pytest.raises(ProtocolError, match="compressed"):
        FrameReader(limit=1_000_000).feed(struct.pack(">I", len(bomb) | 0x8000_0000) + bomb)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        msgpack.packb([]),
        msgpack.packb({1: 2}),
        msgpack.packb(["x"]),
        msgpack.packb([True]),
        msgpack.packb([1, msgpack.ExtType(5, b"x")]),
        msgpack.packb([1]) + b"\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x92\x01\xa2\xff\xfe",
    ],
    ids=["empty", "no kind", "map", "text kind", "bool kind", "extension", "rest", "huge array", "deep", "bad text"],
)
def test_a_body_that_is_no_frame_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrameReader().feed(struct.pack(">I", len(body)) + body)


def test_half_a_frame_waits() -> None:
    reader = FrameReader()
    assert reader.feed(encode_frame([7, "x"])[:-1]) == []
    assert reader.pending > 0
