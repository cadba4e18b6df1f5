"""The programs in examples/ run as their first lines say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_cluster import contiguous_ports

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(200)
def test_three_processes_of_the_embedded_cluster(tmp_path: Path) -> None:
    environment = os.environ | {
        "EXDBSQL_EXAMPLE_PORT": str(contiguous_ports(21)),
        "XDG_STATE_HOME": str(tmp_path),
    }
    command = [sys.executable, str(ROOT / "examples" / "cluster_embedded.py"), "3"]
    nodes = [
        subprocess.Popen(
            [*command, str(node)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for node in range(3)
    ]
    try:
        outputs = [node.communicate(timeout=150)[0] for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    for node_id, (node, output) in enumerate(zip(nodes, outputs, strict=True)):
        assert node.returncode == 0, output
        assert f"node {node_id}: counter 30, greetings [(0, 10), (1, 10), (2, 10)]" in output


def test_the_sample_data_is_what_its_program_makes(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "sensors"
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import make_data, pathlib; make_data.main(pathlib.Path())"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    for name in ("site.csv", "sensor.csv", "reading.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
