"""A lazy leader: entries go at once to a quorum, the quick ones, and to the others a moment later."""

from exdbsql.cluster.core.leading import LAG, LAG_BYTES
from exdbsql.cluster.replica import Replica

from .replicas import Cluster, cluster_of


def _lazy() -> tuple[Cluster, Replica, int, int]:
    """A cluster that has committed something: its leader, the quick follower, and the one that is spared."""
    cluster = cluster_of(1, 1, 1, lazy=True)
    leader = cluster.nodes[cluster.leader()]
    number = leader.submit(b"first")
    cluster.run(lambda: number in cluster.outcomes[cluster.leader()])
    cluster.run(lambda: len({len(ledger.lines) for ledger in cluster.ledgers.values()}) == 1)
    (quick,) = leader.core.leading._quick
    (spared,) = set(cluster.nodes) - {cluster.leader(), quick}
    return cluster, leader, quick, spared


def _commit(cluster: Cluster, node_id: int, command: bytes = b"x") -> None:
    """Without time passing."""
    number = cluster.nodes[node_id].submit(command)
    cluster._pump()
    assert number in cluster.outcomes[node_id]


def test_a_quorum_is_enough_and_the_other_hears_in_fewer_messages() -> None:
    cluster, leader, _, spared = _lazy()
    for _ in range(LAG - 1):
        _commit(cluster, cluster.leader())
    assert cluster.nodes[spared].core.log.last_index == leader.core.log.last_index - (LAG - 1)
    assert leader.owes_news()
    for _ in range(2):
        _commit(cluster, cluster.leader())
    assert cluster.nodes[spared].core.log.last_index >= leader.core.log.last_index - 1


def test_a_tick_or_the_host_sends_everything_to_everybody() -> None:
    cluster, leader, _, spared = _lazy()
    _commit(cluster, cluster.leader())
    assert cluster.nodes[spared].core.log.last_index < leader.core.log.last_index
    leader.tell()
    cluster._pump()
    assert len(cluster.ledgers[spared].lines) == 2 and not leader.owes_news()
    _commit(cluster, cluster.leader())
    cluster.run(for_ms=20)
    assert len(cluster.ledgers[spared].lines) == 3


def test_who_waits_for_its_own_commit_is_not_spared() -> None:
    cluster, _, _, spared = _lazy()
    _commit(cluster, spared)


def test_large_entries_go_to_everybody_at_once() -> None:
    cluster, leader, _, spared = _lazy()
    _commit(cluster, cluster.leader(), bytes(LAG_BYTES + 1))
    assert cluster.nodes[spared].core.log.last_index == leader.core.log.last_index


def test_another_is_quick_when_the_quick_one_does_not_answer() -> None:
    cluster, leader, quick, spared = _lazy()
    cluster.cut.add(frozenset((cluster.leader(), quick)))  # nobody has noticed yet
    number = leader.submit(b"second")
    cluster._pump()
    assert number not in cluster.outcomes[cluster.leader()]
    leader.tell()
    cluster._pump()
    assert number in cluster.outcomes[cluster.leader()]
    assert leader.core.leading._quick == {spared}
    _commit(cluster, cluster.leader())


def test_another_is_quick_when_the_quick_one_is_gone() -> None:
    cluster, leader, quick, spared = _lazy()
    cluster.part(cluster.leader(), quick)
    assert not leader.core.leading._quick
    _commit(cluster, cluster.leader())
    assert leader.core.leading._quick == {spared}
    cluster.cut.clear()


def test_a_spared_follower_can_be_handed_the_leadership() -> None:
    cluster, leader, _, spared = _lazy()
    _commit(cluster, cluster.leader())
    leader.transfer_leadership(spared)
    cluster.run(lambda: cluster.nodes[spared].status().role == "leader")


def test_ranks_decide_how_many_are_quick() -> None:
    cluster = cluster_of(1, 1, 1, 1, 1, lazy=True)
    _commit(cluster, cluster.leader())
    assert len(cluster.nodes[cluster.leader()].core.leading._quick) == 2
    cluster = cluster_of(3, 1, 1, lazy=True)
    leads = cluster.leader()
    _commit(cluster, leads)
    assert len(cluster.nodes[leads].core.leading._quick) == (0 if leads == 0 else 1)
