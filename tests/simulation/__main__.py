"""``python -m tests.simulation``: run seeds of the simulator, or replay one with its dialogue.

python -m tests.simulation SEED           replay one seed, every message and event a line
python -m tests.simulation FIRST LAST     run these seeds; stops at the first that fails
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from exdbsim.runs import SeedFailure, run_seed


def main(arguments: list[str]) -> int:
    """Exit code 1 when a seed fails."""
    if len(arguments) not in (1, 2) or not all(a.isdecimal() for a in arguments):
        print(__doc__)
        return 2
    first, last = int(arguments[0]), int(arguments[-1])
    began = time.perf_counter()
    try:
        for seed in range(first, last + 1):
            world = run_seed(seed, trace=first == last)
    except SeedFailure as failure:
        print(failure)
        return 1
    if first == last:
        print("\n".join(world.trace or []))
    print(f"{last - first + 1} seeds hold ({time.perf_counter() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
