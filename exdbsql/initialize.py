"""A cluster's first files: one configuration per node, and a sample schema with a table of each kind.

``exdbsql init --nodes 3 DIR`` is meant to be followed by ``exdbsql serve -c DIR/node0.toml`` without an edit, and the
files are meant to be read: each key that a user may want to change is there with a comment. Nothing is overwritten.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InterfaceError

SAMPLE_SCHEMA = """\
-- The dictionary of the cluster. Every node starts from the same text; later DDL, typed at any node, is replicated.

-- Replicated (the default): every commit reaches every node before it returns.
CREATE TABLE sites (
    id      integer PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    country text NOT NULL
);

CREATE TABLE readings (
    site     integer NOT NULL,
    taken_at timestamp NOT NULL,
    celsius  double precision NOT NULL CHECK (celsius > -100),
    PRIMARY KEY (site, taken_at)
);
CREATE INDEX readings_by_time ON readings (taken_at);

-- Distributed: nothing travels by itself; SCATTER and GATHER ship what the other side lacks.
CREATE DISTRIBUTED TABLE observations (
    id   integer PRIMARY KEY,
    node integer NOT NULL,
    note text
);

-- Local: every node has the table, with rows of its own that never leave it.
CREATE LOCAL TABLE scratch (
    id   integer PRIMARY KEY,
    note text
);
"""

_CONFIG = """\
# Node {node_id} of {nodes}. Start it with:  exdbsql serve -c {file}
# Paths are relative to this file. An unknown key is an error.

[database]
name = {name}
schema = "schema.sql"
state_dir = "state{node_id}"      # the small marker of membership lies here
db_segment_size = 0          # bytes that the rows may take; 0 = no bound of ours

[sql]
# There is no authentication yet: anyone who can connect may do everything, so this is loopback.
listen = "{host}:{sql_port}"
workers = 32                 # statements that run at the same time
max_connections = 2000

[cluster]
nodeId = {node_id}                   # this node's place in the list
nodes = [
{members}
]

[cluster.nwparams]
connectTimeout = 5000        # ms
connectInterval = 200        # ms between tries
keepAliveTime = 1000         # ms; a silent node is given up after keepAliveTime * keepAliveProbes
keepAliveProbes = 10

[cluster.window]             # transactions that commit at about the same time travel together
bsize = 0                    # bytes
length = 0                   # transactions; 0 turns the window off
timeout = 1                  # ms
"""


@dataclass(frozen=True, slots=True)
class InitPlan:
    """What to write: how many nodes, their ports (node i gets base + i), the database's name."""

    nodes: int = 3
    sql_port: int = 5500
    cluster_port: int = 5600
    name: str = "exdb"
    host: str = "127.0.0.1"

    def check(self) -> None:
        """Refuse plans that cannot work.

        Raises:
            InterfaceError: no nodes, ports that run into each other or out of range.
        """
        if not 1 <= self.nodes <= 64:
            raise _bad(f"a cluster has between 1 and 64 nodes, not {self.nodes}")
        for base in (self.sql_port, self.cluster_port):
            if not 1 <= base <= 65535 - self.nodes + 1:
                raise _bad(f"ports {base} to {base + self.nodes - 1} are not all between 1 and 65535")
        if abs(self.sql_port - self.cluster_port) < self.nodes:
            raise _bad(
                f"SQL ports from {self.sql_port} and cluster ports from {self.cluster_port} overlap for {self.nodes} nodes"
            )


def _bad(message: str) -> InterfaceError:
    return InterfaceError(message, sqlstate=states.INVALID_PARAMETER_VALUE)


def write_cluster(folder: str | Path, plan: InitPlan) -> list[Path]:
    """Write ``node0.toml`` … and ``schema.sql`` into `folder`, which is made where missing.

    Returns:
        The files written, the schema last.

    Raises:
        InterfaceError: a bad plan, a file that is already there (nothing is written then), a folder that cannot be
            written to.
    """
    plan.check()
    folder = Path(folder)
    files = {folder / f"node{node_id}.toml": _config_text(plan, node_id) for node_id in range(plan.nodes)}
    files[folder / "schema.sql"] = SAMPLE_SCHEMA
    present = [path for path in files if path.exists()]
    if present:
        raise InterfaceError(
            f"{present[0]} is already there, and init overwrites nothing",
            sqlstate=states.DUPLICATE_OBJECT,
            detail=f"already there: {', '.join(path.name for path in present)}",
            hint="choose another folder, or remove these files",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise InterfaceError(f"cannot write to {folder}: {error}", sqlstate=states.IO_ERROR) from None
    return list(files)


def _config_text(plan: InitPlan, node_id: int) -> str:
    members = "\n".join(
        f'    {{ addr = "{plan.host}:{plan.cluster_port + other}", qrank = 1 }},' for other in range(plan.nodes)
    )
    return _CONFIG.format(
        node_id=node_id,
        nodes=plan.nodes,
        file=f"node{node_id}.toml",
        name=json.dumps(plan.name, ensure_ascii=False),  # a string of JSON is one of TOML
        host=plan.host,
        sql_port=plan.sql_port + node_id,
        members=members,
    )
