"""recv and send on a socket that does not block, without giving up the interpreter's lock.

Python's own calls give it up, since a socket may block. These two never do, and take microseconds; but who gives up the
lock has to wait for it again, for a whole switch interval where another thread calculates. Where the C library
cannot be reached, Python's calls do.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Callable
from typing import Any, Final

_AGAIN: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})
_BUFFER_BYTES: Final = 256 * 1024

Receive = Callable[[int, int], bytes | None]
Send = Callable[[int, bytes], int | None]


def _python_receive(descriptor: int, size: int) -> bytes | None:
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _python_send(descriptor: int, data: bytes) -> int | None:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except OSError:
        return None


def _find() -> tuple[Any, Any, int] | None:
    try:
        library = ctypes.PyDLL(None, use_errno=True)
        recv, send, flags = library.recv, library.send, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
    except (OSError, AttributeError, TypeError):
        return None
    recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    recv.restype = send.restype = ctypes.c_ssize_t
    return recv, send, flags


def receiver() -> Receive:
    """A function that gives what has come, at most so many bytes; b"" at the end of the connection or for an error, None
    where nothing is there. It has a buffer: one thread at a time may use it."""
    found = _find()
    if found is None:
        return _python_receive
    recv, _, flags = found
    buffer = ctypes.create_string_buffer(_BUFFER_BYTES)

    def receive(descriptor: int, size: int) -> bytes | None:
        count = recv(descriptor, buffer, min(size, _BUFFER_BYTES), flags)
        if count < 0:
            return None if ctypes.get_errno() in _AGAIN else b""
        return ctypes.string_at(buffer, count)

    return receive


def _sender() -> Send:
    found = _find()
    if found is None:
        return _python_send
    _, send_bytes, flags = found

    def send(descriptor: int, data: bytes) -> int | None:
        count: int = send_bytes(descriptor, data, len(data), flags)
        if count < 0:
            return 0 if ctypes.get_errno() in _AGAIN else None
        return count

    return send


send: Final[Send] = _sender()
"""How many bytes the operating system took; None where the connection is broken."""
