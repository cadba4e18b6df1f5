"""The marker file: what is written comes back, a damaged one is told and never guessed at."""

from pathlib import Path

import pytest

from exdbsql.cluster.marker import Marker, MarkerFile
from exdbsql.schema.errors import ClusterError

MARKER = Marker("c0ffee", 1, ((0, "127.0.0.1:2010", 1), (1, "127.0.0.1:2020", 0)))


def test_written_read_replaced_removed(tmp_path: Path) -> None:
    file = MarkerFile(tmp_path / "state" / "deep", 1)
    assert file.read() is None
    file.write(MARKER)
    assert file.read() == MARKER
    other = Marker("c0ffee", 1, MARKER.members[1:])
    file.write(other)
    assert file.read() == other
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    file.remove()
    file.remove()
    assert file.read() is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2}', '{"format": 1, "cluster_id": "", "node_id": 1, "members": []}',
     '{"format": 1, "cluster_id": "x", "node_id": 1, "members": [[1]]}',
     '{"format": 1, "cluster_id": "x", "node_id": 1, "members": [[1, "a:1", -1]]}',
     '{"format": 1, "cluster_id": "x", "node_id": 0, "members": []}', "\x00\x01"],
)  # fmt: skip
def test_a_damaged_marker_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    file = MarkerFile(tmp_path, 1)
    file.path.write_text(text)
    with pytest.raises(ClusterError) as caught:
        file.read()
    assert str(file.path) in caught.value.message


def test_a_state_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ClusterError, match="cannot be used"):
        MarkerFile(tmp_path / "state", 1).write(MARKER)
