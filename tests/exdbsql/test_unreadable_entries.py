"""Entries of the log that make no sense, from a node that was let in: void on every node alike, and no node ends by them."""

from random import Random
from typing import Any

import pytest

from exdbsql.cluster.state_machine import Origin, Part
from exdbsql.database import Database
from exdbsql.early_data import COMMIT, PART
from exdbsql.engine.write_set import WriteSet
from exdbsql.schema import codec
from exdbsql.schema.errors import ProtocolError

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2,
    2**63,
    1.5,
    float("inf"),
    "x",
    "ddl",
    b"",
    b"\x91",
    [],
    [[]],
    [1, 2],
    {},
)
TOKEN = bytes(16)


def spoilt(rng: Random, value: Any) -> Any:
    """The same with some of its parts replaced, left out, or added."""
    if rng.random() < 0.15:
        return rng.choice(VALUES)
    if isinstance(value, list):
        parts = [spoilt(rng, part) for part in value]
        if parts and rng.random() < 0.1:
            parts.pop(rng.randrange(len(parts)))
        return parts + [1] * (rng.random() < 0.05)
    if isinstance(value, bytes) and len(value) > 16:
        return codec.pack(spoilt(rng, codec.unpack(value)))
    return value


def sound_entries(nodes: list[Database], log: Any) -> list[bytes]:
    """One of each kind, without the tokens that lead back to where they began."""
    con = nodes[0].connect()
    for statements in (
        ["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1)"],
        ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT * FROM t WHERE id = 2", "DELETE FROM t WHERE id = 1"],
        ["CREATE TABLE z (a integer PRIMARY KEY)", "INSERT INTO z VALUES (1)"],
        ["CREATE SEQUENCE s"],
        ["SELECT nextval('s')"],
        ["SELECT setval('s', 9)"],
    ):
        for statement in statements:
            con.execute(statement)
        con.commit()
    ahead = codec.pack([PART, TOKEN, codec.pack([1, [7, 8], [(7, "p", None), None]])])
    commit = codec.pack([COMMIT, TOKEN, TOKEN, 1, [[1, [8]]], WriteSet(0, ()).to_bytes()])
    return [command for _, command in log.entries] + [codec.pack(["ddl", "CREATE TABLE y (a int)"]), ahead, commit]


def spoil(rng: Random, entry: bytes) -> bytes:
    if rng.random() < 0.1:
        return rng.choice((b"T", b"")) + rng.randbytes(rng.randrange(30))
    if entry[:1] == b"T":
        return b"T" + TOKEN + codec.pack(spoilt(rng, codec.unpack(entry[17:])))
    return codec.pack(spoilt(rng, codec.unpack(entry)))


def outcome(result: object) -> str:
    return "a part" if isinstance(result, Part) else repr(result)


@pytest.mark.parametrize("seed", range(4))
def test_an_entry_that_cannot_be_read_is_void_on_every_node(nodes: list[Database], log: Any, seed: int) -> None:
    rng = Random(seed)
    entries = sound_entries(nodes, log)
    refused = 0
    for number in range(100):
        command = spoil(rng, rng.choice(entries))
        index = nodes[0].engine.applied_position + 1
        results = [node.replication.apply(index, Origin(1, 5, number), command) for node in nodes]  # type: ignore[union-attr]  # they are in a cluster
        assert len(set(map(outcome, results))) == 1, command
        refused += isinstance(results[0], ProtocolError)
    assert refused > 20
    digests = {repr(node.connect().execute("SELECT table_digest('t')").fetchall()) for node in nodes}
    assert len(digests) == 1
