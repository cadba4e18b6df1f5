"""Frames between nodes: length-prefixed msgpack, sans-IO.

Rules:

1. A frame is four bytes, big-endian, and a body. The top bit of the four says that the body is zlib-compressed; the
   other 31 are the body's length in bytes.
2. The length is checked against the reader's limit before one byte of the body is kept. The limit is small until the
   handshake is over (:data:`HANDSHAKE_LIMIT`), so a stranger cannot make a node allocate.
3. A compressed body is inflated to at most the same limit.
4. A body is one msgpack array whose first item is a small int, the frame's kind. Timestamps, extension types and
   nesting beyond msgpack's own bound are garbage.
5. Garbage is a :class:`ProtocolError`; the reader is dead afterwards, and its owner closes the connection, nothing else.

Left out: what the kinds mean (``frames.py``), and reading from sockets (``transport_tcp.py``).
"""

import struct
import zlib
from typing import Any, Final

import msgpack

from exdbsql.schema.errors import ProtocolError

HANDSHAKE_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of the largest frame before the peer is known; a hello carries the dictionary's text."""

FRAME_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of the largest frame between nodes that know each other."""

COMPRESS_FROM: Final = 512
"""Bodies below so many bytes are never compressed: it would cost more than it saves."""

_HEADER = struct.Struct(">I")
_COMPRESSED = 0x8000_0000

Frame = list[Any]


def encode_frame(frame: Frame, compression_level: int = 0) -> bytes:
    """The bytes of one frame.

    Raises:
        ProtocolError: the frame is larger than :data:`FRAME_LIMIT`.
    """
    body: bytes = msgpack.packb(frame, use_bin_type=True)
    if len(body) > FRAME_LIMIT:
        raise ProtocolError(f"a frame of {len(body)} bytes is larger than the limit of {FRAME_LIMIT}")
    if compression_level and len(body) >= COMPRESS_FROM:
        small = zlib.compress(body, compression_level)
        if len(small) < len(body):
            return _HEADER.pack(len(small) | _COMPRESSED) + small
    return _HEADER.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frames; feed it whatever arrives."""

    __slots__ = ("_buffer", "_needed", "limit")

    def __init__(self, limit: int = HANDSHAKE_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._needed = 4  # bytes in the buffer before it is worth looking at again

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order.

        Raises:
            ProtocolError: the stream is garbage; nothing more may be fed.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        frames: list[Frame] = []
        start, end, self._needed = 0, len(data), 4
        while end - start >= 4:
            (word,) = _HEADER.unpack_from(data, start)
            length = word & ~_COMPRESSED
            if length > self.limit:
                raise ProtocolError(f"a frame of {length} bytes is larger than the limit of {self.limit}")
            stop = start + 4 + length
            if stop > end:
                self._needed = stop - start
                break
            frames.append(self._decode(data[start + 4 : stop], bool(word & _COMPRESSED)))
            start = stop
        if start < end:
            self._buffer += data[start:]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._buffer)

    def _decode(self, body: bytes, compressed: bool) -> Frame:
        if compressed:
            body = _inflate(body, self.limit)
        try:
            frame = msgpack.unpackb(body, raw=False, strict_map_key=False, ext_hook=_refuse_extension)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
            raise ProtocolError(f"a frame is not msgpack: {error}") from None
        if type(frame) is not list or not frame or type(frame[0]) is not int:
            raise ProtocolError("a frame is no array that begins with its kind")
        return frame


def _inflate(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(body, limit)
    except zlib.error as error:
        raise ProtocolError(f"a compressed frame is garbage: {error}") from None
    if not stream.eof or stream.unused_data:
        raise ProtocolError(f"a compressed frame is cut short, or larger than the limit of {limit} bytes")
    return plain


def _refuse_extension(code: int, data: bytes) -> object:
    raise ProtocolError(f"a frame holds extension type {code}, which is not spoken here")
