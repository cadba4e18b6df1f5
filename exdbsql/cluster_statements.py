"""ALTER CLUSTER: the cluster's calls as statements, so that a shell or any client can make them over the network.

::

    ALTER CLUSTER DETACH                            leave; the node is free for local work
    ALTER CLUSTER ATTACH                            join again; refused if that would lose local changes
    ALTER CLUSTER ATTACH DISCARD LOCAL CHANGES      save them to a file of the node, then join
    ALTER CLUSTER STOP                              end the cluster, together with all active nodes
    ALTER CLUSTER REMOVE NODE 2                     take a member off the list that will not come back
    ALTER CLUSTER NODE 2 RANK 0                     give a member another rank
    ALTER CLUSTER FORCE RECOVERY                    go on from what this node has, the others being gone for good
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exdbsql.result import Answer, Shape
from exdbsql.schema.token_reader import TokenReader

if TYPE_CHECKING:
    from exdbsql.session import Session

DETACH = "DETACH"
ATTACH = "ATTACH"
STOP = "STOP"
FORCE_RECOVERY = "FORCE RECOVERY"
REMOVE_NODE = "REMOVE NODE"
SET_RANK = "NODE RANK"


@dataclass(frozen=True, slots=True)
class AlterCluster:
    """ALTER CLUSTER; `discard` goes with ATTACH, `node` and `rank` with changes of members."""

    action: str
    discard: bool = False
    node: int = 0
    rank: int = 0


def read_alter_cluster(reader: TokenReader) -> AlterCluster:
    """The statement behind its first two words.

    Raises:
        ProgrammingError: something else follows (42601).
    """
    if reader.accept("detach"):
        return AlterCluster(DETACH)
    if reader.accept("attach"):
        return AlterCluster(ATTACH, reader.accept("discard", "local", "changes"))
    if reader.accept("stop"):
        return AlterCluster(STOP)
    if reader.accept("force", "recovery"):
        return AlterCluster(FORCE_RECOVERY)
    if reader.accept("remove", "node"):
        return AlterCluster(REMOVE_NODE, node=reader.integer("a node id"))
    if reader.accept("node"):
        node = reader.integer("a node id")
        reader.expect("rank")
        return AlterCluster(SET_RANK, node=node, rank=reader.integer("a rank"))
    raise reader.syntax_error(
        expected="DETACH, ATTACH [DISCARD LOCAL CHANGES], STOP, REMOVE NODE, NODE id RANK or FORCE RECOVERY"
    )


_SHAPE = Shape("ALTER CLUSTER")


def alter_cluster(session: "Session", statement: AlterCluster) -> Answer:
    """Carry it out; what is to be said goes into the session's notices.

    Raises:
        Error: the cluster's; see :class:`~exdbsql.connection.Connection`.
    """
    calls = session.cluster
    match statement.action:
        case "DETACH":
            calls.detach()
        case "ATTACH":
            for name in calls.attach(None, "discard" if statement.discard else "error"):
                session.notice(f"NOTICE: what this node gave up is saved in {name}")
        case "STOP":
            calls.stop()
        case "REMOVE NODE":
            calls.remove_node(statement.node)
        case "NODE RANK":
            calls.set_rank(statement.node, statement.rank)
        case _:
            session.notice(f"WARNING: {calls.force_recovery()}")
    return _SHAPE, None, 0, None
