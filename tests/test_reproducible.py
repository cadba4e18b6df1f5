"""Property tests draw the same values in every run, unless another profile is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soak
from hypothesis import given, settings
from hypothesis import strategies as st

DRAWS = """
from hypothesis import given, settings, strategies as st
drawn = []
@settings(max_examples=20)
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


RUNS = """
import os, sys
import hypothesis.strategies, pytest
import exdbsql
for options in ([], [], ["--hypothesis-profile=soak"], ["--hypothesis-profile=soak"]):
    child = os.fork()  # a process each, which need not import all that once more
    if not child:
        os._exit(pytest.main([*sys.argv[1:], *options]))
    if os.waitpid(child, 0)[1]:
        sys.exit("a run failed")
"""


def test_two_runs_draw_the_same_and_two_of_a_soak_do_not(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "test_draws.py").write_text(DRAWS)
    plugins = ["-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
    command = [sys.executable, "-c", RUNS, "-q", "-s", *plugins, str(tmp_path)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if "drawn:" in line]
    assert len(lines) == 4
    assert lines[0].count(",") > 10
    assert lines[0] == lines[1]
    assert lines[2] != lines[3]


def test_a_soak_tells_the_command_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    failed: list[str] = []
    soak.run([sys.executable, "-m", "tests.hostile"], failed)
    assert failed == ["python -m tests.hostile"]
    assert "play one seed" in capsys.readouterr().out


def test_a_round_of_the_soak_is_made_of_its_seed() -> None:
    assert list(soak.commands(5)) == list(soak.commands(5)) != list(soak.commands(6))
    assert any("--hypothesis-seed=5" in command for command in soak.commands(5))
