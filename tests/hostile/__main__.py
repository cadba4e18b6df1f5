"""``python -m tests.hostile``: statements that nobody would write, seed by seed.

python -m tests.hostile SEED          play one seed
python -m tests.hostile FIRST LAST    play these, and say what went wrong
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from playing import play


def main(arguments: list[str]) -> int:
    """Exit code 1 when something went wrong."""
    if len(arguments) not in (1, 2) or not all(a.isdecimal() for a in arguments):
        print(__doc__)
        return 2
    wrong = 0
    for seed in range(int(arguments[0]), int(arguments[-1]) + 1):
        for problem in play(seed):
            wrong += 1
            print(f"seed {seed}: {problem}\n", flush=True)
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
