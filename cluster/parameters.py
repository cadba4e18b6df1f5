"""The parameters of a cluster node, checked when they are made.

What: :class:`ClusterNodeParams`, :class:`ClusterParams` and :class:`ClusterWindow` with the names and defaults of
REFERENCE section 1, and :class:`TcpParameters`, the checked form of the ``nwparams`` dictionary.

Why so strict: a misspelt key that is ignored costs its author a day. Every wrong type, unknown key and value out of
range is an :class:`InvalidParameterError` that names the parameter, says what it got, and what would be right.

The values are immutable: a running node replaces its window as a whole, so no thread sees half of a change.

Left out: what the values do. TLS material is read by the transport, ranks are summed by the core.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntFlag
from typing import Any

from exdbsql.cluster.core.messages import MAX_MEMBERS
from exdbsql.cluster.information import NodeInfo
from exdbsql.schema.errors import InvalidParameterError

MAX_NODE_ID = 65_535
MAX_RANK = 1_000_000
MAX_BYTES = 2**31 - 1
MAX_MS = 24 * 3600 * 1000
MAX_SOCKET_PATH = 103

NotifyCallback = Callable[[int, NodeInfo], None]
QuorumCallback = Callable[[list[int]], bool]


class ModeMask(IntFlag):
    """Bits of ``ClusterParams.mode_mask``."""

    DEBUG_OUTPUT = 1
    EARLY_DATA_SEND = 2
    START_DETACHED = 8


def wrong(parameter: str, why: str, hint: str | None = None) -> InvalidParameterError:
    """The error for one wrong parameter; its name comes first."""
    return InvalidParameterError(f"{parameter}: {why}", hint=hint)


def check_int(parameter: str, value: object, low: int, high: int) -> int:
    """`value` if it is an int (not a bool) in low..high.

    Raises:
        InvalidParameterError: otherwise.
    """
    if type(value) is not int:
        raise wrong(parameter, f"expected an int, got {type(value).__name__} {value!r}")
    if not low <= value <= high:
        raise wrong(parameter, f"{value} is out of range", f"{low} to {high}")
    return value


def check_bool(parameter: str, value: object) -> bool:
    """`value` if it is a bool.

    Raises:
        InvalidParameterError: otherwise.
    """
    if type(value) is not bool:
        raise wrong(parameter, f"expected True or False, got {type(value).__name__} {value!r}")
    return value


def check_str(parameter: str, value: object) -> str:
    """`value` if it is a str.

    Raises:
        InvalidParameterError: otherwise.
    """
    if type(value) is not str:
        raise wrong(parameter, f"expected a str, got {type(value).__name__} {value!r}")
    return value


def split_address(addr: str, parameter: str = "addr") -> tuple[str, int]:
    """Host and port of ``"host:port"``; an IPv6 host stands in brackets.

    Raises:
        InvalidParameterError: the text is no address.
    """
    host, colon, port_text = addr.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise wrong(parameter, f"{addr!r} is no address", "an IPv6 host stands in brackets, as in [::1]:2010")
    if not colon or not host or not (port_text.isascii() and port_text.isdigit()):
        raise wrong(parameter, f"{addr!r} is no address", "write host:port, as in 127.0.0.1:2010")
    port = int(port_text)
    if not 1 <= port <= 65_535:
        raise wrong(parameter, f"port {port} of {addr!r} is out of range", "1 to 65535")
    return host, port


def check_socket_path(addr: str, parameter: str = "addr") -> str:
    """The path of a Unix socket.

    Raises:
        InvalidParameterError: the system takes no path of that length.
    """
    if len(addr.encode()) > MAX_SOCKET_PATH:
        raise wrong(parameter, f"the path {addr!r} is too long for a socket", f"at most {MAX_SOCKET_PATH} bytes")
    return addr


@dataclass(frozen=True, slots=True)
class ClusterNodeParams:
    """One node of the list; its id is its position there.

    Args:
        addr: ``"host:port"``, with ``socketDomain="local"`` the path of a Unix socket, or ``""`` for "not known to me".
        qrank: the node's rank in the quorum; 0 means that its coming and going does not touch it.
    """

    addr: str
    qrank: int = 1

    def __post_init__(self) -> None:
        if check_str("addr", self.addr).startswith("/"):
            check_socket_path(self.addr)
        elif self.addr:
            split_address(self.addr)
        check_int("qrank", self.qrank, 0, MAX_RANK)


@dataclass(frozen=True, slots=True)
class ClusterWindow:
    """Group commit: how long a node gathers transactions before it sends them together.

    Whichever bound is reached first sends the group. ``length=0`` turns the window off.

    Args:
        bsize: bytes, 0 for no bound.
        length: transactions.
        timeout: milliseconds.
    """

    bsize: int = 0
    length: int = 0
    timeout: int = 1

    def __post_init__(self) -> None:
        check_int("window.bsize", self.bsize, 0, MAX_BYTES)
        check_int("window.length", self.length, 0, 1_000_000)
        check_int("window.timeout", self.timeout, 0, 60_000)


@dataclass(frozen=True, slots=True)
class SslParameters:
    """TLS between the nodes, on where given; the keys of ``nwparams["ssl_params"]``."""

    cipher_list: str = ""
    max_cert_list: int = 0
    verify_mode: int | None = None
    verify_depth: int = 0
    cert_file_pem: str = ""
    pkey_file_pem: str = ""
    ca_file: str = ""
    ca_path: str = ""

    def __post_init__(self) -> None:
        for name in ("cipher_list", "cert_file_pem", "pkey_file_pem", "ca_file", "ca_path"):
            check_str(f"ssl_params.{name}", getattr(self, name))
        check_int("ssl_params.max_cert_list", self.max_cert_list, 0, MAX_BYTES)
        if self.verify_mode is not None:
            check_int("ssl_params.verify_mode", self.verify_mode, 0, 7)
        check_int("ssl_params.verify_depth", self.verify_depth, 0, 100)

    @classmethod
    def from_mapping(cls, given: object) -> "SslParameters":
        """The checked form of a dictionary.

        Raises:
            InvalidParameterError: an unknown key, a wrong type, a value out of range.
        """
        return cls(**_known_keys("ssl_params", given, {f.name for f in fields(cls)}))


@dataclass(frozen=True, slots=True)
class TcpParameters:
    """The TCP transport's parameters, by the names of ``nwparams``. Times in ms, sizes in bytes (0 = the system's).

    A connection that stays silent for ``keepAliveTime * keepAliveProbes`` ms counts as broken.
    """

    connectTimeout: int = 5000
    connectInterval: int = 200
    socketSendBuf: int = 0
    socketRecvBuf: int = 0
    socketDomain: str = "inet"
    keepAliveTime: int = 1000
    keepAliveProbes: int = 10
    compressionLevel: int = 0
    ssl_params: SslParameters | None = None

    def __post_init__(self) -> None:
        check_int("nwparams.connectTimeout", self.connectTimeout, 1, MAX_MS)
        check_int("nwparams.connectInterval", self.connectInterval, 1, MAX_MS)
        check_int("nwparams.socketSendBuf", self.socketSendBuf, 0, MAX_BYTES)
        check_int("nwparams.socketRecvBuf", self.socketRecvBuf, 0, MAX_BYTES)
        check_int("nwparams.keepAliveTime", self.keepAliveTime, 1, MAX_MS)
        check_int("nwparams.keepAliveProbes", self.keepAliveProbes, 1, 1000)
        check_int("nwparams.compressionLevel", self.compressionLevel, 0, 9)
        if check_str("nwparams.socketDomain", self.socketDomain) not in ("inet", "local"):
            raise wrong("nwparams.socketDomain", f"{self.socketDomain!r} is unknown", '"inet" or "local"')

    @classmethod
    def from_mapping(cls, given: object) -> "TcpParameters":
        """The checked form of ``nwparams``; None means all defaults.

        Raises:
            InvalidParameterError: an unknown key, a wrong type, a value out of range.
        """
        if given is None:
            return cls()
        known = _known_keys("nwparams", given, {f.name for f in fields(cls)})
        if known.get("ssl_params") is not None:
            known["ssl_params"] = SslParameters.from_mapping(known["ssl_params"])
        return cls(**known)

    @property
    def silence_ms(self) -> int:
        """After so many ms without a byte a connection counts as broken."""
        return self.keepAliveTime * self.keepAliveProbes


def _known_keys(parameter: str, given: object, names: set[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise wrong(parameter, f"expected a dict, got {type(given).__name__} {given!r}")
    for key in given:
        if key not in names:
            raise wrong(parameter, f"unknown key {key!r}", "known are " + ", ".join(sorted(names)))
    return dict(given)


@dataclass(frozen=True, slots=True)
class ClusterParams:
    """How this node takes part in its cluster (REFERENCE section 1).

    Raises:
        InvalidParameterError: from the constructor; names the parameter.
    """

    nodeId: int
    nwtype: str | None = None
    nodes: Sequence[ClusterNodeParams] = ()
    nwparams: Mapping[str, Any] | None = None
    MPICluster: bool = False
    window: ClusterWindow | None = None
    conn_pool_factor: int = 50
    sync_msg_objects: int = 100
    sync_msg_size: int = 0
    notifyCallback: NotifyCallback | None = None
    quorumCallback: QuorumCallback | None = None
    clusterSendBuf: int = 0
    clusterRecvBuf: int = 0
    mode_mask: int = 0
    tcp: TcpParameters = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_bool("MPICluster", self.MPICluster)
        object.__setattr__(self, "nwtype", self._network())
        object.__setattr__(self, "tcp", TcpParameters.from_mapping(self.nwparams))
        self._check_nodes()
        self._check_numbers()
        if self.window is not None and not isinstance(self.window, ClusterWindow):
            raise wrong("window", f"expected a ClusterWindow, got {type(self.window).__name__} {self.window!r}")
        for name in ("notifyCallback", "quorumCallback"):
            if (callback := getattr(self, name)) is not None and not callable(callback):
                raise wrong(name, f"expected something callable, got {type(callback).__name__} {callback!r}")

    def _network(self) -> str:
        if self.nwtype is None:
            if self.MPICluster:
                return "MPI"
            raise wrong("nwtype", "is missing", '"TCP" or "MPI"')
        if check_str("nwtype", self.nwtype) not in ("TCP", "MPI"):
            raise wrong("nwtype", f"{self.nwtype!r} is unknown", '"TCP" or "MPI"')
        if self.MPICluster and self.nwtype != "MPI":
            raise wrong("MPICluster", f'True contradicts nwtype="{self.nwtype}"')
        return self.nwtype

    def _check_nodes(self) -> None:
        check_int("nodeId", self.nodeId, 0, MAX_NODE_ID)
        if isinstance(self.nodes, (str, bytes)) or not isinstance(self.nodes, Sequence):
            raise wrong("nodes", f"expected a list of ClusterNodeParams, got {type(self.nodes).__name__}")
        for position, node in enumerate(self.nodes):
            if not isinstance(node, ClusterNodeParams):
                raise wrong(f"nodes[{position}]", f"expected ClusterNodeParams, got {type(node).__name__} {node!r}")
        object.__setattr__(self, "nodes", tuple(self.nodes))
        if self.nwtype == "MPI":
            return
        if self.nodeId >= len(self.nodes):
            raise wrong("nodeId", f"{self.nodeId} has no place in nodes, which has {len(self.nodes)}")
        if not self.nodes[self.nodeId].addr:
            raise wrong(f"nodes[{self.nodeId}]", "the node's own address must be known")
        self._check_addresses()

    def _check_addresses(self) -> None:
        known = sum(bool(node.addr) for node in self.nodes)
        if known > MAX_MEMBERS:
            raise wrong("nodes", f"names {known} nodes", f"a cluster has at most {MAX_MEMBERS} members")
        seen: dict[str, int] = {}
        for position, node in enumerate(self.nodes):
            if node.addr and self.nwtype == "TCP":
                self._check_domain(position, node.addr)
            if node.addr and node.addr in seen:
                raise wrong(f"nodes[{position}]", f"{node.addr} is the address of node {seen[node.addr]} already")
            seen[node.addr] = position
        if self.quorumCallback is None and not any(node.qrank for node in self.nodes):
            raise wrong("nodes", "every qrank is 0, so there can never be a quorum", "give one node a rank")

    def _check_domain(self, position: int, addr: str) -> None:
        if addr.startswith("/") != (self.tcp.socketDomain == "local"):
            right = "the path of a socket, as in /run/exdb/0.sock" if self.tcp.socketDomain == "local" else "host:port"
            raise wrong(
                f"nodes[{position}]", f'{addr!r} does not go with socketDomain="{self.tcp.socketDomain}"', right
            )

    def _check_numbers(self) -> None:
        check_int("conn_pool_factor", self.conn_pool_factor, 1, 100)
        check_int("sync_msg_objects", self.sync_msg_objects, 1, 10_000_000)
        check_int("sync_msg_size", self.sync_msg_size, 0, MAX_BYTES)
        check_int("clusterSendBuf", self.clusterSendBuf, 0, MAX_BYTES)
        check_int("clusterRecvBuf", self.clusterRecvBuf, 0, MAX_BYTES)
        known = int(ModeMask.DEBUG_OUTPUT | ModeMask.EARLY_DATA_SEND | ModeMask.START_DETACHED)
        if isinstance(self.mode_mask, ModeMask):
            object.__setattr__(self, "mode_mask", int(self.mode_mask))
        check_int("mode_mask", self.mode_mask, 0, 2**31 - 1)
        if self.mode_mask & ~known:
            raise wrong("mode_mask", f"unknown bits {self.mode_mask & ~known:#x}", "1, 2 and 8 are known")
