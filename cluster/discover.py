"""Who is in the cluster at an address? A question from any program, member or not; it blocks, and starts nothing.

One connection, one frame each way (DISCOVER, MEMBERS). Whoever answers otherwise is no node of ours, and that is said.
"""

import socket
import time
from dataclasses import dataclass

from exdbsql.cluster.frames import DISCOVER, MEMBERS
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.parameters import SslParameters, check_int, check_socket_path, split_address
from exdbsql.cluster.sockets import context_of, is_path, refuse_chain
from exdbsql.cluster.wire import Frame, FrameReader, encode_frame
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ClusterError, ProtocolError


@dataclass(frozen=True, slots=True)
class Discovery:
    """An answer: who gave it, the cluster's id (0: the node is in none yet), and the members, in order of id."""

    node_id: int
    cluster: int
    members: tuple[NodeInfo, ...]


def discover(addr: str, timeout_ms: int = 2000, ssl_params: SslParameters | None = None) -> list[NodeInfo]:
    """The members of the cluster that answers at `addr`, ``"host:port"`` or the path of a Unix socket.

    Raises:
        InvalidParameterError: `addr` is no address.
        ClusterError: nobody answers there within `timeout_ms`.
        ProtocolError: somebody else answers there.
    """
    return list(ask_who_is_there(addr, timeout_ms, ssl_params).members)


def ask_who_is_there(addr: str, timeout_ms: int = 2000, ssl_params: SslParameters | None = None) -> Discovery:
    """Like :func:`discover`, with the id of the node that answered, and its cluster's."""
    check_int("timeout", timeout_ms, 1, 3_600_000)
    deadline = time.monotonic() + timeout_ms / 1000
    try:
        with _connected(addr, timeout_ms / 1000, ssl_params) as sock:
            sock.sendall(encode_frame([DISCOVER]))
            return _read_members(_first_frame(sock, deadline, addr))
    except OSError as error:
        raise ClusterError(
            f"no node answers at {addr}: {error.strerror or error or 'time is up'}",
            sqlstate=sqlstate.CANNOT_CONNECT,
            hint="Give the cluster address (not the SQL address) of a node that is running.",
        ) from error


def _connected(addr: str, timeout_s: float, ssl_params: SslParameters | None) -> socket.socket:
    if is_path(addr):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout_s)
        sock.connect(check_socket_path(addr))
    else:
        sock = socket.create_connection(split_address(addr), timeout=timeout_s)
    if ssl_params is None:
        return sock
    tls = context_of(ssl_params, server=False).wrap_socket(sock)
    refused = refuse_chain(tls, ssl_params)
    if refused:
        tls.close()
        raise OSError(refused)
    return tls


def _first_frame(sock: socket.socket, deadline: float, addr: str) -> Frame:
    reader = FrameReader()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("time is up")
        sock.settimeout(left)
        data = sock.recv(65_536)
        if not data:
            raise _no_cluster_port(addr, "it closed the connection")
        try:
            frames = reader.feed(data)
        except ProtocolError as error:
            raise _no_cluster_port(addr, error.message) from None
        if frames:
            return frames[0]


def _no_cluster_port(addr: str, why: str) -> ProtocolError:
    return ProtocolError(
        f"what answers at {addr} is no cluster port of exdbsql: {why}",
        hint="Give the cluster address of a node (cluster.nodes in its configuration), not its SQL address.",
    )


def _read_members(frame: Frame) -> Discovery:
    try:
        kind, node_id, cluster, entries = frame
        if kind != MEMBERS or type(node_id) is not int or type(cluster) is not int:
            raise ValueError("not the answer to the question")
        members = []
        for member_id, where, rank in entries:
            if type(member_id) is not int or type(where) is not str or type(rank) is not int:
                raise ValueError("a member is malformed")
            members.append(NodeInfo(member_id, where, rank))
    except (ValueError, TypeError) as error:
        raise ProtocolError(f"a list of members is malformed: {error}") from None
    return Discovery(node_id, cluster, tuple(sorted(members, key=lambda member: member.node_id)))
