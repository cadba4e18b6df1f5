"""What the user may write as TARGET, and the link that comes of it.

============================  ===================================================
nothing                       an in-memory database in this process
``host:port``, ``host``       a node over the network (the port defaults to 5500)
``exdb://user@host:port/``    the same, spelled out
``path/to/folder``            a database in this process, if the text looks like a path
============================  ===================================================
"""

import os

import exdbsql
from exdbsql.address import DEFAULT_SQL_PORT, is_remote_target, parse_address, parse_target
from exdbsql.shell.database import Connection
from exdbsql.shell.link import Link

MEMORY = "memory"
_READ_ONLY = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"


def link_to(target: str | None, *, read_only: bool = False) -> Link:
    """A link to the target, not yet open.

    Raises:
        InterfaceError: the target is no address; says what one looks like.
    """
    if target is None or target == MEMORY:
        return Link(MEMORY, lambda: _connect(None, read_only), embedded=True)
    if _is_path(target):
        return Link(target, lambda: _connect(target, read_only), embedded=True)
    if is_remote_target(target):
        shown = str(parse_target(target))
        return Link(shown, lambda: _connect(target, read_only), embedded=False)
    address = parse_address(target, default_port=DEFAULT_SQL_PORT)
    return Link(str(address), lambda: _connect(f"exdb://{address}/", read_only), embedded=False)


def _is_path(target: str) -> bool:
    if is_remote_target(target):
        return False
    return os.sep in target or target.startswith((".", "~")) or os.path.isdir(target)


def _connect(target: str | None, read_only: bool) -> Connection:
    connection: Connection = exdbsql.connect() if target is None else exdbsql.connect(target)
    if read_only:
        connection.session.execute(_READ_ONLY)
    return connection
