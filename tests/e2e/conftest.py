"""What the end-to-end tests share: a folder with configurations on free ports, and node processes that always end."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "examples"))
sys.path.insert(0, str(Path(__file__).parent))

import local_cluster  # examples/ is no package; the tests use its modules as a reader would


@pytest.fixture
def cluster_folder(tmp_path: Path) -> Path:
    """Three configurations of `exdbsql init`, on free ports."""
    base = local_cluster.contiguous_ports(6)
    folder = tmp_path / "cluster"
    local_cluster.init(folder, 3, base, base + 3)
    return folder


@pytest.fixture
def cluster(cluster_folder: Path) -> Iterator[local_cluster.LocalCluster]:
    """Three running nodes, all ready."""
    with local_cluster.running(cluster_folder) as running:
        yield running
