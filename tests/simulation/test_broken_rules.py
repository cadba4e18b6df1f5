"""The simulator bites: with a rule broken on purpose, it finds a seed that fails."""

import pytest

from exdbsim import broken
from exdbsim.runs import first_failure
from exdbsim.world import Breaker


@pytest.mark.parametrize(
    ("breaker", "says"),
    [
        (broken.verdict_by_local_state, "differ"),
        (broken.memory_of_own_length, "differ"),
        (broken.half_is_enough, ""),
        (broken.no_duplicates_recognised, "applied twice"),
        (broken.votes_for_shorter_logs, "lacks the committed entry"),
        (broken.commits_what_one_holds, "committed"),
        (broken.founds_without_the_others, ""),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_rule_is_found(breaker: Breaker, says: str) -> None:
    failure = first_failure(range(100), breaker)
    assert failure is not None
    assert says in str(failure)
