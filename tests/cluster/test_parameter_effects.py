"""Each parameter of the cluster has an effect that can be seen; REFERENCE section 1, one test for each."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from exdbsql.cluster.discover import discover
from exdbsql.cluster.frames import BULK, CONTROL
from exdbsql.cluster.handoff import Request, Submission
from exdbsql.cluster.node import ClusterNode
from exdbsql.cluster.parameters import ClusterNodeParams, ClusterParams, ClusterWindow, SslParameters
from exdbsql.cluster.runtime import Runtime
from exdbsql.schema.errors import ClusterError, InvalidParameterError, NoQuorumError

from .host_clusters import Cluster, HostedNode, cluster
from .host_models import KeyValueMachine, ModelStore
from .host_ports import DEADLINE_S, eventually, free_ports

# ---- TLS ----


class Authority:
    """Certificates of one authority, as files."""

    def __init__(self, folder: Path, intermediate: bool = False) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        root = trustme.CA()
        self._issuer = root.create_child_ca() if intermediate else root
        self.ca_file = str(folder / "ca.pem")
        root.cert_pem.write_to_path(self.ca_file)

    def of(self, name: str) -> dict[str, str]:
        """ssl_params with a certificate for one node."""
        issued = self._issuer.issue_cert(name)
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return {"cert_file_pem": str(cert), "pkey_file_pem": str(key), "ca_file": self.ca_file}


def runtime_of(hosted: HostedNode) -> Runtime:
    return hosted.node._runtime


def in_loop(hosted: HostedNode, look: Callable[[Runtime], Any]) -> Any:
    """Look at something of a node where it lives: in its listener's thread."""
    return hosted.node._listener.call("a test", lambda request: request.settle(look(runtime_of(hosted))))


def links_of(hosted: HostedNode) -> list[Any]:
    def look(runtime: Runtime) -> list[Any]:
        assert runtime._transport is not None
        return [link for peer in runtime._transport._peers.values() for link in peer.links()]

    links: list[Any] = in_loop(hosted, look)
    return links


def two_with(made: Cluster, one: dict[str, Any], other: dict[str, Any]) -> None:
    made.start(0, nwparams={"ssl_params": one} if one else {})
    made.start(1, nwparams={"ssl_params": other} if other else {})


def test_nodes_speak_tls_and_know_each_others_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with cluster(tmp_path, (1, 1), start=False) as made:
        two_with(made, authority.of("a"), authority.of("b"))
        made.ready()
        made.nodes[1].put("k", "x" * 500_000)
        made.same_state()
        versions = {link.transport.get_extra_info("ssl_object").version() for link in links_of(made.nodes[0])}
        assert versions <= {"TLSv1.3", "TLSv1.2"} and versions
        addr = made.nodes_list[0].addr
        with pytest.raises(ClusterError):
            discover(addr, 1000)
        members = discover(addr, 5000, SslParameters.from_mapping(authority.of("anybody")))
        assert [member.node_id for member in members] == [0, 1]


@pytest.mark.parametrize("known", [True, False])
def test_authorities_may_stand_in_a_folder(tmp_path: Path, known: bool) -> None:
    """`ca_path`: a folder with certificates by the hash of their subjects, as OpenSSL's `rehash` names them."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("only OpenSSL knows the hash of a subject")

    def params(name: str) -> dict[str, Any]:
        own = ours.of(name)
        ca_file = own.pop("ca_file") if known else theirs.ca_file
        hashed = subprocess.run(
            [openssl, "x509", "-hash", "-noout", "-in", ca_file], check=True, capture_output=True, text=True
        )
        folder = tmp_path / f"ca_path of {name}"
        folder.mkdir()
        shutil.copy(ca_file, folder / f"{hashed.stdout.strip()}.0")
        own.pop("ca_file", None)
        return own | {"ca_path": str(folder)}

    with cluster(tmp_path, (1, 1), start=False) as made:
        two_with(made, params("a"), params("b"))
        if known:
            made.ready()
            return
        with pytest.raises(NoQuorumError):
            made.nodes[1].node.wait_ready(1.0)


@pytest.mark.parametrize("stranger", ["no TLS", "another authority", "no certificate asked for"])
def test_who_has_no_certificate_of_the_authority_is_left_out(tmp_path: Path, stranger: str) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    other: dict[str, Any] = {}
    if stranger == "another authority":
        other = theirs.of("b")
    elif stranger == "no certificate asked for":
        other = theirs.of("b") | {"verify_mode": 0}
    with cluster(tmp_path, (1, 1), start=False) as made:
        two_with(made, ours.of("a"), other)
        with pytest.raises(NoQuorumError):
            made.nodes[1].node.wait_ready(1.0)
        assert not any(hosted.node.status().has_quorum for hosted in made.nodes.values())


def test_verify_mode_0_lets_everybody_in(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with cluster(tmp_path, (1, 1), start=False) as made:
        two_with(made, ours.of("a") | {"verify_mode": 0}, theirs.of("b") | {"verify_mode": 0})
        made.ready()


def test_the_ciphers_are_those_of_the_list(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with cluster(tmp_path, (1, 1), start=False) as made:
        ciphers = {"cipher_list": "ECDHE+AESGCM"}
        two_with(made, authority.of("a") | ciphers, authority.of("b") | ciphers)
        made.ready()
        context = runtime_of(made.nodes[0])._transport._sockets._server_context  # type: ignore[union-attr]
        assert context is not None
        old = [c["name"] for c in context.get_ciphers() if c["protocol"] != "TLSv1.3"]
        assert old and all("GCM" in name and "ECDHE" in name for name in old)


@pytest.mark.parametrize(
    ("limit", "joins"),
    [({"max_cert_list": 100}, False), ({"max_cert_list": 100_000}, True), ({"verify_depth": 1}, True)],
)
def test_certificates_have_a_bounded_size_and_depth(tmp_path: Path, limit: dict[str, int], joins: bool) -> None:
    authority = Authority(tmp_path / "ca", intermediate=True)
    with cluster(tmp_path, (1, 1), start=False) as made:
        two_with(made, authority.of("a") | limit, authority.of("b"))
        if joins:
            made.ready()
        else:
            with pytest.raises(NoQuorumError):
                made.nodes[1].node.wait_ready(1.0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "cert_file_pem"),
        ({"cert_file_pem": "/nowhere.pem"}, "cert_file_pem"),
        ({"cipher_list": "no such thing"}, "cipher_list"),
        ({"ca_file": "/nowhere.pem"}, "ca_file"),
        ({"verify_mode": "all"}, "verify_mode"),
        ({"ca_flie": "x"}, "ca_flie"),
    ],
)
def test_tls_material_that_cannot_be_used_is_named(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    base = Authority(tmp_path / "ca").of("a") if given and "cert_file_pem" not in given else {}
    with pytest.raises(InvalidParameterError, match=named):
        params = ClusterParams(
            nodeId=0, nwtype="TCP", nodes=[ClusterNodeParams("127.0.0.1:2010")], nwparams={"ssl_params": base | given}
        )
        ClusterNode(params, KeyValueMachine(), ModelStore(0), state_dir=tmp_path)


# ---- sockets ----


def test_nodes_meet_over_unix_sockets(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), start=False, nwparams={"socketDomain": "local"}) as made:
        made.nodes_list = [ClusterNodeParams(str(tmp_path / f"{i}.sock")) for i in range(2)]
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(made.nodes_list[0].addr)
        stale.close()  # what a dead process leaves
        made.start(0)
        made.start(1)
        made.ready()
        made.nodes[0].put("k", "x" * 500_000)
        made.same_state()
        assert {link.transport.get_extra_info("socket").family for link in links_of(made.nodes[0])} == {socket.AF_UNIX}
        assert [member.addr for member in discover(made.nodes_list[1].addr)] == [n.addr for n in made.nodes_list]
        again = HostedNode(0, made.nodes_list, tmp_path / "other", nwparams={"socketDomain": "local"}).start()
        again.join()
        assert type(again.error).__name__ == "DuplicateNodeIdError"
        made.nodes[0].put("k", "the living one goes on")


@pytest.mark.parametrize(
    ("addr", "domain"), [("127.0.0.1:2010", "local"), ("/tmp/x.sock", "inet"), ("/" + "x" * 200, "local")]
)
def test_an_address_goes_with_its_domain(addr: str, domain: str) -> None:
    with pytest.raises(InvalidParameterError):
        ClusterParams(nodeId=0, nwtype="TCP", nodes=[ClusterNodeParams(addr)], nwparams={"socketDomain": domain})


def test_the_buffers_of_sockets(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), nwparams={"socketSendBuf": 40_000, "socketRecvBuf": 50_000}) as made:
        for link in links_of(made.nodes[0]):
            sock = link.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 40_000  # Linux counts its own part
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 50_000


def test_the_internal_buffers(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), clusterSendBuf=123_456, clusterRecvBuf=4096) as made:
        made.nodes[0].put("k", "x" * 500_000)
        made.same_state()
        assert {len(link.buffer) for link in links_of(made.nodes[1])} == {4096}
        assert in_loop(made.nodes[0], lambda runtime: runtime._transport.send_buffer) == 123_456  # type: ignore[union-attr]


def test_a_slow_peer_is_not_sent_more_than_the_send_buffer_of_what_can_be_said_again(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), clusterSendBuf=10_000) as made:
        gate = threading.Event()
        made.nodes[1].node._listener.put(Request(lambda request: gate.wait(DEADLINE_S) and None))

        def flood(runtime: Runtime) -> tuple[int, int]:
            """Until something is left out: how often it was sent, and how much waits."""
            transport = runtime._transport
            assert transport is not None
            link = transport._peers[1].outgoing[CONTROL]
            for count in range(100_000):
                if not transport.send(1, [99, "x" * 5000], may_drop=True):
                    return count, link.unsent_bytes
                link.flush()
            return 0, 0

        try:
            count, waiting = in_loop(made.nodes[0], flood)
        finally:
            gate.set()
        assert count > 0 and 10_000 < waiting < 20_000


@pytest.mark.parametrize(("factor", "pool"), [(1, 1), (25, 2), (50, 4), (100, 8)])
def test_the_pool_of_connections_between_two_nodes(tmp_path: Path, factor: int, pool: int) -> None:
    with cluster(tmp_path, (1, 1), conn_pool_factor=factor) as made:
        a = made.nodes[0]
        for i in range(40):
            a.store.put("x", f"k{i}", i)
            a.node.scatter(["x"], [1], DEADLINE_S)
        a.put("large", "x" * 500_000)
        bulk = [link.channel for link in links_of(a) if link.dialled and link.channel != CONTROL]
        assert len(bulk) <= pool
        assert BULK in bulk, "snapshots and large entries have a connection"
        assert len(bulk) > 1 or pool == 1, "and exchanges have others, where there are any"


def test_compression_makes_what_travels_smaller(tmp_path: Path) -> None:
    sent = []
    for level in (0, 9):
        with cluster(tmp_path / str(level), (1, 1), nwparams={"compressionLevel": level}) as made:
            before = made.nodes[0].node.info().bytes_sent + made.nodes[1].node.info().bytes_sent
            made.nodes[0].put("k", "abc" * 100_000)
            made.same_state()
            sent.append(made.nodes[0].node.info().bytes_sent + made.nodes[1].node.info().bytes_sent - before)
    assert sent[0] > 300_000 > 10 * sent[1]


def test_the_interval_between_tries_to_connect(tmp_path: Path) -> None:
    """Counted at a port that accepts and closes: within the same time, a longer interval gives fewer tries."""
    tries = []
    for interval in (20, 400):
        with socket.create_server(("127.0.0.1", 0)) as server:
            own = ClusterNodeParams(f"127.0.0.1:{free_ports(1)[0]}")
            other = ClusterNodeParams(f"127.0.0.1:{server.getsockname()[1]}")
            hosted = HostedNode(
                0, [own, other], tmp_path / str(interval), nwparams={"connectInterval": interval}
            ).start()
            server.settimeout(0.1)
            count, end = 0, time.monotonic() + 1.2
            while time.monotonic() < end:
                try:
                    server.accept()[0].close()
                    count += 1
                except TimeoutError:
                    continue
            tries.append(count)
            hosted.node.close()
            hosted.join()
    assert tries[0] > 2 * tries[1] > 0


def test_a_handshake_that_takes_longer_than_the_connect_timeout_is_given_up(tmp_path: Path) -> None:
    with cluster(tmp_path, (1,), nwparams={"connectTimeout": 150}) as made:
        host, port = made.nodes_list[0].addr.split(":")
        with socket.create_connection((host, int(port))) as silent:
            silent.settimeout(DEADLINE_S)
            assert silent.recv(1) == b"", "the node has closed the connection"


def test_keep_alive_gives_a_silent_node_up(tmp_path: Path) -> None:
    with cluster(tmp_path, (2, 1), nwparams={"keepAliveTime": 50, "keepAliveProbes": 4}) as made:
        gate = threading.Event()
        made.nodes[1].node._listener.put(Request(lambda request: gate.wait(DEADLINE_S) and None))
        try:
            eventually(lambda: len(made.nodes[0].node.active_nodes()) == 1, "the silent node is given up")
        finally:
            gate.set()
        eventually(lambda: len(made.nodes[0].node.active_nodes()) == 2, "and taken back when it speaks")


# ---- the window ----


class Groups:
    """In what groups a node's submissions reach its replica."""

    def __init__(self, hosted: HostedNode) -> None:
        self.sizes: list[int] = []
        window = runtime_of(hosted).window
        passed_on = window._send

        def count(group: list[Submission]) -> None:
            self.sizes.append(len(group))
            passed_on(group)

        window._send = count


def submit_one_by_one(hosted: HostedNode, commands: list[bytes]) -> list[Submission]:
    """Each in a turn of its own of the listener's loop, without waiting for the results."""
    submissions = []
    for command in commands:
        submission = Submission(command)
        in_loop(hosted, lambda runtime, s=submission: runtime.window.add([s]))
        submissions.append(submission)
    return submissions


COMMAND = b"\x92\xa1k\x01"
LONG_MS = 60_000


@pytest.mark.parametrize(
    ("window", "sizes"),
    [
        (ClusterWindow(length=0), [1] * 6),
        (ClusterWindow(length=3, timeout=LONG_MS), [3, 3]),
        (ClusterWindow(length=100, bsize=2 * len(COMMAND), timeout=LONG_MS), [2, 2, 2]),
    ],
)
def test_the_windows_bounds_make_the_groups(tmp_path: Path, window: ClusterWindow, sizes: list[int]) -> None:
    with cluster(tmp_path, (1,), window=window) as made:
        groups = Groups(made.nodes[0])
        for submission in submit_one_by_one(made.nodes[0], [COMMAND] * 6):
            assert submission.wait(DEADLINE_S)
        assert groups.sizes == sizes


def test_the_windows_timeout_sends_what_is_there_and_it_can_be_set_while_running(tmp_path: Path) -> None:
    with cluster(tmp_path, (1,), window=ClusterWindow(length=100, timeout=LONG_MS)) as made:
        hosted = made.nodes[0]
        groups = Groups(hosted)
        waiting = submit_one_by_one(hosted, [COMMAND])
        assert not waiting[0].done
        hosted.node.window = ClusterWindow(length=2, timeout=20)
        assert hosted.node.window == ClusterWindow(length=2, timeout=20)
        waiting += submit_one_by_one(hosted, [COMMAND])
        assert all(submission.wait(DEADLINE_S) for submission in waiting)
        assert submit_one_by_one(hosted, [COMMAND])[0].wait(DEADLINE_S), "alone, by the timeout"
        assert groups.sizes == [2, 1]


# ---- modes ----


TRACED = """
import sys, threading
import exdbsql as exdb

exdb.init_runtime(cluster=True)
nodes = [exdb.ClusterNodeParams(sys.argv[2])]
params = exdb.ClusterParams(nodeId=0, nwtype="TCP", nodes=nodes, mode_mask=int(sys.argv[1]))
dictionary = exdb.load_dictionary("CREATE TABLE t (id integer PRIMARY KEY)")
with exdb.open_database("traced", dictionary, params, state_dir=sys.argv[3]) as db:
    threading.Thread(target=db.connect().listen, daemon=True).start()
    with db.connect() as con:
        con.execute("INSERT INTO t VALUES (1)")
"""


def test_debug_output_traces_the_cluster_on_stderr(tmp_path: Path) -> None:
    traces = []
    for mode in ("0", "1"):
        command = [sys.executable, "-c", TRACED, mode, f"127.0.0.1:{free_ports(1)[0]}", str(tmp_path / mode)]
        traces.append(subprocess.run(command, capture_output=True, check=True, timeout=60).stderr.decode())
    assert "exdbsql.cluster" in traces[1] and "node 0" in traces[1]
    assert "exdbsql.cluster" not in traces[0]
