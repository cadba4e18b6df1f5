"""The checker on histories whose anomalies are known: it finds each, and nothing in histories that are clean."""

import pytest
from checker import OK, UNKNOWN, VOID, Append, Read, Transaction, anomalies, orphans, wrong_rows

X, Y = 1, 2


def committed(name: str, *operations: Append | Read) -> Transaction:
    return Transaction(name, operations, OK)


A, R = Append, Read
CLEAN = [
    committed("t1", R(X, ()), A(X, 1)),
    committed("t2", R(X, (1,)), A(X, 2), R(X, (1, 2))),
    committed("t3", R(X, (1, 2)), R(Y, ())),
    Transaction("t4", (A(X, 3),), VOID),
    Transaction("t5", (A(Y, 4),), UNKNOWN),
    Transaction("t6", (A(Y, 5),), UNKNOWN),
]


@pytest.mark.parametrize("level", ["snapshot", "serializable"])
def test_a_clean_history(level: str) -> None:
    assert anomalies(CLEAN, {X: (1, 2), Y: (5,)}, level) == []


WRITE_SKEW = [committed("t1", R(X, ()), R(Y, ()), A(X, 1)), committed("t2", R(X, ()), R(Y, ()), A(Y, 2))]


def test_write_skew_is_forbidden_by_serializable_alone() -> None:
    assert anomalies(WRITE_SKEW, {X: (1,), Y: (2,)}, "snapshot") == []
    assert "cycle" in anomalies(WRITE_SKEW, {X: (1,), Y: (2,)}, "serializable")[0]


@pytest.mark.parametrize(
    ("name", "history", "final", "words"),
    [
        ("lost commit", [committed("t1", A(X, 1))], {X: ()}, "lost"),
        ("void, yet there", [Transaction("t1", (A(X, 1),), VOID)], {X: (1,)}, "reported not committed"),
        ("applied twice", [committed("t1", A(X, 1))], {X: (1, 1)}, "twice"),
        ("from nowhere", [], {X: (9,)}, "nobody appended"),
        ("torn", [Transaction("t1", (A(X, 1), A(Y, 2)), UNKNOWN)], {X: (1,), Y: ()}, "torn"),
        (
            "G0: two lists in opposite orders",
            [committed("t1", A(X, 1), A(Y, 2)), committed("t2", A(X, 3), A(Y, 4))],
            {X: (1, 3), Y: (4, 2)},
            "cycle",
        ),
        (
            "G1a: a read of what was rolled back",
            [Transaction("t1", (A(X, 1),), VOID), committed("t2", R(X, (1,)))],
            {X: ()},
            "which ended as",
        ),
        (
            "G1b: a read of the middle of a transaction",
            [committed("t1", A(X, 1), A(X, 2)), committed("t2", R(X, (1,)))],
            {X: (1, 2)},
            "G1b",
        ),
        (
            "G1c: each reads what the other wrote",
            [committed("t1", A(X, 1), R(Y, (2,))), committed("t2", A(Y, 2), R(X, (1,)))],
            {X: (1,), Y: (2,)},
            "cycle",
        ),
        (
            "lost update",
            [committed("t1", R(X, ()), A(X, 1)), committed("t2", R(X, ()), A(X, 2))],
            {X: (1, 2)},
            "cycle",
        ),
        (
            "read skew (G-single)",
            [committed("t1", A(X, 1), A(Y, 2)), committed("t2", R(X, ()), R(Y, (2,)))],
            {X: (1,), Y: (2,)},
            "cycle",
        ),
        (
            "two readers see two writers in opposite orders (long fork)",
            [
                committed("w1", A(X, 1)),
                committed("w2", A(Y, 2)),
                committed("r1", R(X, (1,)), R(Y, ())),
                committed("r2", R(X, ()), R(Y, (2,))),
            ],
            {X: (1,), Y: (2,)},
            "cycle",
        ),
        ("its own append not seen", [committed("t1", A(X, 1), R(X, ()))], {X: (1,)}, "its own appends"),
        ("not repeatable", [committed("t0", A(X, 1)), committed("t1", R(X, ()), R(X, (1,)))], {X: (1,)}, "and as"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_known_anomalies_are_found(
    name: str, history: list[Transaction], final: dict[int, tuple[int, ...]], words: str
) -> None:
    found = anomalies(history, final, "snapshot")
    assert any(words in line for line in found), (name, found)
    assert anomalies(history, final, "serializable")


ATTEMPTS = [(1, 7, OK), (2, 7, VOID), (3, 8, UNKNOWN), (4, 8, UNKNOWN)]


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([(1, 7), (3, 8)], ""),
        ([(1, 7)], ""),
        ([(3, 8)], "lost (1, 7)"),
        ([(1, 7), (1, 7)], "twice"),
        ([(1, 7), (2, 7)], "reported not committed"),
        ([(1, 7), (9, 9)], "nobody inserted"),
        ([(1, 7), (3, 9)], "nobody inserted"),
    ],
)
def test_rows_that_are_inserted_once(there: list[tuple[int, int]], words: str) -> None:
    found = wrong_rows("t", ATTEMPTS, there)
    assert (found == []) if not words else any(words in line for line in found)


def test_children_without_parents_are_found() -> None:
    assert orphans([(1,), (2,)], [(10, 1), (11, 2)]) == []
    assert orphans([(1,)], [(10, 1), (11, 2)]) == ["child 11 has no parent 2"]
