"""Property tests draw the same values in every run, unless another profile is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest
import soak
from hypothesis import given, settings
from hypothesis import strategies as st

DRAWS = """
from hypothesis import given, strategies as st
drawn = []
@given(st.integers())
def test_it(number):
    drawn.append(number)
def test_told():
    print("drawn:", drawn)
"""


def drawn() -> list[int]:
    values: list[int] = []

    @given(st.integers())
    def draw(value: int) -> None:
        values.append(value)

    draw()
    return values


def test_the_profile_is_loaded(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--hypothesis-profile") not in (None, "reproducible"):
        pytest.skip("another profile was asked for")
    assert settings().derandomize
    assert drawn() == drawn()


@pytest.mark.parametrize(("options", "same"), [([], True), (["--hypothesis-profile=soak"], False)])
def test_two_runs_draw_the_same_and_a_soak_does_not(tmp_path: Path, options: list[str], same: bool) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "test_draws.py").write_text(DRAWS)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *options, str(tmp_path)]
    outputs = [subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True) for _ in range(2)]
    first, second = ([line for line in o.stdout.splitlines() if "drawn:" in line] for o in outputs)
    assert first
    assert (first == second) == same


def test_a_soak_tells_the_command_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    failed: list[str] = []
    soak.run([sys.executable, "-m", "tests.hostile"], failed)
    assert failed == ["python -m tests.hostile"]
    assert "play one seed" in capsys.readouterr().out


def test_a_round_of_the_soak_is_made_of_its_seed() -> None:
    assert list(soak.commands(5)) == list(soak.commands(5)) != list(soak.commands(6))
    assert any("--hypothesis-seed=5" in command for command in soak.commands(5))
