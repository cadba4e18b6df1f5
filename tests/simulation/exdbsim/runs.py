"""Running seeds, and telling a failing one so that anybody can replay it."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from exdbsim.definition_machine import DefinitionMachine
from exdbsim.engine_machine import EngineMachine
from exdbsim.exchange_world import ExchangeWorld
from exdbsim.explorer import Wanderings
from exdbsim.machine import Machine, Model
from exdbsim.world import Breaker, World

TAIL = 60
"""Lines of the dialogue that a failure shows."""
REPLAY = "the whole dialogue: python -m tests.simulation {seed} {kind}"


class SeedFailure(AssertionError):
    """A seed that breaks something; the message ends with the dialogue before it, and says how to replay it."""


class Life(Protocol):
    """What a kind of world has in common with the others."""

    seed: int
    now: int
    trace: list[str] | None

    def run(self) -> None:
        """Its whole life; raises Violation."""


KINDS: dict[str, Callable[[int, bool], Life]] = {
    "": lambda seed, trace: World(seed, trace=trace),
    "engine": lambda seed, trace: World(seed, trace=trace, machine=EngineMachine),
    "definition": lambda seed, trace: World(seed, trace=trace, machine=DefinitionMachine),
    "exchange": lambda seed, trace: ExchangeWorld(seed, trace=trace),
    "scopes": Wanderings,
}
"""The kinds of worlds, by the word that the command line knows them by."""


def run_kind(seed: int, kind: str, trace: bool = False) -> Life:
    """One life of a world of this kind.

    Raises:
        SeedFailure: with the seed, the time, what broke, and the dialogue before it: its end, or (with `trace`) all of it.
    """
    world = KINDS[kind](seed, trace)
    try:
        world.run()
    except Exception as error:
        told = world.trace if world.trace is not None else _tail(KINDS[kind](seed, True))
        raise _failure(world, told, error, kind) from error
    return world


def _failure(world: Life, told: Sequence[str], error: Exception, kind: str) -> SeedFailure:
    what = f"seed {world.seed} at {world.now} ms: {type(error).__name__}: {error}"
    return SeedFailure("\n".join([*told, what, REPLAY.format(seed=world.seed, kind=kind).rstrip()]))


def run_seed(
    seed: int,
    breaker: Breaker | None = None,
    trace: bool = False,
    machine: Callable[[int], Machine] = Model,
    ranks: Sequence[int] | None = None,
    lazy: bool | None = None,
) -> World:
    """One world's whole life, with a rule broken or as it is. Raises SeedFailure as `run_kind` does."""
    world = World(seed, breaker, trace, machine=machine, ranks=ranks, lazy=lazy)
    try:
        world.run()
    except Exception as error:
        told = world.trace or ([] if breaker else _tail(World(seed, None, True, machine=machine)))
        kind = "" if machine is Model else machine.__name__.removesuffix("Machine").lower()
        raise _failure(world, told, error, kind) from error
    return world


def _tail(world: Life) -> list[str]:
    """The end of the same life once more, told."""
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
