"""One node as a process of its own, so that it can be killed: asked over stdin, answers over stdout, a JSON line each.

The first argument of a question is what to do; the answer is ["ok", value] or ["error", class, message].
"""

import json
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
WAIT_S = 30.0


class NodeProcess:
    """The parent's side."""

    def __init__(self, node_id: int, addresses: Sequence[str], ranks: Sequence[int], state_dir: Path) -> None:
        settings = {"id": node_id, "addresses": list(addresses), "ranks": list(ranks), "state": str(state_dir)}
        self.process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, *question: Any, wait_s: float = 2 * WAIT_S) -> Any:
        """The answer's value. Raises RuntimeError(class, message) for an error there."""
        self.tell(*question)
        return self.answer(wait_s)

    def tell(self, *question: Any) -> None:
        """Ask without waiting for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()

    def answer(self, wait_s: float = 2 * WAIT_S) -> Any:
        """The next answer."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], wait_s)
        assert readable, "the node's process does not answer"
        line = self.process.stdout.readline()
        assert line, "the node's process ended"
        outcome, *rest = json.loads(line)
        if outcome == "error":
            raise RuntimeError(*rest)
        return rest[0]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(WAIT_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def _serve(settings: dict[str, Any]) -> None:
    sys.path.insert(0, str(ROOT))
    from exdbsql.cluster.parameters import ClusterNodeParams
    from tests.cluster.host_clusters import HostedNode

    nodes = [ClusterNodeParams(a, r) for a, r in zip(settings["addresses"], settings["ranks"], strict=True)]
    hosted = HostedNode(settings["id"], nodes, Path(settings["state"])).start()
    flood_over = threading.Event()

    def flood(prefix: str) -> None:
        """Commit until killed, telling each commit that was acknowledged."""
        number = 0
        while not flood_over.is_set():
            hosted.put(f"{prefix}{number}", number)
            print(json.dumps(["ok", number]), flush=True)
            number += 1

    actions = {
        "ready": lambda: hosted.node.wait_ready(WAIT_S),
        "put": lambda key, value: hosted.put(key, value) and None,
        "values": lambda: dict(hosted.machine.values),
        "store": lambda table, key, value: hosted.store.put(table, key, value),
        "stored": lambda table: hosted.store.values(table),
        "prepared": lambda: len(hosted.store.prepared),
        "scatter": lambda: hosted.node.scatter(None, None, WAIT_S).total,
        "active": lambda: [info.node_id for info in hosted.node.active_nodes()],
        "leader": lambda: hosted.node.status().leader,
        "quorum": lambda: hosted.node.require_quorum(),
        "stop": lambda: hosted.node.stop(WAIT_S),
        "flood": flood,
    }
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = ["ok", actions[name](*arguments)]
        except Exception as error:  # noqa: BLE001  the parent looks at it
            answer = ["error", type(error).__name__, str(error)]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
