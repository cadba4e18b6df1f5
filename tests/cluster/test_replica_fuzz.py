"""Messages that are well formed and make no sense, from a peer whose handshake was right: nothing ends the node that gets them.

Such a peer is trusted with the log, so it may well confuse the cluster (claim a term, say). What it may not do is end a node by
an exception, or have it keep what it does not need.
"""

from contextlib import suppress
from random import Random
from typing import Any, get_type_hints

import msgpack
import pytest
from replicas import cluster_of

from exdbsql.cluster.agreements import exit_of
from exdbsql.cluster.core import messages as msg
from exdbsql.cluster.core.messages import CONFIG, MEETING, VERDICT, Entry, Proposal, configuration_to_wire
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.replica import Replica
from exdbsql.schema.errors import ProtocolError

HUGE = (2**63 - 1, 2**63, 2**64 - 1)
KINDS = [cls for cls in msg.MESSAGE_KINDS if cls is not msg.Hello]


class Nonsense:
    """Makes messages for one replica: fields that fit, fields that nearly fit, and absurd ones."""

    def __init__(self, rng: Random, replica: Replica) -> None:
        self.rng = rng
        self.replica = replica

    def message(self) -> msg.Message:
        cls = self.rng.choice([*KINDS, msg.Hello])
        made = cls(*(self.value(name, hint) for name, hint in get_type_hints(cls).items()))
        return msg.from_wire(msgpack.unpackb(msgpack.packb(msg.to_wire(made))))

    def value(self, name: str, hint: Any) -> Any:
        rng = self.rng
        if hint is bool:
            return rng.random() < 0.5
        if hint is bytes:
            return self.data(rng.randrange(7))
        if hint is str:
            return rng.choice(
                ("waiting", "founded", "asking", "recovering", "normal", "left", "removed", "duplicate", "x")
            )
        if hint is int:
            return self.number(name)
        if hint is Member:
            return self.member()
        if hint == tuple[Member, ...]:
            return self.members()
        if hint is Configuration:
            return self.configuration()
        if hint == tuple[Entry, ...]:
            return tuple(self.entry() for _ in range(rng.randrange(3)))
        assert hint == tuple[Proposal, ...], hint
        kinds = [rng.randrange(9) for _ in range(rng.randrange(3))]
        return tuple(Proposal(k, self.number("number"), self.number("low"), self.data(k)) for k in kinds)

    def number(self, name: str) -> int:
        rng, core = self.rng, self.replica.core
        if name == "cluster" and rng.random() < 0.9:
            return core.cluster
        if name == "prev_leader" and rng.random() < 0.7:
            return 0  # not known, so the logs may agree
        if name.endswith("incarnation") and rng.random() < 0.7:
            return rng.choice((core.incarnation, 10_001, 10_002, 10_003))
        if "term" in name and rng.random() < 0.8:
            return max(0, core.term + rng.choice((-1, 0, 0, 0, 1)))
        if rng.random() < 0.1:
            return rng.choice((-2, -1, *HUGE))
        return max(0, core.log.last_index + rng.randrange(-4, 3))

    def member(self) -> Member:
        return Member(
            self.rng.randrange(6), self.rng.choice(("", "host:1", "nowhere")), self.rng.choice((0, 1, 3, 2**40))
        )

    def members(self) -> tuple[Member, ...]:
        made = {m.node_id: m for m in (self.member() for _ in range(self.rng.randrange(4)))}
        return tuple(made.values())

    def configuration(self) -> Configuration:
        outgoing = self.members() if self.rng.random() < 0.3 else None
        return Configuration(self.number("log_index"), self.members(), outgoing, self.number("term"))

    def entry(self) -> Entry:
        kind = self.rng.randrange(9)
        return Entry(
            self.number("term"),
            kind,
            self.rng.randrange(4),
            self.number("incarnation"),
            self.number("number"),
            self.number("low"),
            self.data(kind),
        )

    def data(self, kind: int) -> bytes:
        if self.rng.random() < 0.3:
            return self.rng.randbytes(self.rng.randrange(15))
        if kind == CONFIG:
            return bytes(msgpack.packb(configuration_to_wire(self.configuration())))
        if kind == MEETING:
            return self.rng.choice((exit_of(3), msgpack.packb("barrier"), msgpack.packb("stop")))
        if kind == VERDICT:
            return bytes(msgpack.packb(["op", True]))
        return b"data"


@pytest.mark.parametrize("seed", range(15))
def test_nonsense_ends_nobody(seed: int) -> None:
    rng = Random(seed)
    cluster = cluster_of(1, 1, 1)
    replica = cluster.nodes[seed % 3]
    nonsense = Nonsense(rng, replica)
    now = cluster.now
    told: list[str] = []
    for _ in range(400):
        message = nonsense.message()
        told.append(repr(message))
        try:
            with suppress(ProtocolError):  # its sender's connection is closed
                replica.step(rng.choice((0, 1, 2, 5)), message)
            if rng.random() < 0.3:
                now += rng.choice((20, 200))
                replica.tick(now)
            for _, sent in replica.ready().messages:
                msg.from_wire(msgpack.unpackb(msgpack.packb(msg.to_wire(sent))))
            replica.status()
        except Exception as error:
            raise AssertionError("\n".join([*told[-4:], repr(error)])) from error
