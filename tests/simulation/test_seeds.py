"""Thousands of short lives of clusters. A failing seed is named; `python -m tests.simulation SEED` replays it.

A seed's life changes whenever the simulator does, so what a seed has found is kept as a schedule in test_core_schedules.py.
"""

import pytest

from exdbsim.definition_machine import DefinitionMachine
from exdbsim.engine_machine import EngineMachine
from exdbsim.runs import run_seed

BLOCKS, SEEDS_PER_BLOCK = 24, 100
ENGINE_BLOCKS, ENGINE_SEEDS_PER_BLOCK = 6, 12
DEFINITION_BLOCKS = 2


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_seeds_hold(block: int) -> None:
    """Safety at every step of every seed; for the gentle ones, everything done and everyone equal at the end."""
    for seed in range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK):
        run_seed(seed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(ENGINE_BLOCKS))
def test_the_database_holds(block: int) -> None:
    """The same lives with the real engine as the state machine."""
    for seed in range(block * ENGINE_SEEDS_PER_BLOCK, (block + 1) * ENGINE_SEEDS_PER_BLOCK):
        run_seed(seed, machine=EngineMachine)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(DEFINITION_BLOCKS))
def test_definitions_hold(block: int) -> None:
    """Foreign keys and ALTER TABLE, in transactions and by itself, while other nodes write."""
    for seed in range(block * ENGINE_SEEDS_PER_BLOCK, (block + 1) * ENGINE_SEEDS_PER_BLOCK):
        run_seed(seed, machine=DefinitionMachine)


def test_a_seed_replays_exactly() -> None:
    """The same seed gives the same dialogue, to the last message."""
    for seed in (4, 5):
        first, second = run_seed(seed, trace=True), run_seed(seed, trace=True)
        assert first.trace == second.trace
        assert first.trace


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_seeds_until_stopped() -> None:
    """Without end; every hundredth with the engine, and with definitions that change."""
    seed = BLOCKS * SEEDS_PER_BLOCK
    while True:
        run_seed(seed)
        if seed % 100 == 0:
            run_seed(seed, machine=EngineMachine)
            run_seed(seed, machine=DefinitionMachine)
        seed += 1
