"""Bytes: encodings, digests, parts, bits (PostgreSQL's manual, section 9.5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


def encode(data: bytes, form: str) -> str:
    """``encode(bytes, 'hex' | 'base64' | 'escape')``."""
    match form.lower():
        case "hex":
            return data.hex()
        case "base64":
            whole = base64.b64encode(data).decode()
            return "\n".join(whole[i : i + 76] for i in range(0, len(whole), 76))
        case "escape":
            return "".join("\\\\" if b == 92 else f"\\{b:03o}" if b == 0 or b > 127 else chr(b) for b in data)
    raise DataError(f'unrecognized encoding: "{form}"', sqlstate=_INVALID, hint="one of base64, escape, hex")


def decode(text: str, form: str) -> bytes:
    """``decode(text, 'hex' | 'base64' | 'escape')``."""
    try:
        match form.lower():
            case "hex":
                return bytes.fromhex(text)
            case "base64":
                return base64.b64decode("".join(text.split()), validate=True)
            case "escape":
                return re.sub(
                    rb"\\(\\|[0-3][0-7]{2})",
                    lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 8)]),
                    text.encode(),
                )
    except (ValueError, binascii.Error):
        raise DataError(f"invalid {form.lower()} data", sqlstate=_INVALID) from None
    raise DataError(f'unrecognized encoding: "{form}"', sqlstate=_INVALID, hint="one of base64, escape, hex")


def digest(name: str, data: bytes) -> bytes:
    """A digest of SHA-2."""
    return hashlib.new(name, data, usedforsecurity=False).digest()


def md5_of_bytes(data: bytes) -> str:
    """``md5(bytea)``."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def convert_to(text: str, name: str) -> bytes:
    """``convert_to(text, encoding)``."""
    try:
        return text.encode(name)
    except (LookupError, UnicodeEncodeError):
        raise DataError(f'cannot convert to encoding "{name}"', sqlstate="22P05") from None


def convert_from(data: bytes, name: str) -> str:
    """``convert_from(bytes, encoding)``."""
    try:
        return data.decode(name)
    except (LookupError, UnicodeDecodeError):
        raise DataError(f'invalid byte sequence for encoding "{name}"', sqlstate="22021") from None


def get_byte(data: bytes, n: int) -> int:
    """``get_byte``."""
    if not 0 <= n < len(data):
        raise DataError(f"index {n} out of valid range, 0..{len(data) - 1}", sqlstate="2202E")
    return data[n]


def substring_bytes(data: bytes, start: int, length: int | None = None) -> bytes:
    """``substring(bytea, start, length)``."""
    if length is not None and length < 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    return data[max(0, start - 1) : None if length is None else max(0, start - 1 + length)]


def set_byte(data: bytes, n: int, value: int) -> bytes:
    """``set_byte``."""
    get_byte(data, n)
    return data[:n] + bytes([value & 255]) + data[n + 1 :]


def get_bit(data: bytes, n: int) -> int:
    """``get_bit``: bits are counted from the right of each byte."""
    if not 0 <= n < 8 * len(data):
        raise DataError(f"index {n} out of valid range, 0..{8 * len(data) - 1}", sqlstate="2202E")
    return data[n // 8] >> n % 8 & 1


def set_bit(data: bytes, n: int, value: int) -> bytes:
    """``set_bit``."""
    if value not in (0, 1):
        raise DataError("new bit must be 0 or 1", sqlstate=_INVALID)
    get_bit(data, n)
    return set_byte(data, n // 8, data[n // 8] & ~(1 << n % 8) | value << n % 8)


def bit_count(data: bytes) -> int:
    """``bit_count``: how many bits are set."""
    return int.from_bytes(data, "big").bit_count()


def trim_bytes(data: bytes, what: bytes) -> bytes:
    """``btrim``."""
    return data.strip(what)


def trim_bytes_left(data: bytes, what: bytes) -> bytes:
    """``ltrim``."""
    return data.lstrip(what)


def trim_bytes_right(data: bytes, what: bytes) -> bytes:
    """``rtrim``."""
    return data.rstrip(what)


def overlay_bytes(data: bytes, new: bytes, start: int, length: int | None = None) -> bytes:
    """``overlay``."""
    if start <= 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    end = start - 1 + (len(new) if length is None else length)
    return data[: start - 1] + new + data[max(end, 0) :]
