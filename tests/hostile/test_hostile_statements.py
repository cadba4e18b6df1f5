"""A few seeds of statements that nobody would write; ``python -m tests.hostile`` plays more."""

import pytest
from playing import play


@pytest.mark.parametrize("seed", range(8))
def test_every_error_is_one_of_ours(seed: int) -> None:
    assert play(seed) == []
