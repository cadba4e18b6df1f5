"""The file that COPY TO writes: it takes the place of the one of its name when all rows are in it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write what `path` shall hold. An exception in the block leaves `path` as it was, or not there.

    The new file has the former one's mode. Written in place are what is no plain file or stands behind a link (a pipe, ``/dev/stdout``), a file
    that has another owner or several names, which a new one would not have, and one in a folder that takes no new files.

    Raises:
        OSError: it cannot be opened; in the block or at its end, it cannot be written.
    """
    present = _status(path)
    if not _can_be_replaced(path, present):
        with path.open("wb") as file:
            yield file
        return
    fresh = path.with_name(f".{secrets.token_hex(8)}.copy")
    try:
        with open(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
            if present is not None:
                path.open("r+b").close()  # raises for a file that may not be written
                os.fchmod(file.fileno(), stat.S_IMODE(present.st_mode))
            yield file
        fresh.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _can_be_replaced(path: Path, present: os.stat_result | None) -> bool:
    if present is None:
        return True
    is_own = stat.S_ISREG(present.st_mode) and present.st_uid == os.geteuid() and present.st_nlink == 1
    return is_own and os.access(path.parent, os.W_OK)
