"""``python -m tests.simulation``: run seeds of the simulator, or replay one with its dialogue.

python -m tests.simulation SEED           replay one seed, every message and event a line
python -m tests.simulation FIRST LAST     run these seeds; those that fail are told with the end of their dialogue
python -m tests.simulation soak [FIRST]   run seeds until stopped (from a random one), and say so now and then

The word "engine" at the end takes the real engine as the state machine, "definition" the real engine while its tables are
altered and refer to each other; "exchange" plays scatter and gather; "scopes" random schedules of small clusters that change
their members. Soaking takes a hundredth of each between the plain ones.
"""

import itertools
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import SystemRandom

sys.path.insert(0, str(Path(__file__).parent))

from exdbsim.runs import KINDS, SeedFailure, run_kind

TELL_EVERY = 500
SOAK_EVERY = 100


def main(arguments: list[str]) -> int:
    """Exit code 1 when a seed fails."""
    kind = arguments.pop() if arguments and arguments[-1] in KINDS else ""
    forever = arguments[:1] == ["soak"]
    numbers = arguments[1:] if forever else arguments
    if not all(a.isdecimal() for a in numbers) or not (len(numbers) <= 1 if forever else 1 <= len(numbers) <= 2):
        print(__doc__)
        return 2
    if forever:
        first = int(numbers[0]) if numbers else SystemRandom().randrange(10**6, 10**9)
        return run(itertools.count(first), [kind] if kind else list(KINDS))
    if len(numbers) == 2:
        return run(range(int(numbers[0]), int(numbers[1]) + 1), [kind])
    try:
        world = run_kind(int(numbers[0]), kind, trace=True)
    except SeedFailure as failure:
        print(failure)
        return 1
    print("\n".join(world.trace or []), "the seed holds", sep="\n")
    return 0


def run(seeds: Iterable[int], kinds: Sequence[str]) -> int:
    """Run seeds, and go on after failures. Returns the exit code."""
    began, count, failed = time.perf_counter(), 0, []
    try:
        for seed in seeds:
            for kind in kinds if seed % SOAK_EVERY == 0 else kinds[:1]:
                try:
                    run_kind(seed, kind)
                except SeedFailure as failure:
                    failed.append(f"{seed} {kind}".strip())
                    print(failure, flush=True)
            count += 1
            if count % TELL_EVERY == 0:
                print(f"{count} seeds up to {seed}, {time.perf_counter() - began:.0f} s, failed: {failed}", flush=True)
    except KeyboardInterrupt:
        print()
    print(f"{count} seeds ({time.perf_counter() - began:.1f} s), failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
