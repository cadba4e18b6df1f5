"""``python -m tests.differential``: random SQL in exdbsql and in SQLite, seed by seed.

python -m tests.differential SEED           run one seed
python -m tests.differential FIRST LAST     run these, and say which disagree
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sqlgen.pairs import Disagreement
from sqlgen.runs import run_changes, run_indexed, run_queries

QUERIES, CHANGES, INDEXED = 120, 40, 200


def main(arguments: list[str]) -> int:
    """Exit code 1 when a seed disagrees."""
    if len(arguments) not in (1, 2) or not all(a.isdecimal() for a in arguments):
        print(__doc__)
        return 2
    began = time.perf_counter()
    skipped: Counter[str] = Counter()
    wrong = 0
    for seed in range(int(arguments[0]), int(arguments[-1]) + 1):
        for run, count in ((run_queries, QUERIES), (run_changes, CHANGES), (run_indexed, INDEXED)):
            try:
                skipped += run(seed, count)
            except Disagreement as found:
                wrong += 1
                print(f"seed {seed}, {run.__name__}: {found}\n", flush=True)
    print(f"{wrong} disagree ({time.perf_counter() - began:.1f} s); skipped by SQLSTATE: {dict(skipped)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
