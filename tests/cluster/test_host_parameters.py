"""Cluster parameters: defaults of the reference, and one clear error for each wrong one."""

from typing import Any

import pytest

from exdbsql.cluster.core.messages import MAX_MEMBERS
from exdbsql.cluster.parameters import ClusterNodeParams, ClusterParams, ClusterWindow, TcpParameters
from exdbsql.schema.errors import InvalidParameterError

ONE = [ClusterNodeParams("127.0.0.1:2010")]
TWO = [*ONE, ClusterNodeParams("[::1]:2020", qrank=2)]


def test_defaults_are_those_of_the_reference() -> None:
    params = ClusterParams(nodeId=0, nwtype="TCP", nodes=ONE)
    assert (params.conn_pool_factor, params.sync_msg_objects, params.sync_msg_size, params.mode_mask) == (50, 100, 0, 0)
    assert ClusterWindow() == ClusterWindow(bsize=0, length=0, timeout=1)
    tcp = params.tcp
    assert (tcp.connectTimeout, tcp.connectInterval, tcp.keepAliveTime, tcp.keepAliveProbes) == (5000, 200, 1000, 10)
    assert tcp.silence_ms == 10_000


def test_mpi_cluster_says_the_same_as_nwtype() -> None:
    assert ClusterParams(nodeId=3, MPICluster=True).nwtype == "MPI"


@pytest.mark.parametrize(
    ("parameter", "arguments"),
    [
        ("nodeId", {"nodeId": "0"}),
        ("nodeId", {"nodeId": -1}),
        ("nodeId", {"nodeId": 2}),
        ("nodeId", {"nodeId": True}),
        ("nwtype", {"nwtype": "UDP"}),
        ("nwtype", {"nwtype": None}),
        ("MPICluster", {"MPICluster": 1}),
        ("MPICluster", {"MPICluster": True}),
        ("nodes", {"nodes": "127.0.0.1:1"}),
        ("nodes[0]", {"nodes": ["127.0.0.1:1"]}),
        ("nodes[0]", {"nodes": [ClusterNodeParams("")]}),
        ("nodes[1]", {"nodes": [*ONE, *ONE]}),
        ("nodes", {"nodes": [ClusterNodeParams("127.0.0.1:1", qrank=0)]}),
        ("nodes", {"nodes": [ClusterNodeParams(f"127.0.0.1:{port}") for port in range(1, MAX_MEMBERS + 2)]}),
        ("nwparams", {"nwparams": [1]}),
        ("nwparams", {"nwparams": {"conectTimeout": 1}}),
        ("nwparams.connectTimeout", {"nwparams": {"connectTimeout": "5"}}),
        ("nwparams.connectInterval", {"nwparams": {"connectInterval": 0}}),
        ("nwparams.keepAliveTime", {"nwparams": {"keepAliveTime": 1.5}}),
        ("nwparams.keepAliveProbes", {"nwparams": {"keepAliveProbes": 0}}),
        ("nwparams.compressionLevel", {"nwparams": {"compressionLevel": 10}}),
        ("nwparams.socketDomain", {"nwparams": {"socketDomain": "ipx"}}),
        ("nwparams.socketSendBuf", {"nwparams": {"socketSendBuf": -1}}),
        ("ssl_params", {"nwparams": {"ssl_params": {"certfile": "x"}}}),
        ("ssl_params.verify_mode", {"nwparams": {"ssl_params": {"verify_mode": "peer"}}}),
        ("window", {"window": (0, 0, 1)}),
        ("conn_pool_factor", {"conn_pool_factor": 0}),
        ("sync_msg_objects", {"sync_msg_objects": 0}),
        ("sync_msg_size", {"sync_msg_size": -1}),
        ("notifyCallback", {"notifyCallback": 3}),
        ("quorumCallback", {"quorumCallback": "yes"}),
        ("clusterSendBuf", {"clusterSendBuf": -1}),
        ("mode_mask", {"mode_mask": 4}),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_parameter(parameter: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        ClusterParams(**(dict[str, Any](nodeId=0, nwtype="TCP", nodes=TWO) | arguments))
    assert caught.value.message.startswith(parameter + ":")


@pytest.mark.parametrize("addr", ["nohost", ":2010", "host:", "host:0", "host:65536", "host:abc", "::1:2010", "a:٣"])
def test_a_wrong_address_is_refused(addr: str) -> None:
    with pytest.raises(InvalidParameterError, match="addr"):
        ClusterNodeParams(addr)


@pytest.mark.parametrize(
    ("parameter", "arguments"),
    [("bsize", {"bsize": -1}), ("length", {"length": "2"}), ("timeout", {"timeout": None})],
)
def test_a_wrong_window_is_refused(parameter: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match=f"window.{parameter}"):
        ClusterWindow(**arguments)


def test_an_unknown_key_says_which_are_known() -> None:
    with pytest.raises(InvalidParameterError) as caught:
        TcpParameters.from_mapping({"keepalive": 1})
    assert "'keepalive'" in caught.value.message
    assert caught.value.hint is not None and "keepAliveTime" in caught.value.hint
