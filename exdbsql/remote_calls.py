"""The cluster's calls over the network: both ends of the operation "call", side by side.

What crosses are plain lists; the dataclasses of the cluster are taken apart on one end and put together on the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, TypeVar

from exdbsql.cluster.information import ClusterInfo, ExchangeReport, NodeInfo
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.interface import ClusterCalls
from exdbsql.schema.errors import NotSupportedError, ProtocolError


def serve_call(calls: ClusterCalls, name: str, arguments: list[Any]) -> Any:
    """Carry out a call at the node, and give its result as lists.

    Raises:
        ProtocolError: no such call, or not with these arguments.
        Error: what the call raises.
    """
    match name, arguments:
        case "barrier", []:
            return calls.barrier()
        case "stop", []:
            return calls.stop()
        case "attach", [str(on_local_changes)]:
            return calls.attach(None, on_local_changes)
        case "detach", []:
            return calls.detach()
        case "force_recovery", []:
            return calls.force_recovery()
        case "remove_node", [int(node_id)]:
            return calls.remove_node(node_id)
        case "set_rank", [int(node_id), int(rank)]:
            return calls.set_rank(node_id, rank)
        case "info", []:
            return list(astuple(calls.info()))
        case "active_nodes", []:
            return [list(astuple(node)) for node in calls.active_nodes()]
        case "window", []:
            return list(astuple(calls.get_window()))
        case "set_window", [int(bsize), int(length), int(timeout)]:
            return calls.set_window(ClusterWindow(bsize, length, timeout))
        case "scatter" | "gather", [tables, nodes, str(on_conflict)] if _names(tables) and _ids(nodes):
            exchange = calls.scatter if name == "scatter" else calls.gather
            return _report_to_wire(exchange(tables, nodes, on_conflict))
        case "transaction_status", [str(transaction_id)]:
            return calls.transaction_status(transaction_id)
        case "catch_up", []:
            return calls.catch_up()
    raise ProtocolError(f"no call {name!r} with these arguments")


def _names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _ids(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(type(node_id) is int for node_id in value))


def _report_to_wire(report: ExchangeReport) -> list[Any]:
    return [[[*where, count] for where, count in part.items()] for part in (report.travelled, report.taken)]


def _report_from_wire(value: Any) -> ExchangeReport:
    travelled, taken = ({(t, a, b): count for t, a, b, count in part} for part in value)
    return ExchangeReport(travelled, taken)


class RemoteCalls:
    """The :class:`~exdbsql.interface.ClusterCalls` of a connection over the network.

    Args:
        call: sends name and arguments, and gives the result as lists.
    """

    def __init__(self, call: Callable[[str, list[Any]], Any]) -> None:
        self._call = call

    def listen(self) -> None:
        """Belongs to the node's own process.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("listen() runs in the node's own process, not over the network")

    def stop(self) -> None:
        """End the cluster runtime of the node, together with the other nodes."""
        self._call("stop", [])

    def barrier(self) -> None:
        """Enter the barrier for the node."""
        self._call("barrier", [])

    def attach(self, params: ClusterParams | None, on_local_changes: str) -> list[str]:
        """Have the node join again; with the parameters that it has.

        Raises:
            NotSupportedError: other parameters: they belong to the node's process.
        """
        if params is not None:
            raise NotSupportedError("attach() with other parameters is not possible over the network")
        return [str(name) for name in self._call("attach", [on_local_changes])]

    def detach(self) -> None:
        """Have the node leave."""
        self._call("detach", [])

    def force_recovery(self) -> str:
        """Have the node go on from what it has."""
        return str(self._call("force_recovery", []))

    def remove_node(self, node_id: int) -> None:
        """Have the node take a member off the list."""
        self._call("remove_node", [node_id])

    def set_rank(self, node_id: int, rank: int) -> None:
        """Have the node give a member another rank."""
        self._call("set_rank", [node_id, rank])

    def info(self) -> ClusterInfo:
        """The node's counters."""
        return _made(ClusterInfo, self._call("info", []))

    def active_nodes(self) -> list[NodeInfo]:
        """The nodes that are there."""
        return [_made(NodeInfo, node) for node in self._call("active_nodes", [])]

    def get_window(self) -> ClusterWindow:
        """The window's parameters."""
        return _made(ClusterWindow, self._call("window", []))

    def set_window(self, window: ClusterWindow) -> None:
        """Replace the window's parameters."""
        self._call("set_window", list(astuple(window)))

    def scatter(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Have the node push."""
        return self._exchange("scatter", tables, nodes, on_conflict)

    def gather(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Have the node pull."""
        return self._exchange("gather", tables, nodes, on_conflict)

    def _exchange(
        self, name: str, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str
    ) -> ExchangeReport:
        arguments = [None if tables is None else list(tables), None if nodes is None else list(nodes), on_conflict]
        return _made(_report_from_wire, [self._call(name, arguments)])

    def transaction_status(self, transaction_id: str) -> str:
        """ "committed", "void" or "unknown"."""
        return str(self._call("transaction_status", [transaction_id]))

    def catch_up(self) -> None:
        """Have the node get what was committed anywhere by now."""
        self._call("catch_up", [])


_T = TypeVar("_T")


def _made(make: Callable[..., _T], values: list[Any]) -> _T:
    try:
        return make(*values)
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"the result of the call cannot be read: {error}") from error
