"""What must hold of a core after every turn, whatever came from the network: for nodes with ``is_debug``, and for every simulated one.

Rules:

1. What is applied is committed, what is committed is in the log, and no entry is of a later term than the node's own.
2. A leader is a normal member, follows itself, and believes of nobody that he holds more than it does.
3. The lists in the log stand in order, and neighbours share one (R7), but where an operator has forced a node to go on alone (R8).
4. Marks and lists that are committed have taken effect.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from exdbsql.cluster.core.phases import LEADER, NORMAL
from exdbsql.cluster.core.quorum import Configuration
from exdbsql.schema.errors import InternalError

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


def check(core: "Core") -> None:
    """Raise InternalError where one of them does not hold; names it."""
    log = core.log
    _require(log.base_index <= core.applied <= core.commit <= log.last_index, "applied, committed and last entry", core)
    _require(core.stable <= log.last_index, "what is saved is in the log", core)
    _require(log.last_term <= core.term, "the newest entry's term", core)
    if core.role == LEADER:
        _require(core.phase == NORMAL and core.leader == core.id, "a leader follows itself", core)
        matches = [p.match for p in core.leading.progress.values()]
        _require(max(matches, default=0) <= log.last_index, "what followers hold", core)
    places = [c.log_index for c in core.configurations]
    _require(places == sorted(places) and places[-1] <= log.last_index, "the order of the lists", core)
    _require(all(_are_neighbours(a, b) for a, b in pairwise(core.configurations)), "neighbouring lists (R7)", core)
    _require(core.special == sorted(core.special), "the order of marks", core)
    _require(not core.special or core.commit < core.special[0], "marks take effect when they are committed", core)


def _are_neighbours(before: Configuration, after: Configuration) -> bool:
    theirs = after.members, after.outgoing
    if before.members in theirs or (before.outgoing is not None and before.outgoing in theirs):
        return True
    forced = not after.is_joint and len(after.members) == 1
    return forced or not before.members


def _require(holds: bool, what: str, core: "Core") -> None:
    if not holds:
        raise InternalError(
            f"node {core.id} is broken: {what}",
            detail=f"log {core.log.base_index} to {core.log.last_index}, commit {core.commit}, applied {core.applied},"
            f" stable {core.stable}, term {core.term}, {core.phase} {core.role}, lists {core.configurations}",
        )
