"""Files of SQL logic tests: every record passes. Our own always; the public ones where they are at hand.

The public files are looked for in the folder EXDBSQL_SLT, or in shared/sqllogictest beside the repository. Of the long ones the
first records run, unless EXDBSQL_SLT_ALL=1 asks for everything.
"""

import os
from pathlib import Path

import pytest

from sqllogic.runner import run_file

HERE = Path(__file__).parent
PUBLIC = Path(os.environ.get("EXDBSQL_SLT", HERE.parents[2] / "shared" / "sqllogictest"))
OWN_FILES = sorted((HERE / "files").glob("*.test"))
PUBLIC_FILES = sorted(PUBLIC.glob("*.test"))
LONG_BYTES = 100_000
RECORDS_OF_LONG = 500


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda p: p.stem)
def test_own_file(path: Path) -> None:
    outcome = run_file(path)
    assert outcome.count > 0
    assert not outcome.failures, "\n\n".join(map(str, outcome.failures))


def test_there_are_files() -> None:
    assert len(OWN_FILES) >= 6


@pytest.mark.skipif(not PUBLIC_FILES, reason="the public SQL logic tests are not here")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", PUBLIC_FILES, ids=lambda p: p.stem)
def test_public_file(path: Path) -> None:
    is_long = path.stat().st_size > LONG_BYTES and not os.environ.get("EXDBSQL_SLT_ALL")
    outcome = run_file(path, limit=RECORDS_OF_LONG if is_long else None)
    assert outcome.count > 0
    assert not outcome.failures, "\n\n".join(map(str, outcome.failures[:5]))
