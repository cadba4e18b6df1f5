"""The sorted set that readers use without locks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.engine.ordered import BLOCK_ENTRIES, Bound, SortedBlocks, cut


def between(blocks: SortedBlocks, start: Bound = None, stop: Bound = None) -> list[int]:
    return [entry for block in blocks.between(start, stop) for entry in cut(block, start, stop)]


@given(
    st.sets(st.integers(0, 60)),
    st.lists(st.tuples(st.booleans(), st.integers(0, 60))),
    st.none() | st.tuples(st.integers(0, 60), st.booleans()),
    st.none() | st.tuples(st.integers(0, 60), st.booleans()),
)
def test_holds_what_a_set_holds_in_order(
    begin: set[int], steps: list[tuple[bool, int]], start: Bound, stop: Bound
) -> None:
    blocks, model = SortedBlocks(begin), set(begin)
    for add, entry in steps:
        if add and entry not in model:
            blocks.add(entry)
            model.add(entry)
        elif not add:
            blocks.remove(entry)
            model.discard(entry)
    low = -1 if start is None else start[0] + (0.5 if start[1] else -0.5)
    high = 61 if stop is None else stop[0] + (0.5 if stop[1] else -0.5)
    assert between(blocks, start, stop) == sorted(entry for entry in model if low < entry < high)
    assert len(blocks) == len(model)


def test_splits_and_empties_blocks() -> None:
    entries = list(range(5 * BLOCK_ENTRIES))
    random.Random(7).shuffle(entries)
    blocks = SortedBlocks([])
    for entry in entries:
        blocks.add(entry)
    assert between(blocks) == sorted(entries)
    assert len(blocks.top[0]) > 2
    for entry in entries:
        blocks.remove(entry)
    assert between(blocks) == []
    blocks.add(3)
    assert between(blocks) == [3]


def test_a_captured_reader_keeps_its_entries_through_splits() -> None:
    blocks = SortedBlocks(range(0, 4 * BLOCK_ENTRIES, 2))
    captured = blocks.between(None, None)
    for entry in range(1, 4 * BLOCK_ENTRIES, 2):
        blocks.add(entry)
    seen = [entry for block in captured for entry in block]
    assert seen == sorted(seen)
    assert set(seen) >= set(range(0, 4 * BLOCK_ENTRIES, 2))


@pytest.mark.parametrize("entry", [-1, 10, 5])
def test_removing_what_is_not_there_changes_nothing(entry: int) -> None:
    blocks = SortedBlocks([1, 3, 7])
    blocks.remove(entry)
    assert between(blocks) == [1, 3, 7]
