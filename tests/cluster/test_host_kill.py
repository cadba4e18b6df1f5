"""Real processes, killed with SIGKILL: what was acknowledged stays, the rest goes on, and who returns is synchronised."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .host_ports import eventually, free_ports
from .host_process import NodeProcess


class Processes:
    def __init__(self, tmp_path: Path, ranks: tuple[int, ...]) -> None:
        self.ranks = ranks
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(len(ranks))]
        self.tmp_path = tmp_path
        self.nodes: dict[int, NodeProcess] = {}

    def start(self, node_id: int) -> NodeProcess:
        self.nodes[node_id] = NodeProcess(node_id, self.addresses, self.ranks, self.tmp_path / f"state{node_id}")
        return self.nodes[node_id]

    def kill(self, node_id: int) -> None:
        self.nodes.pop(node_id).kill()

    def same_values(self) -> dict[str, object]:
        one, *others = self.nodes.values()
        eventually(lambda: all(other.ask("values") == one.ask("values") for other in others), "equal values")
        values: dict[str, object] = one.ask("values")
        return values


@contextmanager
def processes(tmp_path: Path, ranks: tuple[int, ...] = (1, 1, 1)) -> Iterator[Processes]:
    made = Processes(tmp_path, ranks)
    try:
        for node_id in range(len(ranks)):
            made.start(node_id)
        for node in made.nodes.values():
            node.ask("ready")
        yield made
    finally:
        for node_id in list(made.nodes):
            made.kill(node_id)


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_a_killed_node_loses_nothing_that_was_acknowledged(tmp_path: Path, victim: str) -> None:
    with processes(tmp_path) as made:
        leader = made.nodes[0].ask("leader")
        others = [node_id for node_id in made.nodes if node_id != leader]
        doomed = leader if victim == "leader" else others[0]
        survivors = [node_id for node_id in made.nodes if node_id != doomed]
        made.nodes[doomed].tell("flood", "f")
        acknowledged = [made.nodes[doomed].answer() for _ in range(50)]
        made.kill(doomed)
        made.nodes[survivors[0]].ask("put", "after", 1)
        values = made.same_values()
        assert all(values[f"f{number}"] == number for number in acknowledged)
        assert sorted(made.nodes[survivors[0]].ask("active")) == survivors
        made.start(doomed).ask("ready")
        assert made.same_values().items() >= values.items()
        made.nodes[doomed].ask("put", "returned", 1)
        assert "returned" in made.same_values()


def test_each_node_in_turn_is_killed_and_comes_back(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        for turn, doomed in enumerate((0, 1, 2, 0)):
            made.kill(doomed)
            survivor = (doomed + 1) % 3
            made.nodes[survivor].ask("put", f"turn{turn}", turn)
            made.start(doomed).ask("ready")
        assert made.same_values() == {f"turn{turn}": turn for turn in range(4)}


def test_a_paused_leader_is_replaced_and_finds_its_place_again(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        leader = made.nodes[0].ask("leader")
        other = (leader + 1) % 3
        made.nodes[leader].process.send_signal(signal.SIGSTOP)
        try:
            made.nodes[other].ask("put", "without it", 1)
            eventually(lambda: made.nodes[other].ask("leader") != leader, "another leader, as others read it")
        finally:
            made.nodes[leader].process.send_signal(signal.SIGCONT)
        made.nodes[leader].ask("put", "with it", 1)
        assert made.same_values() == {"without it": 1, "with it": 1}


def test_the_last_of_three_says_in_ranks_why_it_stopped(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        made.kill(1)
        made.nodes[0].ask("put", "two of three", 1)
        made.kill(2)
        eventually(lambda: made.nodes[0].ask("active") == [0])
        with pytest.raises(RuntimeError, match="NoQuorumError.*1 of 3"):
            made.nodes[0].ask("put", "one of three", 1)
        assert made.nodes[0].ask("values") == {"two of three": 1}


def test_an_origin_that_is_killed_leaves_no_half_of_a_scatter(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        for key in range(200):
            made.nodes[0].ask("store", "x", f"k{key}", "v" * 200)
        made.nodes[0].tell("scatter")
        made.kill(0)
        eventually(lambda: made.nodes[1].ask("prepared") == made.nodes[2].ask("prepared") == 0, "a verdict")
        made.nodes[1].ask("put", "log", "goes on")
        eventually(lambda: made.nodes[1].ask("stored", "x") == made.nodes[2].ask("stored", "x"), "all or nothing")
        assert len(made.nodes[1].ask("stored", "x")) in (0, 200)


def test_an_orderly_stop_lets_a_cluster_be_founded_anew(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        made.nodes[0].ask("put", "k", 1)
        for node in made.nodes.values():
            node.tell("stop")
        for node in made.nodes.values():
            assert node.answer() is None
        for node_id in list(made.nodes):
            made.kill(node_id)
            made.start(node_id)
        for node in made.nodes.values():
            node.ask("ready")
        assert made.same_values() == {}


def test_all_killed_at_once_found_anew_for_nothing_is_left_to_lose(tmp_path: Path) -> None:
    with processes(tmp_path) as made:
        made.nodes[0].ask("put", "k", 1)
        for node_id in list(made.nodes):
            made.kill(node_id)
        for node_id in range(3):
            made.start(node_id)
        for node in made.nodes.values():
            node.ask("ready")
        assert made.same_values() == {}
