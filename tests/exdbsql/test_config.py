"""Configuration files: what init writes is read; every mistake names file and key."""

from pathlib import Path
from typing import Any

import pytest

from exdbsql.config import check_config, load_config
from exdbsql.initialize import InitPlan, write_cluster
from exdbsql.schema.errors import InterfaceError

GOOD: dict[str, Any] = {
    "database": {"name": "shop", "schema": "schema.sql"},
    "cluster": {"nodeId": 1, "nodes": [{"addr": "127.0.0.1:5600"}, {"addr": "127.0.0.1:5601", "qrank": 0}]},
}


def wrong(**sections: Any) -> str:
    with pytest.raises(InterfaceError) as caught:
        check_config({**GOOD, **sections}, Path("n.toml"))
    assert caught.value.sqlstate == "F0000"
    return str(caught.value)


def test_what_init_writes_is_a_configuration(tmp_path: Path) -> None:
    files = write_cluster(tmp_path / "new", InitPlan(nodes=3, sql_port=7000, cluster_port=7100))
    assert [path.name for path in files] == ["node0.toml", "node1.toml", "node2.toml", "schema.sql"]
    config = load_config(files[1])
    assert config.cluster is not None
    assert config.cluster.nodeId == 1
    assert [node.addr for node in config.cluster.nodes] == [f"127.0.0.1:{7100 + i}" for i in range(3)]
    assert config.sql.listen == "127.0.0.1:7001"
    assert config.resolve(config.database.schema_file) == files[3]


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "node1.toml").write_text("mine")
    with pytest.raises(InterfaceError, match=r"node1\.toml is already there"):
        write_cluster(tmp_path, InitPlan())
    assert [path.name for path in tmp_path.iterdir()] == ["node1.toml"]
    assert (tmp_path / "node1.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (InitPlan(nodes=0), "between 1 and 64"),
        (InitPlan(sql_port=65535), "between 1 and 65535"),
        (InitPlan(sql_port=5600, cluster_port=5601), "overlap"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(tmp_path: Path, plan: InitPlan, why: str) -> None:
    with pytest.raises(InterfaceError, match=why):
        write_cluster(tmp_path, plan)


def test_a_good_configuration_needs_no_more_than_this() -> None:
    config = check_config(GOOD, Path("/etc/n.toml"))
    assert config.resolve("schema.sql") == Path("/etc/schema.sql")
    assert config.sql.workers == 32


def test_an_unknown_key_is_named_with_the_one_that_was_meant() -> None:
    nodes = [{"addr": "127.0.0.1:1", "qrnak": 1}]
    message = wrong(cluster={"nodeId": 0, "nodes": nodes})
    assert message == "n.toml: cluster.nodes[0].qrnak: unknown key; did you mean qrank?"
    assert "sqll: unknown key; did you mean sql?" in wrong(sqll={})


def test_a_wrong_type_is_named_with_what_was_there() -> None:
    assert "n.toml: sql.workers: input should be a valid integer, not '4' (str)" in wrong(sql={"workers": "4"})


def test_a_missing_key_and_several_mistakes_are_one_message() -> None:
    message = wrong(database={"schema": "s.sql", "is_debug": 3})
    assert "database.name: missing" in message
    assert "DETAIL: database.is_debug" in message


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        ({"nodeId": 0, "nodes": [{"addr": "nowhere"}]}, "cluster.nodes[0].addr: not an address: 'nowhere'"),
        ({"nodeId": 2, "nodes": [{"addr": "a:1"}]}, "nodeId is 2, but nodes has 1 entries"),
        ({"nodeId": 0, "nodes": [{"addr": ""}]}, "own address, is empty"),
        ({"nodeId": 0, "nodes": [{"addr": "a:1"}, {"addr": "a:1"}]}, "the same address a:1"),
        ({"nodeId": 0, "nodes": [{"addr": "a:1"}], "nwparams": {"keepAlive": 1}}, "cluster.nwparams: unknown key"),
        ({"nodeId": 0, "nwtype": "UDP", "nodes": [{"addr": "a:1"}]}, "cluster.nwtype"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(cluster: dict[str, Any], why: str) -> None:
    assert why in wrong(cluster=cluster)


def test_the_cluster_section_becomes_the_parameters_of_open_database() -> None:
    config = check_config(GOOD, Path("n.toml"))
    assert config.cluster is not None
    params = config.cluster.parameters()
    assert (params.nodeId, [node.qrank for node in params.nodes], params.nwtype) == (1, [1, 0], "TCP")


def test_a_service_without_authentication_stays_on_loopback() -> None:
    assert "no authentication" in wrong(sql={"listen": "0.0.0.0:5500"})
    config = check_config({**GOOD, "sql": {"listen": "0.0.0.0:5500", "allow_remote": True}}, Path("n.toml"))
    assert config.sql.listen == "0.0.0.0:5500"


@pytest.mark.parametrize(("text", "why"), [("[database", "not TOML"), (None, "no such file"), ("\udcff", "be read")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "n.toml"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InterfaceError, match=why) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")
