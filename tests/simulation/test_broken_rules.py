"""The simulator bites: with a rule broken on purpose, random seeds find it.

What random seeds meet too rarely has a schedule instead: R6 in test_model_schedules.py and test_restart_schedules.py,
one for R7 there too, mistakes of the past (R5, R6, R8) in test_core_schedules.py.
"""

import pytest

from exdbsim import broken
from exdbsim.definition_machine import DefinitionMachine
from exdbsim.engine_machine import EngineMachine
from exdbsim.runs import SeedFailure, first_failure, run_seed
from exdbsim.world import Breaker


@pytest.mark.parametrize(
    ("breaker", "says"),
    [
        (broken.verdict_by_local_state, "differ"),
        (broken.memory_of_own_length, "differ"),
        (broken.no_duplicates_recognised, "applied twice"),
        (broken.votes_for_shorter_logs, "lacks the committed entry"),
        (broken.commits_what_one_holds, "committed"),
        (broken.recovered_at_once, ""),
        (broken.founds_without_the_others, ""),
        (broken.counts_only_the_new_list, "lacks the committed entry"),
        (broken.stays_in_the_barrier, "never there"),
        (broken.calls_void_what_has_not_come_yet, "said to be void"),
        (broken.keeps_dead_lives_in_the_barrier, "had recovered"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("lazy", [True, False], ids=["lazy", "eager"])
def test_a_broken_rule_is_found(breaker: Breaker, says: str, lazy: bool) -> None:
    """Also where leaders leave followers without the news of commits, and where they never do."""
    assert first_failure(range(300), breaker, says=says, lazy=lazy) is not None


def test_half_a_quorum_is_found() -> None:
    """R9: two halves of a cluster go on, each by itself."""
    assert first_failure(range(120), broken.half_is_enough, ranks=(1, 1), says="two leaders") is not None


def test_a_lenient_engine_is_found() -> None:
    """R2, where the verdict is the real engine's."""
    assert first_failure(range(20), broken.node_0_certifies_nothing, EngineMachine, says="verdicts differ") is not None


def test_rows_for_the_former_shape_of_a_table_are_found() -> None:
    """R1: a table is altered on one node while another, which has not heard of it, writes rows as they were."""
    failure = first_failure(range(25, 125), broken.takes_rows_of_any_shape, DefinitionMachine, says="pliable has")
    assert failure is not None


def test_children_without_parents_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: a parent is deleted on one node while a child is inserted on another, and nobody looks when both are certified."""
    monkeypatch.setattr("exdbsql.engine.certification.reference_violation", lambda *arguments: None)
    monkeypatch.setattr("exdbsql.engine.certification.check_guard", lambda *arguments: None)
    failures = []
    for seed in range(60):
        try:
            run_seed(seed, lambda replica: None, machine=DefinitionMachine)
        except SeedFailure as failure:
            failures.append(str(failure))
            break
    assert failures and "without a parent" in failures[0]
