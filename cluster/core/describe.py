"""One line for every message and every state: for traces, failing simulations and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.cluster.core import messages as msg
from exdbsql.cluster.core.messages import ENTRY_KINDS, Entry, Message
from exdbsql.cluster.core.quorum import Configuration, Member

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


def short(number: int) -> str:
    """The last four hexadecimal digits of an id: enough to tell them apart by eye."""
    return f"{number & 0xFFFF:04x}" if number else "-"


def entry(e: Entry) -> str:
    """`term:kind of node.number`."""
    name = f"{e.term}:{ENTRY_KINDS[e.kind]}"
    if e.number:
        return f"{name} {e.node_id}.{e.number}"
    return f"{name} {e.node_id}/{short(e.incarnation)}" if e.kind == msg.RECOVERY else name


def members(some: tuple[Member, ...] | None) -> str:
    """`id=rank` of each."""
    return " ".join(f"{m.node_id}={m.rank}" for m in some or ())


def configuration(c: Configuration) -> str:
    """The list, and the one before it while a change is under way."""
    before = f" <- {members(c.outgoing)}" if c.outgoing is not None else ""
    return f"[{members(c.members)}{before} @{c.log_index}]"


def message(m: Message) -> str:
    """The kind, then what matters of the fields."""
    name = type(m).__name__
    if isinstance(m, msg.Hello):
        kind = "reply" if m.reply else "ask"
        return f"Hello {kind} {m.round} {m.phase} cluster {short(m.cluster)} i{short(m.incarnation)} [{members(m.members)}]"
    if isinstance(m, msg.Append):
        entries = ", ".join(entry(e) for e in m.entries[:4]) + (f", … {len(m.entries)}" if len(m.entries) > 4 else "")
        return f"Append t{m.term} after {m.prev_index}:{m.prev_term} [{entries}] commit {m.commit}"
    if isinstance(m, msg.Answer):
        return f"Answer i{short(m.asker_incarnation)} t{m.term} {configuration(m.configuration)}"
    if isinstance(m, msg.Propose):
        return f"Propose {', '.join(str(p.number) for p in m.proposals[:6])} i{short(m.incarnation)}"
    if isinstance(m, msg.SnapshotChunk):
        return f"SnapshotChunk t{m.term} at {m.log_index}:{m.index_term} #{m.number}{' last' if m.last else ''}"
    fields = []
    for field, value in m._asdict().items():
        if field == "cluster":
            continue
        if field.endswith("incarnation"):
            fields.append(f"{field.removesuffix('incarnation').rstrip('_') or 'of'} i{short(value)}")
        elif value is True:
            fields.append(field)
        elif value is False:
            fields.append(f"not {field}")
        elif isinstance(value, Member):
            fields.append(f"{value.node_id}={value.rank}")
        elif isinstance(value, tuple):
            fields.append(f"[{members(value)}]")
        else:
            fields.append(f"{field} {value}")
    return f"{name} {', '.join(fields)}"


def state(core: Core) -> str:
    """Phase, role, term, vote, log and commit of a node."""
    return (
        f"{core.phase} {core.role} t{core.term} voted {core.voted_for} leader {core.leader}"
        f" log {core.log.base_index}..{core.log.last_index}:{core.log.last_term} commit {core.commit}"
        f" applied {core.applied} {configuration(core.configuration)}"
    )
