"""R6 together with R7 by exhaustion: every short schedule of small clusters whose members change while nodes forget everything.

A slice of it here; `make soak` goes further, and wanders at random where all schedules are too many. That the explorer bites is
shown by weakening a rule for every node (by class, since the explorer copies nodes).
"""

from collections.abc import Callable
from random import Random

import pytest

from exdbsim.explorer import Bounds, Explorer, Scope, scopes
from exdbsql.cluster.core.ballot import Ballot
from exdbsql.cluster.core.quorum import QuorumRule
from exdbsql.cluster.core.recovery import Recovery

WALKS, STEPS = 25, 22


def new_list_only(patch: pytest.MonkeyPatch) -> None:
    """R7: a quorum of the new list is enough."""
    is_quorum = QuorumRule.is_quorum
    patch.setattr(QuorumRule, "is_quorum", lambda rule, c, ids: is_quorum(rule, c._replace(outgoing=None), ids))


def recovered_at_once(patch: pytest.MonkeyPatch) -> None:
    """R6: the answers end the recovery."""
    complete = Recovery.complete

    def patched(recovery: Recovery) -> None:
        complete(recovery)
        recovery.core.enter("normal")

    patch.setattr(Recovery, "complete", patched)


def forgetful_votes_suffice(patch: pytest.MonkeyPatch) -> None:
    """R6 without (b)."""
    patch.setattr(Ballot, "electable", lambda ballot, rule, c, voters: rule.is_quorum(c, voters))


def one_answer_is_enough(patch: pytest.MonkeyPatch) -> None:
    """R6 (a) with any answer."""
    patch.setattr(Recovery, "suffices", lambda recovery: bool(recovery.answers))


@pytest.mark.parametrize("scope", scopes((2, 3, 4)), ids=str)
def test_short_schedules(scope: Scope) -> None:
    explorer = Explorer(scope, Bounds(crashes=1, states=250))
    assert explorer.explore() is None


@pytest.mark.parametrize("scope", scopes((3, 4, 5)), ids=str)
def test_long_schedules_at_random(scope: Scope) -> None:
    for seed in range(WALKS):
        assert Explorer(scope, Bounds(crashes=2, entries=9)).wander(Random(seed), STEPS) is None, f"seed {seed}"


@pytest.mark.parametrize(
    ("weaken", "scope", "first"),
    [
        (new_list_only, Scope((1, 1, 1), ((0, 3),)), 0),
        (recovered_at_once, Scope((1, 1, 1), ((0, 3),)), 320),
        (forgetful_votes_suffice, Scope((1, 1, 1), ((0, 3),)), 160),
        (one_answer_is_enough, Scope((1, 1, 1), ((2, 3),)), 40),
    ],
)
def test_a_weaker_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, weaken: Callable[[pytest.MonkeyPatch], None], scope: Scope, first: int
) -> None:
    """By random schedules; the search begins near a seed that finds it."""
    weaken(monkeypatch)
    bounds = Bounds(crashes=2, entries=9)
    assert any(Explorer(scope, bounds).wander(Random(seed), 24) is not None for seed in range(first, first + 2000))


def test_all_short_schedules_find_a_change_without_the_old_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest one: A, whose rank grows, goes on alone; B and C elect another."""
    new_list_only(monkeypatch)
    found = Explorer(Scope((1, 1, 1), ((0, 3),)), Bounds(states=500)).explore()
    assert found is not None and len(found[1]) == 3
