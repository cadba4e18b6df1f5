"""What nodes say to each other, as values and as msgpack-able lists.

Every message is a named tuple of plain values. ``to_wire`` makes a list (a number for the kind, then the fields);
``from_wire`` checks kind, number of fields, and the type and range of each, and raises
:class:`~exdbsql.schema.errors.ProtocolError` for anything else: what comes from the network is never trusted.

Rules of this module:

1. All messages but :class:`Hello` and :class:`Found` carry the cluster's id first; a node drops those of another one.
2. What R6 (diskless restart) needs is in the messages, tag by tag as the model check asks: an answer echoes the
   asker's incarnation; a vote carries the voter's incarnation, its "recovering" flag, and the candidate's incarnation;
   a confirmation carries term and number of the question and both incarnations.
3. Ids of clusters and incarnations are random 64-bit numbers, 0 means none. Terms and log indexes count from 1.

``is_bulk`` tells which messages belong on a connection of their own, so that heartbeats never wait behind them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_type_hints

from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.schema.errors import ProtocolError

# Kinds of log entry. COMMAND goes to the state machine; the others are the cluster's own.
NOOP, COMMAND, CONFIG, RECOVERY, MEETING, VERDICT, READ_MARK = range(7)
ENTRY_KINDS = ("noop", "command", "config", "recovery", "meeting", "verdict", "read mark")


MAX_NUMBER = 2**60
"""Terms and log indexes above this are nobody's: one more of them would still have to fit into a message."""


class Entry(NamedTuple):
    """One entry of the replicated log."""

    term: int
    kind: int
    """One of NOOP, COMMAND, CONFIG, RECOVERY, MEETING, VERDICT, READ_MARK."""
    node_id: int
    """Who proposed it (R4); the leader for entries of its own."""
    incarnation: int
    """The start of that node; for RECOVERY the incarnation that the mark is for."""
    number: int
    """The proposer's number for it, from 1; 0 for entries that are not recognised again."""
    low: int
    """The proposer will never again propose a number up to this one; bounds the memory that R4 needs."""
    data: bytes


class Proposal(NamedTuple):
    """An entry on its way to the leader; the leader adds the term, the message says who asks."""

    kind: int
    number: int
    low: int
    data: bytes


class Hello(NamedTuple):
    """What a node is, told when a connection opens and, while it is in no cluster, again and again (R8)."""

    incarnation: int
    cluster: int
    """The cluster it is, or by its marker was, a member of; 0 for none."""
    phase: str
    """waiting, founded, asking, recovering, normal, left or halted."""
    member: Member
    """The sender itself."""
    members: tuple[Member, ...]
    """The member list in force, or the list that the node was started with."""
    log_index: int
    """Log index of that list; 0 for a list that a node was started with."""
    round: int
    """The asker's round of questions, echoed in the reply: see founding."""
    reply: bool


class Ask(NamedTuple):
    """R6 (a): a new incarnation asks everybody for their terms."""

    cluster: int
    incarnation: int


class Answer(NamedTuple):
    """R6 (a): a node that is not recovering tells its term, and the member list that it knows (R7)."""

    cluster: int
    asker_incarnation: int
    term: int
    configuration: Configuration


class PreVote(NamedTuple):
    """Would you vote for me in this term? Changes nothing at the receiver."""

    cluster: int
    term: int
    incarnation: int
    last_term: int
    last_index: int


class PreVoteReply(NamedTuple):
    cluster: int
    term: int
    """The term asked about when granted, else the receiver's own."""
    granted: bool
    candidate_incarnation: int
    recovering: bool


class VoteRequest(NamedTuple):
    cluster: int
    term: int
    incarnation: int
    last_term: int
    last_index: int
    transfer: bool
    """The leader itself asked for this election: no need to wait for its silence."""


class Vote(NamedTuple):
    cluster: int
    term: int
    granted: bool
    candidate_incarnation: int
    voter_incarnation: int
    recovering: bool


class ConfirmRequest(NamedTuple):
    """R6 (b'): did you vote for me, and are you still the one who did?"""

    cluster: int
    term: int
    question: int
    candidate_incarnation: int


class Confirmation(NamedTuple):
    cluster: int
    term: int
    question: int
    candidate_incarnation: int
    voter_incarnation: int


class Append(NamedTuple):
    """Entries that follow (prev_index, prev_term) in the leader's log."""

    cluster: int
    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int
    prev_leader: int
    """Incarnation of the leader that began prev_term in the sender's log, 0 where that is not known (R5)."""


class AppendReply(NamedTuple):
    cluster: int
    term: int
    incarnation: int
    recovering: bool
    success: bool
    match: int
    """On success: the log equals the leader's up to here. Else: the index to try next is at most one above."""
    commit: int


class Heartbeat(NamedTuple):
    """Says only that the leader is alive; what is committed travels in Append, which checks the log first."""

    cluster: int
    term: int


class HeartbeatReply(NamedTuple):
    cluster: int
    term: int
    incarnation: int
    recovering: bool
    last_index: int


class TimeoutNow(NamedTuple):
    """The leader hands over: the receiver holds its whole log and may stand at once."""

    cluster: int
    term: int


class SnapshotChunk(NamedTuple):
    """One bounded piece of the state at (index, index_term); the first piece describes the rest."""

    cluster: int
    term: int
    log_index: int
    index_term: int
    number: int
    last: bool
    data: bytes


class SnapshotReply(NamedTuple):
    cluster: int
    term: int
    incarnation: int
    log_index: int
    wanted: int
    """Number of the piece wanted next; -1 when the state was taken, -2 when it was refused."""


class Propose(NamedTuple):
    """Proposals of one node for the leader, in the order of their numbers."""

    cluster: int
    incarnation: int
    proposals: tuple[Proposal, ...]


class Join(NamedTuple):
    """A node that is no member, or one with another rank or address, asks the leader to list it so."""

    cluster: int
    incarnation: int
    member: Member


class JoinRefused(NamedTuple):
    cluster: int
    incarnation: int
    reason: str
    """"duplicate", "full" or "removed"."""
    text: str


class Leave(NamedTuple):
    """A member asks the leader to take a node (itself, or one that an operator gave up) off the list."""

    cluster: int
    node_id: int


class Found(NamedTuple):
    """R8: found this cluster with me. Sent to nodes that have no marker, or when all are there and none holds state."""

    cluster: int
    incarnation: int
    receiver_incarnation: int
    """Whom it is meant for: one that has been a member since, and forgotten it, must not begin again at term 0."""
    members: tuple[Member, ...]
    anew: bool


class FoundReply(NamedTuple):
    cluster: int
    incarnation: int


Message = (
    Hello
    | Ask
    | Answer
    | PreVote
    | PreVoteReply
    | VoteRequest
    | Vote
    | ConfirmRequest
    | Confirmation
    | Append
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | TimeoutNow
    | SnapshotChunk
    | SnapshotReply
    | Propose
    | Join
    | JoinRefused
    | Leave
    | Found
    | FoundReply
)

MESSAGE_KINDS: tuple[type[Message], ...] = (
    Hello,
    Ask,
    Answer,
    PreVote,
    PreVoteReply,
    VoteRequest,
    Vote,
    ConfirmRequest,
    Confirmation,
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    TimeoutNow,
    SnapshotChunk,
    SnapshotReply,
    Propose,
    Join,
    JoinRefused,
    Leave,
    Found,
    FoundReply,
)
"""The place in this list is the kind's number on the wire; new kinds go to the end."""

MAX_TEXT = 4096
MAX_MEMBERS = 1024
_NUMBER_OF = {cls: number for number, cls in enumerate(MESSAGE_KINDS)}


def is_bulk(message: Message) -> bool:
    """Whether the message belongs on the connection for bulk data."""
    return type(message) is SnapshotChunk


def to_wire(message: Message) -> list[Any]:
    """The message as nested lists and tuples of int, bool, str and bytes."""
    return [_NUMBER_OF[type(message)], *message]


def from_wire(wire: object) -> Message:
    """The message in a list that came from the network.

    Raises:
        ProtocolError: it is not one of our messages; names the kind and the field.
    """
    if not isinstance(wire, list | tuple) or not wire:
        raise ProtocolError("a message is a list that starts with its kind")
    kind = wire[0]
    if type(kind) is not int or not 0 <= kind < len(MESSAGE_KINDS):
        raise ProtocolError(f"unknown kind of message: {kind!r:.40}")
    cls, fields = MESSAGE_KINDS[kind], wire[1:]
    if cls in _PLAIN:
        return _fields_of(cls, fields)  # type: ignore[no-any-return]  # of the class asked for
    if cls is Append and list(map(type, fields)) == _APPEND_HINTS and min(*fields[:4], *fields[5:]) >= -2:
        cluster, term, prev_index, prev_term, entries, commit, prev_leader = fields
        return Append(cluster, term, prev_index, prev_term, _entries(entries), commit, prev_leader)
    return _record(cls, fields)  # type: ignore[no-any-return]  # of the class asked for


def configuration_to_wire(configuration: Configuration) -> list[Any]:
    """The configuration as nested lists and tuples."""
    return list(configuration)


def configuration_from_wire(wire: object) -> Configuration:
    """The configuration in a list that came from the network or the log. Raises ProtocolError."""
    return _record(Configuration, wire)  # type: ignore[no-any-return]  # of the class asked for


def members_from_wire(wire: object) -> tuple[Member, ...]:
    """A member list that came from a file or the network. Raises ProtocolError."""
    return _members(wire)


# ---- checking of fields: one function per type of field ----


def _int(value: object) -> int:
    if type(value) is not int or not -2 <= value < 2**64:
        raise ProtocolError(f"expected a number from -2 to 2^64, not {value!r:.40}")
    return value


def _bool(value: object) -> bool:
    if type(value) is not bool:
        raise ProtocolError(f"expected true or false, not {value!r:.40}")
    return value


def _str(value: object) -> str:
    if type(value) is not str or len(value) > MAX_TEXT:
        raise ProtocolError(f"expected a text of at most {MAX_TEXT} characters, not {value!r:.40}")
    return value


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise ProtocolError(f"expected bytes, not {value!r:.40}")
    return value


def _sequence(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ProtocolError(f"expected a list, not {value!r:.40}")
    return value


def _member(value: object) -> Member:
    member: Member = _record(Member, value)
    if member.node_id < 0 or member.rank < 0:
        raise ProtocolError(f"a member's id and rank are not negative: {member!r:.80}")
    return member


def _members(value: object) -> tuple[Member, ...]:
    items = _sequence(value)
    if len(items) > MAX_MEMBERS:
        raise ProtocolError(f"a member list has at most {MAX_MEMBERS} members, not {len(items)}")
    members = tuple(_member(item) for item in items)
    if len({m.node_id for m in members}) != len(members):
        raise ProtocolError("a member list names a node twice")
    return members


def _optional_members(value: object) -> tuple[Member, ...] | None:
    return None if value is None else _members(value)


def _entries(value: object) -> tuple[Entry, ...]:
    return tuple([_fields_of(Entry, item) for item in _sequence(value)])


def _proposals(value: object) -> tuple[Proposal, ...]:
    return tuple([_fields_of(Proposal, item) for item in _sequence(value)])


def _configuration(value: object) -> Configuration:
    return _record(Configuration, value)  # type: ignore[no-any-return]  # of the class asked for


_CHECKS: dict[object, Callable[[object], Any]] = {
    int: _int,
    bool: _bool,
    str: _str,
    bytes: _bytes,
    Member: _member,
    tuple[Member, ...]: _members,
    tuple[Member, ...] | None: _optional_members,
    tuple[Entry, ...]: _entries,
    tuple[Proposal, ...]: _proposals,
    Configuration: _configuration,
}
_FIELDS: dict[Any, tuple[tuple[str, Callable[[object], Any]], ...]] = {
    cls: tuple((name, _CHECKS[hint]) for name, hint in get_type_hints(cls).items())
    for cls in (*MESSAGE_KINDS, Entry, Proposal, Member, Configuration)
}


_PLAIN: dict[Any, tuple[list[type], int]] = {
    cls: (hints, len(hints) - hints.count(bytes))
    for cls in _FIELDS
    if set(hints := list(get_type_hints(cls).values())) <= {int, bool, bytes} and bytes not in hints[:-1]
}
"""Classes of plain fields that can be checked in one go: the types, and how many of them have a range to be in."""


_APPEND_HINTS = [int, int, int, int, list, int, int]


def _fields_of(cls: Any, value: Any) -> Any:
    """The same as `_record`, quickly where nothing is wrong: entries are many. Whatever does not pass goes the long way,
    which finds the field that is wrong."""
    hints, numbers = _PLAIN[cls]
    if type(value) is list and list(map(type, value)) == hints and min(value[:numbers]) >= -2:
        return cls._make(value)  # msgpack has no integer from 2^64 on
    return _record(cls, value)


def _record(cls: Any, value: object) -> Any:
    items = _sequence(value)
    fields = _FIELDS[cls]
    if len(items) != len(fields):
        raise ProtocolError(f"{cls.__name__} has {len(fields)} fields, not {len(items)}")
    values = []
    for (name, check), item in zip(fields, items, strict=True):
        try:
            values.append(check(item))
        except ProtocolError as error:
            raise ProtocolError(f"{cls.__name__}.{name}: {error.message}") from None
    return cls(*values)
