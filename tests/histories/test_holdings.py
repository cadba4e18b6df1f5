"""The checks of notes and definitions find what is wrong in records with known faults."""

from typing import Any

import pytest
from definer import wrong_definitions, wrong_values
from holdings import Holdings

INSERT, UPDATE, DELETE = "insert", "update", "delete"


def change(key: int, number: int, what: str, node: int, done: float, outcome: str = "ok") -> list[Any]:
    return [key, number, what, node, 0.0, done, outcome]


def ship(kind: str, node: int, others: list[int], began: float, ended: float, outcome: str = "ok") -> list[Any]:
    return [kind, node, 0.0, others, began, ended, outcome]


def record(changes: list[Any], exchanges: list[Any] | None = None, looks: list[Any] | None = None) -> dict[str, Any]:
    return {"changes": changes, "exchanges": exchanges or [], "looks": looks or []}


MADE = [change(1, 1, INSERT, 0, 1.0)]
CHANGED = [*MADE, change(1, 2, UPDATE, 0, 2.0)]
DELETED = [*CHANGED, change(1, 3, DELETE, 0, 3.0)]
DIED = [(0, 10.0)]


@pytest.mark.parametrize(
    ("what", "told", "deaths", "there", "words"),
    [
        ("as it was made", record(MADE), [], {1: 1}, ""),
        ("lost", record(MADE), [], {}, "surely was there"),
        ("lost with its node", record(MADE), DIED, {}, ""),
        ("nobody made it", record(MADE), [], {1: 1, 2: 1}, "were tried"),
        ("a refused change", record([*MADE, change(1, 2, UPDATE, 0, 2.0, "void")]), [], {1: 2}, "were tried"),
        ("perhaps changed", record([*MADE, change(1, 2, UPDATE, 0, 2.0, "unknown")]), [], {1: 2}, ""),
        ("an older state", record(CHANGED), [], {1: 1}, "is at 1"),
        ("deleted", record(DELETED), [], {}, ""),
        ("back from the dead", record(DELETED), [], {1: 2}, "is at 2"),
        ("scattered, then its node died", record(MADE, [ship("scatter", 0, [1], 2, 3)]), DIED, {}, "surely was there"),
        ("scattered before it was made", record(MADE, [ship("scatter", 0, [1], 0.5, 3)]), DIED, {}, ""),
        ("a scatter that failed", record(MADE, [ship("scatter", 0, [1], 2, 3, "void")]), DIED, {}, ""),
        ("gathered, then its node died", record(MADE, [ship("gather", 1, [0], 2, 3)]), DIED, {}, "surely was there"),
        (
            "passed on by one that had gathered",
            record(MADE, [ship("gather", 1, [0], 2, 3), ship("scatter", 1, [2], 4, 5)]),
            [*DIED, (1, 11.0)],
            {},
            "surely was there",
        ),
        ("the target died too", record(MADE, [ship("scatter", 0, [1], 2, 3)]), [*DIED, (1, 11.0)], {}, ""),
        ("the target died meanwhile", record(MADE, [ship("scatter", 0, [1], 2, 3)]), [*DIED, (1, 2.5)], {}, ""),
        ("seen elsewhere", record(MADE, [], [[1, 0.0, 2.0, 3.0, [[1, 1]]]]), DIED, {}, "surely was there"),
        ("older on the way", record(CHANGED, [], [[0, 0.0, 4.0, 5.0, [[1, 1]]]]), [], {1: 2}, "at node 0"),
        ("missed on the way", record(CHANGED, [], [[0, 0.0, 4.0, 5.0, []]]), [], {1: 2}, "at node 0"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and value else "",
)
def test_notes(what: str, told: Any, deaths: list[tuple[int, float]], there: dict[int, int], words: str) -> None:
    found = Holdings(told, deaths).wrong_at_the_end(there.items())
    assert (found == []) if not words else any(words in line for line in found), (what, found)


def test_definitions_that_are_not_as_they_were_acknowledged_are_found() -> None:
    statements = [
        ("column", "c1", "t", True, "ok"),
        ("column", "c2", "t", True, "void"),
        ("index", "i3", "t", True, "ok"),
        ("index", "i3", "t", False, "unknown"),
        ("index", "i4", "t", True, "ok"),
        ("index", "i4", "t", False, "void"),
    ]
    assert wrong_definitions(statements, {"t": ["id", "c1"]}, ["i4"]) == []
    assert wrong_definitions(statements, {"t": ["id", "c1"]}, ["i3", "i4"]) == []
    assert wrong_definitions(statements, {"t": ["id"]}, ["i4"]) == ["column c1 of t is not there, and was to be"]
    assert wrong_definitions(statements, {"t": ["c1", "c2"]}, ["i4"]) == ["column c2 of t is there, and was not to be"]
    assert wrong_definitions(statements, {"t": ["c1"]}, []) == ["index i4 of t is not there, and was to be"]


def test_a_row_of_a_writer_that_did_not_know_a_column_is_found() -> None:
    assert wrong_values("t", ["id", "c7"], [(1, 7), (2, 7)]) == []
    assert wrong_values("t", ["id", "c7"], [(1, 7), (2, None)]) == ["t has (2, None), and c7 is 7 in every row"]
