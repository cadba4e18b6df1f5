"""``python -m tests.sqllogictest``: run files of SQL logic tests, each on a database of its own.

python -m tests.sqllogictest FILE...              run them, and say which records failed
python -m tests.sqllogictest --as NAME FILE...    as another database than postgresql, for skipif and onlyif
python -m tests.sqllogictest --complete FILE      print the file with what its queries give now
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sqllogic.records import FormatError
from sqllogic.runner import completed, run_file

SHOWN = 10
"""Failures that are shown of each file."""


def main(arguments: list[str]) -> int:
    """Exit code 1 when a record fails, 2 when the arguments or a file cannot be read."""
    database = "postgresql"
    if arguments[:1] == ["--as"]:
        database, arguments = arguments[1], arguments[2:]
    if not arguments or (arguments[0].startswith("-") and arguments[:-1] != ["--complete"]):
        print(__doc__)
        return 2
    try:
        if arguments[0] == "--complete":
            print("\n".join(completed(Path(arguments[1]).read_text(encoding="utf-8"))))
            return 0
        return max([_run(Path(name), database) for name in arguments])
    except (FormatError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(path: Path, database: str) -> int:
    began = time.perf_counter()
    outcome = run_file(path, database=database)
    seconds = time.perf_counter() - began
    print(f"{path.name}: {outcome.count} records, {len(outcome.failures)} failed, {seconds:.1f} s", flush=True)
    for failure in outcome.failures[:SHOWN]:
        print(f"{path}, {str(failure)[:1000]}\n")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
