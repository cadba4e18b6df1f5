"""Running seeds, and telling a failing one so that anybody can replay it."""

import contextlib
from collections.abc import Callable, Iterable, Sequence

from exdbsim.machine import Machine, Model
from exdbsim.world import Breaker, World

TAIL = 60
"""Lines of the dialogue that a failure shows."""
REPLAY = "the whole dialogue: python -m tests.simulation {seed}{kind}"


class SeedFailure(AssertionError):
    """A seed that breaks something; the message ends with the dialogue before it, and says how to replay it."""


def run_seed(
    seed: int,
    breaker: Breaker | None = None,
    trace: bool = False,
    machine: Callable[[int], Machine] = Model,
    ranks: Sequence[int] | None = None,
    lazy: bool | None = None,
) -> World:
    """One world's whole life.

    Raises:
        SeedFailure: with the seed, the time, what broke, and the dialogue before it: its end, or (with `trace`) all of it.
    """
    world = World(seed, breaker, trace, machine=machine, ranks=ranks, lazy=lazy)
    try:
        world.run()
    except Exception as error:
        told = (world.trace or []) if trace or breaker else _tail(seed, machine)
        kind = "" if machine is Model else " engine"
        what = f"seed {seed} at {world.now} ms: {type(error).__name__}: {error}"
        raise SeedFailure("\n".join([*told, what, REPLAY.format(seed=seed, kind=kind)])) from error
    return world


def _tail(seed: int, machine: Callable[[int], Machine]) -> list[str]:
    """The end of the same life once more, told."""
    world = World(seed, None, True, machine=machine)
    with contextlib.suppress(Exception):  # it is being told
        world.run()
    return (world.trace or [])[-TAIL:]


def first_failure(
    seeds: Iterable[int],
    breaker: Breaker,
    machine: Callable[[int], Machine] = Model,
    ranks: Sequence[int] | None = None,
    says: str = "",
    lazy: bool | None = None,
) -> SeedFailure | None:
    """The first of these seeds that a broken rule makes fail (in a way that has these words)."""
    for seed in seeds:
        try:
            run_seed(seed, breaker, machine=machine, ranks=ranks, lazy=lazy)
        except SeedFailure as failure:
            if says in str(failure):
                return failure
    return None
