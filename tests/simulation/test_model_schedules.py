"""R6, diskless restart: every weaker wording that the model check found to be unsafe, shown to be so on the real core.

A file of schedules/ is the shortest counterexample that the model check has for one weaker wording, in its own steps
(exdbsim/schedules.py says how they are played). With the rule weakened in that way the schedule must break something;
under the rule as it is, the same schedule must break nothing.

Left out are the wordings of another repair (crash vectors), which this core does not have.
"""

from pathlib import Path

import pytest

from exdbsim.schedules import Player, Schedule

SCHEDULES = [Schedule(path) for path in sorted((Path(__file__).parent / "schedules").glob("*.txt"))]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)
def test_the_weaker_wording_breaks(schedule: Schedule) -> None:
    assert Player(schedule, weaken=True).play() is not None


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)
def test_the_rule_holds(schedule: Schedule) -> None:
    assert Player(schedule, weaken=False).play() is None


def test_every_unsafe_wording_has_a_schedule() -> None:
    """By the tables of the model check."""
    unsafe = (
        "askip ackbeforea a1_of_3 a1_of_4 b1_of_3 b1_of_4 nob nob_reccand noanstag novotetag rec1 rec3 commithalf con"
    )
    corrected = "askip ackbeforea a1_of_3 a1_of_4 b1_of_3 nob noanstag rec1 rec3 noconftag noconforder"
    names = {s.name for s in SCHEDULES}
    for wording in [f"as_written_{w}" for w in unsafe.split()] + [f"confirmed_{w}" for w in corrected.split()]:
        assert any(name.startswith(wording + "_") for name in names), wording
    assert {"as_written_1111", "as_written_2111", "as_written_11111"} <= names
