"""What all tests share: those that run long wait until asked for, and property tests draw the same values in every run."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

import exdbsql  # noqa: F401 - before the folder of that name beside this file can be taken for it

sys.path.append(str(Path(__file__).parent))  # behind the package: tests/exdbsql must not hide it

# A run tells of the change that is tested, not of luck: what is drawn follows from the test alone. `make soak` draws at random.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.register_profile("soak", derandomize=False, deadline=None, max_examples=1000, database=None, print_blob=True)
settings.load_profile("reproducible")  # --hypothesis-profile on the command line comes later


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`-m soak` runs those that run long; without it they are not counted among the tests of a run."""
    if "soak" in (config.getoption("-m") or ""):
        return
    long = [item for item in items if item.get_closest_marker("soak") is not None]
    if long:
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]
        config.hook.pytest_deselected(items=long)
