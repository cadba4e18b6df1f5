"""Version chains: what older snapshots still need of a row that has changed since.

A table's dictionary holds the newest committed row of a key and nothing else. Only while a snapshot is open that may need
an earlier state does a key also have a *chain*: the preimages of its changes, newest first, each with the version that
replaced it. ``(version, preimage, older, depth)`` says: before `version`, the row was `preimage` (None: there was none).

A chain is an immutable linked tuple, so a reader on another thread that holds one sees it whole, whatever a commit does
meanwhile; to change a chain is to store another one under the key. One link may serve many keys (a bulk insert registers
one link for all of them).

Left out on purpose: versions inside the rows. Rows are the tuples that a query returns, and the common table has no chains.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

Row: TypeAlias = tuple[Any, ...]
Key: TypeAlias = Any
"""A key of a table: the value of a one-column primary key, a tuple for more columns, an int for a hidden row id."""

Chain: TypeAlias = tuple[int, Row | None, Any, int]

THIN_AT_DEPTH: Final = 32
"""A chain is thinned when its depth reaches a power of two from here on: a hot row under one long reader stays short."""


def longer(chain: Chain | None, version: int, preimage: Row | None) -> Chain:
    """The chain with one more change: `version` replaced `preimage`."""
    return (version, preimage, chain, 1 if chain is None else chain[3] + 1)


def row_at(chain: Chain | None, newest: Row | None, snapshot: int) -> Row | None:
    """The row as `snapshot` sees it, where `newest` was read from the table before the chain was."""
    while chain is not None and chain[0] > snapshot:
        newest = chain[1]
        chain = chain[2]
    return newest


def links(chain: Chain | None) -> list[tuple[int, Row | None]]:
    """The changes of a chain, (version, preimage), newest first."""
    found = []
    while chain is not None:
        found.append((chain[0], chain[1]))
        chain = chain[2]
    return found


def _chain_of(changes: Sequence[tuple[int, Row | None]]) -> Chain | None:
    chain: Chain | None = None
    for version, preimage in reversed(changes):
        chain = longer(chain, version, preimage)
    return chain


def trimmed(chain: Chain, floor: int) -> Chain | None:
    """The chain without what no snapshot from `floor` on needs: changes that all of them already see."""
    if chain[0] <= floor:
        return None
    return _chain_of([link for link in links(chain) if link[0] > floor])


def wants_thinning(chain: Chain) -> bool:
    """Whether the depth has just reached a size at which thinning pays; amortised constant per change."""
    depth = chain[3]
    return depth >= THIN_AT_DEPTH and depth & (depth - 1) == 0


def thinned(chain: Chain, snapshots: Sequence[int]) -> Chain | None:
    """The chain with only those preimages that one of `snapshots` (ascending: all that are open) sees.

    The newest link always stays: conflict detection compares its version with a snapshot.
    """
    changes = links(chain)
    kept = []
    remaining = len(snapshots)
    for position, (version, preimage) in enumerate(changes):
        replaced_at = changes[position + 1][0] if position + 1 < len(changes) else -1
        while remaining and snapshots[remaining - 1] >= version:
            remaining -= 1
        if position == 0 or (remaining and snapshots[remaining - 1] >= replaced_at):
            kept.append((version, preimage))
    return _chain_of(kept)
