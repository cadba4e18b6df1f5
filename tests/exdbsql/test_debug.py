"""is_debug: a node that finds itself broken ends before it tells anybody what it believes, and the others go on."""

from pathlib import Path

import pytest

import exdbsql as exdb
from exdbsql import api

from .real_nodes import eventually, nodes


def test_a_node_that_is_broken_ends_and_says_what_does_not_hold(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1)) as made:
        made.connect(0).execute("INSERT INTO t VALUES (1, 'before')")
        replication = made.databases[0].replication
        assert replication is not None
        core = replication.node._runtime.replica.core
        core.stable = 10**6
        eventually(lambda: 0 in made.errors)
        with pytest.raises(exdb.InternalError, match="node 0 is broken: what is saved"):
            raise made.errors[0]
        made.connect(1).execute("INSERT INTO t VALUES (2, 'after')")
        assert set(made.errors) == {0}


def test_who_does_not_ask_for_it_is_not_checked(tmp_path: Path) -> None:
    with nodes(tmp_path, (1,), start=False) as made:
        api.init_runtime(is_debug=False, cluster=True)
        made.start(0)
        made.ready()
        replication = made.databases[0].replication
        assert replication is not None
        replication.node._runtime.replica.core.stable = 10**6
        made.connect(0).execute("INSERT INTO t VALUES (1, 'unchecked')")
        assert made.errors == {}
