"""A leader whose process keeps it waiting hands over, once, to a member that does not wait."""

import threading
from pathlib import Path

from exdbsql.cluster.lateness import FRESH_S, REST_S, SAMPLES, WINDOWS, Lateness

from .host_clusters import cluster
from .host_ports import eventually


def _late(windows: int, late: int = SAMPLES) -> Lateness:
    made = Lateness()
    for _ in range(windows):
        ends = [made.count(1.0 if number < late else 0.0) for number in range(SAMPLES)]
        assert ends == [False] * (SAMPLES - 1) + [True]
    return made


def test_a_share_is_counted_by_windows() -> None:
    assert _late(1, 5).percent == 20
    assert _late(1).percent == 100


def test_the_successor_is_not_late_and_has_the_highest_rank() -> None:
    made = _late(WINDOWS)
    for node_id, percent in ((1, 0), (2, 50), (3, 90), (4, 0)):
        made.hear(node_id, percent, 100.0)
    assert made.successor([(1, 1), (2, 2), (3, 9), (5, 9)], 101.0) == 2
    assert made.successor([(1, 1)], 101.0) is None, "it rests"
    assert made.successor([(1, 1)], 101.0 + REST_S) is None, "that was too long ago"
    made.hear(4, 0, 101.0 + REST_S)
    made.hear(1, 0, 101.0 + REST_S)
    made.forget(1)
    assert made.successor([(1, 1), (4, 1)], 101.0 + REST_S + FRESH_S) == 4


def test_one_late_window_or_a_machine_on_which_all_are_late_is_no_reason() -> None:
    short, all_late = _late(WINDOWS - 1), _late(WINDOWS)
    short.hear(1, 0, 1.0)
    all_late.hear(1, 70, 1.0)
    assert short.successor([(1, 1)], 1.0) is None and all_late.successor([(1, 1)], 1.0) is None


def test_commits_go_on_while_the_leadership_moves(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        former = made.nodes[0].node.status().leader
        assert former is not None
        to, writer = (node_id for node_id in range(3) if node_id != former)
        end, results = threading.Event(), []

        def write() -> None:
            while not end.is_set():
                results.append(made.nodes[writer].put("k", len(results)))

        thread = threading.Thread(target=write)
        thread.start()
        lateness = made.nodes[former].node._runtime.lateness
        lateness.sample = lambda: True  # type: ignore[method-assign]
        lateness.percent, lateness._windows = 100, WINDOWS
        lateness.hear(to, 0, 2.0**40)
        eventually(lambda: made.nodes[writer].node.status().leader == to, "another leader")
        before = len(results)
        eventually(lambda: len(results) > before + 20, "commits under it")
        end.set()
        thread.join()
        made.same_state()
