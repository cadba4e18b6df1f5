"""Exchange frames that make no sense, from a node that was let in: an error of the protocol at most, and the tables stay whole."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgpack
import pytest

from exdbsql.cluster import exchange_frames as frames
from exdbsql.cluster.exchange import MANY, ExchangeDesk
from exdbsql.cluster.wire import Frame
from exdbsql.engine.database import Database
from exdbsql.engine.distributed import form_of
from exdbsql.engine.query.runtime.digests import table_digest
from exdbsql.exchange_store import ClusterExchangeStore
from exdbsql.schema.codec import pack_rows
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ProtocolError


class DeadEnd:
    """A line on which everything is sent, and nobody answers."""

    def __init__(self) -> None:
        self.verdicts: list[tuple[str, bool, Callable[[object], None]]] = []

    def send_bulk(self, node_id: int, frame: Frame) -> bool:
        msgpack.packb(frame)
        return True

    def connected(self) -> list[int]:
        return [1, 2]

    def members(self) -> frozenset[int]:
        return frozenset((0, 1, 2))

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        self.verdicts.append((operation, commit, done))


SCHEMA = "CREATE DISTRIBUTED TABLE x (id int PRIMARY KEY, v text UNIQUE); CREATE DISTRIBUTED TABLE y (a int, b int, PRIMARY KEY (a, b))"
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    2**63,
    -(2**70),
    1.5,
    "x",
    "y",
    "t",
    "source",
    b"",
    b"\x91",
    [],
    [[]],
    [1, 2],
    {},
)


def node() -> tuple[Database, ExchangeDesk, DeadEnd]:
    engine = Database(Dictionary().with_all(parse_ddl(SCHEMA)), node_id=0)
    engine.enter_cluster(0, 5)
    line = DeadEnd()
    return engine, ExchangeDesk(0, 7, ClusterExchangeStore(engine.exchange), line), line


def nonsense(rng: Random, names: list[str], forms: list[str]) -> Frame:
    """A frame, nearly right or not at all."""

    def value() -> Any:
        return rng.choice(VALUES)

    def rows() -> bytes:
        changes = [
            (
                rng.choice((1, (1, 2), (), "k", None, 1.5, ((1,),))),
                rng.choice((None, (1, "v"), (1, 2), (), ("z", 3, 4))),
                rng.choice((-1, 3, value())),
                rng.choice((1, 2, value())),
            )
            for _ in range(rng.randrange(4))
        ]
        try:
            return pack_rows(changes)
        except Exception:  # noqa: BLE001  not even that can be packed
            return b"\xc1"

    def vector() -> Any:
        return rng.choice(([], [[3, 2]], [[3, -1]], [[value(), value()]], value()))

    def form() -> Any:
        return rng.choice((*forms, "", value()))

    step = rng.randrange(0, 11)
    fields = {
        frames.SHIPMENT: [rng.choice(("x", "y", value())), vector(), rng.choice((rows(), value())), value(), form()],
        frames.SHIPPED: [rng.choice((None, "source", "target", value()))],
        frames.ASK_VECTORS: [rng.choice((["x"], ["z"], value()))],
        frames.WANT: [rng.choice(([["x", vector()]], value()))],
        frames.VECTORS: [rng.choice(([["x", vector()], ["y", []]], value()))],
        frames.PREPARED: [rng.choice(([["x", 1]], value()))],
        frames.FAILED: [rng.choice((["ConflictError", "m", None, None, None, None, None, None, True], value()))],
    }.get(step, [value()])
    if rng.random() < 0.1:
        fields = [value() for _ in range(rng.randrange(4))]
    frame = [11, step, rng.choice([*names, value()]), *fields]
    return msgpack.unpackb(msgpack.packb(_packable(frame)), strict_map_key=False)  # type: ignore[no-any-return]


def _packable(value: Any) -> Any:
    if isinstance(value, list):
        return [_packable(item) for item in value]
    return 2**60 if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


@pytest.mark.parametrize("seed", range(20))
def test_nonsense_is_refused_and_changes_nothing_by_half(seed: int) -> None:
    rng = Random(seed)
    engine, desk, line = node()
    forms = [form_of(engine.tables[name]) for name in ("x", "y")]
    results: list[object] = []
    for _ in range(300):
        if rng.random() < 0.05:
            (desk.scatter if rng.random() < 0.5 else desk.gather)(
                None, None, results.append, rng.choice((None, "source"))
            )
        names = ["1-9-1", "2-9-1", *desk._own]
        try:
            desk.received(rng.choice((1, 2)), nonsense(rng, names, forms))
        except ProtocolError:
            desk.peer_lost(rng.choice((1, 2)))  # the connection is closed, as the host does it
        for _, commit, done in line.verdicts:
            done(commit)
        line.verdicts.clear()
        transaction = engine.begin(read_only=True)
        try:
            assert all(table_digest(transaction, name) for name in ("x", "y"))
            assert all(len(row) == 2 for name in ("x", "y") for row in transaction.rows(engine.tables[name]))
        finally:
            transaction.rollback()
    for peer in (1, 2):
        desk.peer_lost(peer)
    for _ in range(3):
        for _, commit, done in line.verdicts:
            done(commit)
        line.verdicts.clear()
        desk.settle_orphans()
    assert not desk._own and not desk._prepared and not desk._incoming and not engine.exchange._pending


def test_a_node_that_begins_without_end_is_stopped() -> None:
    _, desk, _ = node()
    with pytest.raises(ProtocolError, match="too many"):
        for number in range(MANY + 1):
            desk.received(1, [11, frames.SHIPMENT, f"1-9-{number}", "x", [], pack_rows([]), False, ""])
    desk.peer_lost(1)
    assert not desk._incoming
