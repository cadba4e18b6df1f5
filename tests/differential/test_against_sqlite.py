"""Random statements give here what they give in SQLite; a seed that fails runs again by ``python -m tests.differential SEED``."""

import pytest

from sqlgen.runs import run_changes, run_indexed, run_queries


@pytest.mark.parametrize("seed", range(6))
def test_queries(seed: int) -> None:
    skipped = run_queries(seed, 60)
    assert sum(skipped.values()) < 30, f"too much is not compared: {skipped}"


@pytest.mark.parametrize("seed", range(6))
def test_changes(seed: int) -> None:
    run_changes(seed, 25)


@pytest.mark.parametrize("seed", range(6))
def test_indexed(seed: int) -> None:
    run_indexed(seed, 100)
