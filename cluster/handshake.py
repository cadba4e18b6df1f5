"""The handshake: what a node says of itself, and who is not let in. Pure functions; the transport sends the results.

A connection begins with a HELLO of the one that dials; the other judges it, and answers WELCOME with its own hello, or
REFUSED with a reason, and closes. The reasons, in the order in which they are looked for:

========== ======== =========================================================================================
reason     fatal    when
========== ======== =========================================================================================
protocol   yes      another protocol version; nothing after the version is read, for it may mean something else
self       no       a node dialled its own address under another name
cluster    yes      the hello names another cluster's id
duplicate  yes      the node id is taken by a process that is alive (the transport finds that out by a ping)
mode       yes      the nodes' modes differ
dictionary yes      the dictionaries differ; told line by line
stopping   no       this node is about to leave
========== ======== =========================================================================================

*Fatal* ends the start of the node that was refused, but only if the refusing one is running in a cluster: of two nodes
that both wait to found one, neither is right, so both go on waiting and say what they wait for.

Dictionaries are compared by the texts that nodes opened with, or by what has become of them: replicated DDL may have
moved the cluster on from the schema file that a returning node opens with. Each node therefore carries the digests of
the texts that its cluster started from, and a hello passes if its text is one of those or equals the current dictionary.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from exdbsql.cluster.frames import BULK_CHANNELS, CONTROL, HELLO, REFUSED, WELCOME
from exdbsql.cluster.parameters import MAX_NODE_ID
from exdbsql.schema.errors import (
    ClusterError,
    DuplicateNodeIdError,
    IncompatibleModeError,
    ProtocolError,
    SyncError,
)

PROTOCOL_VERSION: Final = 1
MAGIC: Final = "exdbsql"
MAX_DIGESTS: Final = 256


@dataclass(frozen=True, slots=True)
class Hello:
    """What a node says of itself.

    Attributes:
        cluster_id: its cluster's random id, or 0 while it is in none.
        incarnation: random identity of this start of the node (R6).
        running: it is a member of a cluster that is formed.
        modes: facts that must be equal on all nodes, e.g. {"disk": False}.
        dictionary: canonical DDL text of the dictionary that the node opened with.
        digests: digests of the texts that its cluster started from.
    """

    node_id: int
    incarnation: int
    addr: str
    rank: int
    cluster_id: int
    running: bool
    channel: str
    modes: tuple[tuple[str, bool], ...]
    dictionary: str
    digests: tuple[str, ...]

    def to_frame(self, kind: int = HELLO, version: int = PROTOCOL_VERSION) -> list[Any]:
        """The frame that says it; `kind` is HELLO or WELCOME."""
        return [
            kind,
            MAGIC,
            version,
            self.node_id,
            self.incarnation,
            self.addr,
            self.rank,
            self.cluster_id,
            self.running,
            self.channel,
            [list(mode) for mode in self.modes],
            self.dictionary,
            list(self.digests),
        ]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node was not let in.

    Attributes:
        reason: one of the table above.
        message: one sentence for people.
        lines: particulars, e.g. what differs, a line each.
        fatal: the refused node must give up.
        refused_by: id of the node that refuses.
    """

    reason: str
    message: str
    lines: tuple[str, ...] = ()
    fatal: bool = False
    refused_by: int = -1

    def to_frame(self) -> list[Any]:
        """The REFUSED frame."""
        return [REFUSED, MAGIC, self.reason, self.message, list(self.lines), self.fatal, self.refused_by]

    def to_error(self) -> ClusterError:
        """The error that the refused node raises from ``listen()``."""
        detail = "\n".join(self.lines) or None
        if self.reason == "duplicate":
            return DuplicateNodeIdError(self.message, detail=detail, hint="Start the node with a free node id.")
        if self.reason == "mode":
            return IncompatibleModeError(self.message, detail=detail)
        if self.reason == "dictionary":
            hint = "Give every node the same schema file."
            error = SyncError(self.message, detail=detail, hint=hint)
            error.retryable = False
            return error
        if self.reason == "protocol":
            return ProtocolError(self.message, detail=detail, hint="Run the same version of exdbsql on every node.")
        return ClusterError(self.message, detail=detail)


def digest_of(dictionary: str) -> str:
    """The short name of a dictionary's text."""
    return sha256(dictionary.encode()).hexdigest()


def version_of(frame: list[Any]) -> int:
    """The protocol version of a HELLO or WELCOME; the rest of the frame is not looked at.

    Raises:
        ProtocolError: it is neither.
    """
    if len(frame) < 3 or frame[0] not in (HELLO, WELCOME) or frame[1] != MAGIC or type(frame[2]) is not int:
        raise ProtocolError("a connection did not begin with a hello of exdbsql")
    return frame[2]


def read_hello(frame: list[Any]) -> Hello:
    """The hello of a HELLO or WELCOME frame of our version, every field checked.

    Raises:
        ProtocolError: a field is missing or of a wrong type.
    """
    try:
        (_, _, _, node_id, incarnation, addr, rank, cluster_id, running, channel, modes, dictionary, digests) = frame[
            :13
        ]
        hello = Hello(
            _node_id(node_id),
            _int(incarnation),
            _str(addr),
            _int(rank),
            _int(cluster_id),
            bool(running),
            _str(channel),
            tuple((_str(name), bool(value)) for name, value in modes),
            _str(dictionary),
            tuple(_str(digest) for digest in digests[:MAX_DIGESTS]),
        )
    except (ValueError, TypeError, IndexError) as error:
        raise ProtocolError(f"a hello is malformed: {error}") from None
    if hello.channel != CONTROL and hello.channel not in BULK_CHANNELS:
        raise ProtocolError(f"a hello names the unknown channel {hello.channel!r}")
    return hello


def read_refusal(frame: list[Any]) -> Refusal:
    """The refusal of a REFUSED frame.

    Raises:
        ProtocolError: it is malformed.
    """
    try:
        _, magic, reason, message, lines, fatal, refused_by = frame[:7]
        if magic != MAGIC:
            raise ValueError("wrong magic")
        return Refusal(_str(reason), _str(message), tuple(_str(line) for line in lines), bool(fatal), _int(refused_by))
    except (ValueError, TypeError) as error:
        raise ProtocolError(f"a refusal is malformed: {error}") from None


def refuse_version(version: int, own: Hello) -> Refusal | None:
    """The refusal of a peer whose hello is of another protocol version, or None."""
    if version == PROTOCOL_VERSION:
        return None
    message = f"node {own.node_id} speaks protocol version {PROTOCOL_VERSION}, and the other side version {version}"
    return Refusal("protocol", message, fatal=True, refused_by=own.node_id)


def judge(
    hello: Hello, own: Hello, accepted: Collection[str], difference: Callable[[str], list[str]]
) -> Refusal | None:
    """Whether this node lets the other one in, by everything but the duplicate id of a third node.

    Args:
        hello: what the other said.
        own: what this node would say now.
        accepted: digests of the dictionary texts that this node's cluster started from.
        difference: tells what differs between the current dictionary and a text.
    """

    def refuse(reason: str, message: str, lines: Collection[str] = (), fatal: bool = own.running) -> Refusal:
        return Refusal(reason, message, tuple(lines), fatal, own.node_id)

    if hello.incarnation == own.incarnation:
        return refuse("self", f"{own.addr} is the node's own address", fatal=False)
    if hello.cluster_id and own.cluster_id and hello.cluster_id != own.cluster_id:
        return refuse(
            "cluster",
            f"node {hello.node_id} belongs to cluster {hello.cluster_id:016x}, and node {own.node_id} at {own.addr} to"
            f" cluster {own.cluster_id:016x}",
        )
    if hello.node_id == own.node_id:
        return refuse_duplicate(hello.node_id, own.addr, own)
    if dict(hello.modes) != dict(own.modes):
        return refuse("mode", f"the modes of nodes {hello.node_id} and {own.node_id} differ", _mode_lines(hello, own))
    if digest_of(hello.dictionary) not in accepted and not set(hello.digests) & set(accepted):
        lines = difference(hello.dictionary)
        if lines:
            message = f"the dictionary of node {hello.node_id} differs from the one of node {own.node_id}"
            return refuse("dictionary", message, lines)
    return None


def refuse_duplicate(node_id: int, addr: str, own: Hello) -> Refusal:
    """The refusal of a node whose id is taken by the process at `addr`."""
    return Refusal("duplicate", f"node id {node_id} is taken by the node at {addr}", fatal=True, refused_by=own.node_id)


def _mode_lines(hello: Hello, own: Hello) -> list[str]:
    theirs, ours = dict(hello.modes), dict(own.modes)
    return [
        f"{name}: {theirs.get(name)} on node {hello.node_id}, {ours.get(name)} on node {own.node_id}"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]


def _node_id(value: object) -> int:
    number = _int(value)
    if not 0 <= number <= MAX_NODE_ID:
        raise ValueError(f"{number} is no node id: they are from 0 to {MAX_NODE_ID}")
    return number


def _int(value: object) -> int:
    if type(value) is not int or not -1 <= value < 2**64:
        raise ValueError(f"{value!r} is no number")
    return value


def _str(value: object) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r} is no text")
    return value
