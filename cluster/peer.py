"""One other node, as the transport sees it: its connections in both directions, and what waits for them."""

import asyncio

from exdbsql.cluster.frames import CONTROL
from exdbsql.cluster.link import Link


class Peer:
    """The connections with one node.

    Attributes:
        wanted: the owner wants to be connected to it; else it is only dialled back while it is there itself.
        addr: where to dial it, or "" where that is not known.
        incarnation: of the process that the connections lead to; meaningless while there are none.
        up: what the owner was told last.
        outgoing: by channel, the connection that we dialled; it carries what we send.
        incoming: by channel, the connection that the peer dialled; it carries what the peer sends.
        waiting: by channel, frames for a bulk connection until it is there.
        dialling: by channel, the task that keeps the outgoing connection.
    """

    __slots__ = ("addr", "dialling", "incarnation", "incoming", "node_id", "outgoing", "up", "waiting", "wanted")

    def __init__(self, node_id: int) -> None:
        self.node_id = node_id
        self.addr = ""
        self.incarnation = 0
        self.up = False
        self.wanted = False
        self.outgoing: dict[str, Link] = {}
        self.incoming: dict[str, Link] = {}
        self.waiting: dict[str, list[bytes]] = {}
        self.dialling: dict[str, asyncio.Task[None]] = {}

    def links(self) -> list[Link]:
        """All connections that passed the handshake and are not closed."""
        return [*self.outgoing.values(), *self.incoming.values()]

    def add(self, link: Link) -> Link | None:
        """Take a connection in; the one that it replaces, if any, is returned."""
        side = self.outgoing if link.dialled else self.incoming
        replaced = side.get(link.channel)
        side[link.channel] = link
        return replaced

    def remove(self, link: Link) -> bool:
        """Drop a closed connection; False if it is not (or no longer) one of ours."""
        side = self.outgoing if link.dialled else self.incoming
        if side.get(link.channel) is not link:
            return False
        del side[link.channel]
        return True

    def is_complete(self) -> bool:
        """Whether control connections of both directions are there."""
        return CONTROL in self.outgoing and CONTROL in self.incoming

    def stop_dialling(self) -> None:
        """Cancel the tasks that keep outgoing connections."""
        for task in self.dialling.values():
            task.cancel()
        self.dialling.clear()
