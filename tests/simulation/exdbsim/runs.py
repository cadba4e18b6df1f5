"""Running seeds, and telling a failing one so that anybody can replay it."""

from collections.abc import Iterable

from exdbsim.world import Breaker, World

REPLAY = "replay it with its dialogue: python -m tests.simulation {seed}"


class SeedFailure(AssertionError):
    """A seed that breaks something; the message says how to replay it."""


def run_seed(seed: int, breaker: Breaker | None = None, trace: bool = False) -> World:
    """One world's whole life.

    Raises:
        SeedFailure: with the seed, the time, what broke, and (with `trace`) the dialogue before it.
    """
    world = World(seed, breaker, trace)
    try:
        world.run()
    except Exception as error:
        told = "\n".join(world.trace or [])
        text = f"{told}\nseed {seed} at {world.now} ms: {type(error).__name__}: {error}\n{REPLAY.format(seed=seed)}"
        raise SeedFailure(text) from error
    return world


def first_failure(seeds: Iterable[int], breaker: Breaker) -> SeedFailure | None:
    """The first of these seeds that a broken rule makes fail."""
    for seed in seeds:
        try:
            run_seed(seed, breaker)
        except SeedFailure as failure:
            return failure
    return None
