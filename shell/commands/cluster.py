"""Commands of the cluster. Each is a statement, so that they work the same over the network and in this process."""

import re
from collections.abc import Callable

from exdbsql.shell import executor
from exdbsql.shell.commands.general import connection_info
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context
from exdbsql.shell.settings import HUMAN_FORMATS

_GROUP = "The cluster"
_SUM = "sum"


def _showing(what: str) -> Callable[[Context, str], None]:
    def run(context: Context, argument: str) -> None:
        executor.show(context, executor.execute(context, f"SHOW {what}"))

    return run


def quorum(context: Context, argument: str) -> None:
    """``\\quorum``: each node's rank and what it counts, then the sum in words below the table.

    The database gives the sum as the last row, so that it is there for every client; people read it better as a
    sentence.
    """
    result = executor.execute(context, "SHOW QUORUM")
    rows = list(result.rows)
    if context.settings.format not in HUMAN_FORMATS or not rows or rows[-1][0] != _SUM:
        executor.show(context, result)
        return
    *members, (_, _, _, _, reason) = rows
    executor.show_rows(context, result.columns or (), members, footer=False)
    context.output.line(f"{reason[:1].upper()}{reason[1:]}.")
    missing = [f"node {node} (rank {rank})" for node, _, rank, counts, _ in members if counts == 0 < rank]
    if missing:
        context.output.line(f"Missing: {', '.join(missing)}.")


def status(context: Context, argument: str) -> None:
    """``\\status``: connection, cluster and quorum in one page."""
    connection_info(context, "")
    for what in ("CLUSTER", "NODES"):
        executor.show(context, executor.execute(context, f"SHOW {what}"))
    quorum(context, "")


def scatter(context: Context, argument: str) -> None:
    """``\\scatter``"""
    executor.show(context, executor.execute(context, exchange_statement("SCATTER", "TO", argument)))


def gather(context: Context, argument: str) -> None:
    """``\\gather``"""
    executor.show(context, executor.execute(context, exchange_statement("GATHER", "FROM", argument)))


def detach(context: Context, argument: str) -> None:
    """``\\detach``"""
    if argument:
        raise CommandError("\\detach takes no argument: the node that this shell talks to leaves")
    executor.show(context, executor.execute(context, "ALTER CLUSTER DETACH"))


def attach(context: Context, argument: str) -> None:
    """``\\attach [discard]``"""
    if argument.lower() not in ("", "discard"):
        raise CommandError("\\attach takes nothing, or discard: save local changes to a file of the node, then join")
    discard = " DISCARD LOCAL CHANGES" if argument else ""
    executor.show(context, executor.execute(context, f"ALTER CLUSTER ATTACH{discard}"))


def exchange_statement(verb: str, direction: str, argument: str) -> str:
    """The statement for ``\\scatter x, y to 1 2``; ``all`` (the default) stands for every table and every node.

    Raises:
        CommandError: the nodes are not numbers.
    """
    tables, _, nodes = re.sub(rf"(?i)(?:^|\s+){direction}\s+", "\n", argument, count=1).partition("\n")
    table_part = ", ".join(re.findall(r'"(?:[^"]|"")*"|[^\s,]+', tables)) or "ALL"
    node_names = nodes.replace(",", " ").split()
    if not node_names or [name.lower() for name in node_names] == ["all"]:
        return f"{verb} {table_part} {direction} ALL"
    if not all(name.isdecimal() for name in node_names):
        raise CommandError(f"\\{verb.lower()} takes tables, then {direction.lower()} and node ids or all")
    return f"{verb} {table_part} {direction} NODE {', '.join(node_names)}"


COMMANDS = (
    Command("nodes", "", "the nodes of the cluster, and which of them are here", _GROUP, _showing("NODES"), ("n",)),
    Command("cluster", "", "what this node knows of the cluster", _GROUP, _showing("CLUSTER")),
    Command("quorum", "", "why this node may or may not write: the sum by rank", _GROUP, quorum),
    Command("status", "", "connection, cluster and quorum", _GROUP, status),
    Command("scatter", "[TABLES] [to NODES]", "push changes of DISTRIBUTED tables", _GROUP, scatter, (), "table"),
    Command("gather", "[TABLES] [from NODES]", "pull changes of DISTRIBUTED tables", _GROUP, gather, (), "table"),
    Command("detach", "", "leave the cluster: the node is free for local work", _GROUP, detach),
    Command("attach", "[discard]", "join the cluster again; discard saves and gives up local changes", _GROUP, attach),
)
