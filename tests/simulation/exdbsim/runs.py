"""Running seeds, and telling a failing one so that anybody can replay it."""

import contextlib
from collections.abc import Callable, Iterable

from exdbsim.machine import Machine, Model
from exdbsim.world import Breaker, World

TAIL = 60
"""Lines of the dialogue that a failure shows."""
REPLAY = "the whole dialogue: python -m tests.simulation {seed}{kind}"


class SeedFailure(AssertionError):
    """A seed that breaks something; the message ends with the dialogue before it, and says how to replay it."""


def run_seed(
    seed: int, breaker: Breaker | None = None, trace: bool = False, machine: Callable[[int], Machine] = Model
) -> World:
    """One world's whole life.

    Raises:
        SeedFailure: with the seed, the time, what broke, and the dialogue before it: its end, or (with `trace`) all of it.
    """
    world = World(seed, breaker, trace, machine=machine)
    try:
        world.run()
    except Exception as error:
        told = world.trace if trace else _tail(seed, breaker, machine)
        kind = "" if machine is Model else " engine"
        text = "\n".join(
            [
                *(told or []),
                f"seed {seed} at {world.now} ms: {type(error).__name__}: {error}",
                REPLAY.format(seed=seed, kind=kind),
            ]
        )
        raise SeedFailure(text) from error
    return world


def _tail(seed: int, breaker: Breaker | None, machine: Callable[[int], Machine]) -> list[str]:
    """The same life once more, told."""
    world = World(seed, breaker, True, machine=machine)
    with contextlib.suppress(Exception):  # it is being told
        world.run()
    return (world.trace or [])[-TAIL:]


def first_failure(seeds: Iterable[int], breaker: Breaker) -> SeedFailure | None:
    """The first of these seeds that a broken rule makes fail."""
    for seed in seeds:
        try:
            run_seed(seed, breaker)
        except SeedFailure as failure:
            return failure
    return None
