"""Version chains: what they answer, and what trimming and thinning leave."""

from hypothesis import given
from hypothesis import strategies as st

from exdbsql.engine.versions import Chain, links, longer, row_at, thinned, trimmed


def chain_of(versions: list[int]) -> Chain | None:
    chain: Chain | None = None
    for number, version in enumerate(versions):
        chain = longer(chain, version, (number,))
    return chain


def test_a_snapshot_sees_the_state_before_the_first_change_after_it() -> None:
    chain = chain_of([3, 5, 9])
    newest = (3,)
    assert [row_at(chain, newest, snapshot) for snapshot in (2, 3, 4, 5, 8, 9)] == [(0,), (1,), (1,), (2,), (2,), (3,)]


def test_no_chain_means_the_newest_row() -> None:
    assert row_at(None, (1,), 0) == (1,)
    assert row_at(None, None, 0) is None


@given(st.sets(st.integers(1, 50), min_size=1), st.sets(st.integers(0, 50), min_size=1))
def test_trimming_and_thinning_keep_what_open_snapshots_see(changes: set[int], snapshots: set[int]) -> None:
    versions, open_snapshots = sorted(changes), sorted(snapshots)
    chain = chain_of(versions)
    assert chain is not None
    newest = (len(versions),)
    for shorter in (thinned(chain, open_snapshots), trimmed(chain, open_snapshots[0])):
        for snapshot in open_snapshots:
            assert row_at(shorter, newest, snapshot) == row_at(chain, newest, snapshot)


@given(st.sets(st.integers(1, 50), min_size=1), st.sets(st.integers(0, 50), min_size=1))
def test_thinning_leaves_no_more_links_than_snapshots_and_one(changes: set[int], snapshots: set[int]) -> None:
    chain = chain_of(sorted(changes))
    assert chain is not None
    kept = thinned(chain, sorted(snapshots))
    assert len(links(kept)) <= len(snapshots) + 1
    assert kept is not None and kept[0] == chain[0]
