"""The marker file: what is written comes back, a damaged one is told and never guessed at."""

from pathlib import Path

import pytest

from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.core.ready import Marker
from exdbsql.cluster.marker import MarkerFile
from exdbsql.schema.errors import ClusterError

MARKER = Marker(0xC0FFEE, (Member(0, "127.0.0.1:2010", 1), Member(1, "127.0.0.1:2020", 0)), 7)


def test_written_read_replaced_removed(tmp_path: Path) -> None:
    file = MarkerFile(tmp_path / "state" / "deep", 1)
    assert file.read() is None
    file.write(MARKER)
    assert file.read() == MARKER
    other = MARKER._replace(members=MARKER.members[1:])
    file.write(other)
    assert file.read() == other
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    file.remove()
    file.remove()
    assert file.read() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\x00\x01",
        '{"format": 2}',
        '{"format": 1, "cluster": "0", "node_id": 1, "log_index": 0, "members": []}',
        '{"format": 1, "cluster": "xyz", "node_id": 1, "log_index": 0, "members": []}',
        '{"format": 1, "cluster": "a", "node_id": 1, "log_index": 0, "members": [[1]]}',
        '{"format": 1, "cluster": "a", "node_id": 1, "log_index": 0, "members": [[1, "a:1", -1]]}',
        '{"format": 1, "cluster": "a", "node_id": 0, "log_index": 0, "members": []}',
    ],
)
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
