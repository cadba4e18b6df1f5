"""Names of commits that are known before the commit is asked for, so that a client whose node is lost meanwhile can ask another one.

The name that a node gives to a proposal (`transaction_id`) reaches the client with the error of a commit that went wrong, or not
at all. So a session over the network has a random number from its node, told when they greet, and a commit is named by it and by the number of the
request. The name travels as the token of the entry in the log, and every node keeps those of the latest commits. It says "committed", or that it
does not know: the entry may still come, or have come with a snapshot, or too long ago.
"""

import secrets
from contextvars import ContextVar
from typing import Final

NAME_BYTES: Final = 16
SESSION_BYTES: Final = 8
KEPT: Final = 20_000
"""Names that a node keeps, as many as outcomes of proposals."""

_MARK: Final = 0x80
_PREFIX: Final = "c-"

current: ContextVar[bytes | None] = ContextVar("exdbsql_commit_name", default=None)
"""The name of the commit that the request under way may lead to; None where nobody will ask for it."""


def new_session() -> bytes:
    """What the names of a session begin with."""
    number = secrets.token_bytes(SESSION_BYTES)
    return bytes([number[0] | _MARK]) + number[1:]


def new_process() -> bytes:
    """What the tokens begin with that are no names: never the same as of a session."""
    number = secrets.token_bytes(SESSION_BYTES)
    return bytes([number[0] & ~_MARK]) + number[1:]


def name_of(session: bytes, request_id: int) -> bytes:
    """The name of what a request commits."""
    return session + request_id.to_bytes(NAME_BYTES - SESSION_BYTES, "big")


def text_of(name: bytes) -> str:
    """As `transaction_status` takes it."""
    return _PREFIX + name.hex()


def read_name(text: str) -> bytes | None:
    """Inverse of `text_of`; None where it is the name of something else."""
    if not text.startswith(_PREFIX):
        return None
    try:
        name = bytes.fromhex(text.removeprefix(_PREFIX))
    except ValueError:
        return None
    return name if len(name) == NAME_BYTES and name[0] & _MARK else None


class NamedCommits:
    """The names of the latest commits. One thread adds, in the order of the log; any may ask."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._names: dict[bytes, None] = {}

    def add(self, token: bytes) -> None:
        """This was committed; kept where it is a name."""
        if token[0] & _MARK:
            self._names[token] = None
            if len(self._names) > self._kept:
                for name in list(self._names)[: self._kept // 2]:
                    del self._names[name]

    def status(self, name: bytes) -> str:
        """ "committed" or "unknown"."""
        return "committed" if name in self._names else "unknown"
