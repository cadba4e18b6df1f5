"""Names of a node's phases and roles, and which phases belong together."""

from typing import Final

WAITING: Final = "waiting"
"""In no cluster yet: finding out whether there is one, or founding it (R8)."""
FOUNDED: Final = "founded"
"""Has agreed to found a cluster, and has done nothing in it yet."""
ASKING: Final = "asking"
"""Came without a log: does nothing but ask (R6 a)."""
RECOVERING: Final = "recovering"
"""Has its answers; votes and acknowledges, but does not stand (R6 b)."""
NORMAL: Final = "normal"
LEFT: Final = "left"
HALTED: Final = "halted"
"""Met a history that contradicts its committed one (R5)."""
STOPPED: Final = "stopped"

ENDED: Final = frozenset({LEFT, HALTED, STOPPED})
IN_CLUSTER: Final = frozenset({RECOVERING, NORMAL})
VOTING: Final = IN_CLUSTER | {FOUNDED}

FOLLOWER: Final = "follower"
PRE_CANDIDATE: Final = "pre-candidate"
CANDIDATE: Final = "candidate"
CONFIRMING: Final = "confirming"
"""Has the votes, and asks the voters to confirm them (R6 b')."""
LEADER: Final = "leader"

NOBODY: Final = -1
UNKNOWN: Final = -2
"""Counts as having voted, for whom is forgotten (R6 a)."""
