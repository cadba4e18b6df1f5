"""Thousands of short lives of clusters. A failing seed is named; `python -m tests.simulation SEED` replays it."""

import pytest

from exdbsim.runs import run_seed

BLOCKS = 20
SEEDS_PER_BLOCK = 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_seeds_hold(block: int) -> None:
    """Safety at every step of every seed; for the gentle ones, everything done and everyone equal at the end."""
    for seed in range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK):
        run_seed(seed)


def test_a_seed_replays_exactly() -> None:
    """The same seed gives the same dialogue, to the last message."""
    first, second = run_seed(4, trace=True), run_seed(4, trace=True)
    assert first.trace == second.trace
    assert first.trace


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_seeds_until_stopped() -> None:
    seed = BLOCKS * SEEDS_PER_BLOCK
    while True:
        run_seed(seed)
        seed += 1
