"""Scatter and gather over seeds: nodes die between any two frames, connections break, and every operation is atomic (R11)."""

import pytest

from exdbsim import broken_exchange
from exdbsim.exchange_world import ExchangeWorld
from exdbsql.cluster.exchange import ExchangeDesk

BLOCKS, SEEDS_PER_BLOCK = 4, 25


def run(seed: int, desk: type[ExchangeDesk] = ExchangeDesk) -> ExchangeWorld:
    world = ExchangeWorld(seed, desk)
    try:
        world.run()
    except Exception as error:
        raise AssertionError(f"seed {seed} at {world.now} ms: {error}") from error
    return world


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_operations_are_atomic_and_tables_converge(block: int) -> None:
    worlds = [run(seed) for seed in range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK)]
    for commit in (True, False):
        assert sum(world.ended[commit] for world in worlds) > 10, f"too few ended as {commit} to mean anything"


@pytest.mark.parametrize(
    ("desk", "first", "says"),
    [
        (broken_exchange.DecidesForItself, 0, "on another"),
        (broken_exchange.CancelsWhileItIsDecided, 0, "on another"),
        (broken_exchange.ForgetsWhatItAnswered, 1, "still set aside"),
        (broken_exchange.TakesWhatComesLate, 245, "still set aside"),  # rare: begin near a seed that finds it
    ],
)
def test_a_broken_rule_is_found(desk: type[ExchangeDesk], first: int, says: str) -> None:
    found = []
    for seed in range(first, first + 400):
        try:
            run(seed, desk)
        except AssertionError as failure:
            found.append(str(failure))
            if says in found[-1]:
                return
    raise AssertionError(f"not found: {found}")


@pytest.mark.parametrize(
    ("what", "instead", "first", "says"),
    [
        ("exdbsql.engine.distributed.form_of", lambda store: "", 10, "arrived for table"),
        ("exdbsql.engine.definitions._move_what_is_set_aside", lambda *arguments: None, 5, "was taken on node"),
        (
            "exdbsql.engine.definitions._move_what_is_set_aside",
            lambda *arguments: None,
            35,
            "was committed, and is not",
        ),
    ],
    ids=["any-form", "taken-without-its-rows", "committed-without-its-rows"],
)
def test_a_table_that_is_altered_while_rows_travel(
    monkeypatch: pytest.MonkeyPatch, what: str, instead: object, first: int, says: str
) -> None:
    """Rows of another form are taken; what waits for its verdict stays with the former table."""
    monkeypatch.setattr(what, instead)
    found = []
    for seed in range(first, first + 400):
        try:
            run(seed)
        except AssertionError as failure:
            found.append(str(failure))
            if says in found[-1]:
                return
    raise AssertionError(f"not found: {found}")


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_exchanges_until_stopped() -> None:
    seed = BLOCKS * SEEDS_PER_BLOCK
    while True:
        run(seed)
        seed += 1
