"""``python -m tests.soak``: everything that draws from seeds, round after round with new ones, until stopped (Ctrl-C).

python -m tests.soak            from a random seed on
python -m tests.soak SEED       from this one on
python -m tests.soak SEED 3     so many rounds of it

A round runs the simulated cluster, the property tests (hypothesis, with the profile ``soak``), random SQL, and hostile statements. What fails
is told with the command that does it again; the exit code is 1 then.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "simulation"))

from exdbsim.runs import KINDS

SIMULATED, OF_EACH_KIND, DIFFERENTIAL, HOSTILE = 400, 4, 5, 5
"""Seeds of a round."""


def commands(seed: int) -> Iterator[list[str]]:
    """The commands of a round."""
    python = [sys.executable, "-m"]
    yield [*python, "tests.simulation", str(seed), str(seed + SIMULATED - 1)]
    for kind in filter(None, KINDS):
        yield [*python, "tests.simulation", str(seed), str(seed + OF_EACH_KIND - 1), kind]
    properties = ["-m", "hypothesis", "--hypothesis-profile=soak", f"--hypothesis-seed={seed}"]
    yield [*python, "pytest", "-q", "--timeout=0", "-p", "no:cacheprovider", *properties]
    yield [*python, "tests.differential", str(seed), str(seed + DIFFERENTIAL - 1)]
    yield [*python, "tests.hostile", str(seed), str(seed + HOSTILE - 1)]


def main(arguments: list[str]) -> int:
    """Exit code 1 when something failed."""
    if len(arguments) > 2 or not all(a.isdecimal() for a in arguments):
        print(__doc__)
        return 2
    first = int(arguments[0]) if arguments else SystemRandom().randrange(10**6, 10**9)
    rounds = range(int(arguments[1])) if len(arguments) == 2 else itertools.count()
    failed: list[str] = []
    began = time.monotonic()
    try:
        for number in rounds:
            seed = first + number * SIMULATED
            for command in commands(seed):
                run(command, failed)
            print(f"round {number + 1} (seed {seed}), {time.monotonic() - began:.0f} s, failed: {failed}", flush=True)
    except KeyboardInterrupt:
        print(f"\nfailed: {failed}")
    return 1 if failed else 0


def run(command: list[str], failed: list[str]) -> None:
    """One command; what it says is shown where it fails."""
    done = subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        failed.append(" ".join(["python", *command[1:]]))
        print(done.stdout, failed[-1], sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
