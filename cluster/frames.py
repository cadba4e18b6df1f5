"""The kinds of frames that nodes exchange, by connection.

Two nodes keep, in each direction, a *control* connection, and where needed a *bulk* connection: a heartbeat must never
queue behind a snapshot. The node that dials sends; the other answers only the handshake and pings. So each direction
is mended by the one that needs it, and no rule is needed for two nodes that dial each other at once.

==========  =====================================================================================================
frame       content after the kind
==========  =====================================================================================================
HELLO       see ``handshake.py``; the first frame of every connection
WELCOME     the acceptor's own hello
REFUSED     see ``handshake.py``; the connection is closed after it
PING, PONG  nothing; sent where a connection was silent for ``keepAliveTime``
CONSENSUS   one message of the replica; pieces of a snapshot go over the bulk connection
STOP        nothing: the sender's application has called ``stop()``; counts only where there is no quorum
ASK_APPLIED number of the question, log position: tell when that is applied there
APPLIED     number of the question
LATENESS    how often the sender waits for its interpreter, in a hundred (``lateness.py``)
EXCHANGE    see ``exchange.py``
DISCOVER    nothing; in place of HELLO
MEMBERS     id of the node that answers, its cluster's id, list of (node id, address, rank); the answer to DISCOVER
==========  =====================================================================================================
"""

from typing import Final

HELLO: Final = 1
WELCOME: Final = 2
REFUSED: Final = 3
PING: Final = 4
PONG: Final = 5
CONSENSUS: Final = 10
STOP: Final = 11
ASK_APPLIED: Final = 12
APPLIED: Final = 13
LATENESS: Final = 14
EXCHANGE: Final = 30
DISCOVER: Final = 40
MEMBERS: Final = 41

CONTROL: Final = "control"
BULK: Final = "bulk"
MAX_BULK: Final = 8
"""Bulk connections of each direction between two nodes, at most; ``conn_pool_factor`` is in percent of this."""


def bulk_channel(lane: int, pool: int) -> str:
    """The bulk connection for a lane, of a pool of so many. What must keep its order uses one lane; lane 0 is snapshots'."""
    number = lane % pool
    return f"{BULK}{number}" if number else BULK


BULK_CHANNELS: Final = frozenset(bulk_channel(lane, MAX_BULK) for lane in range(MAX_BULK))
