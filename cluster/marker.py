"""The marker: what a node that keeps nothing else remembers of its cluster (DESIGN.md, R8).

A node whose data lives in memory comes back with nothing after a crash. If it then founded a cluster, it would be a
second one, and the first one's rows would be lost without a word. So from the moment it is a member, every node keeps
a small file in its state folder: the cluster's id, its own id, and the members. A node with a marker and no log is
recovering, never a founder. An orderly stop by all members removes the marker.

The file is JSON, for people: it may have to be read, and removed, by hand. It is replaced atomically (written aside,
synced, renamed), so a crash leaves the old one or the new one, never half of one. A file that cannot be understood is
an error that names it; guessing here would risk what the marker protects.
"""

import json
import os
from pathlib import Path
from typing import Final

from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.core.ready import Marker
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ClusterError

FORMAT: Final = 1


class MarkerFile:
    """The marker of one node in its state folder; the folder is made when the first marker is written.

    Raises:
        ClusterError: from any call, when the file system refuses or the content makes no sense; names the file.
    """

    def __init__(self, state_dir: Path | str, node_id: int) -> None:
        self.node_id = node_id
        self.path = Path(state_dir) / f"node-{node_id}.marker.json"

    def read(self) -> Marker | None:
        """The marker, or None where there is none."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(str(error)) from error
        try:
            node_id, marker = _decode(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise self._unusable(f"its content makes no sense ({error})") from error
        if node_id != self.node_id:
            raise self._unusable(f"it belongs to node {node_id}, and this is node {self.node_id}")
        return marker

    def write(self, marker: Marker) -> None:
        """Replace the marker, atomically and durably."""
        aside = self.path.with_suffix(".new")
        content = {
            "format": FORMAT,
            "cluster": f"{marker.cluster:016x}",
            "node_id": self.node_id,
            "log_index": marker.log_index,
            "members": [list(member) for member in marker.members],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._unusable(str(error)) from error

    def remove(self) -> None:
        """Forget the cluster; nothing happens where there is no marker."""
        try:
            self.path.unlink(missing_ok=True)
            if self.path.parent.exists():
                _sync_folder(self.path.parent)
        except OSError as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, why: str) -> ClusterError:
        return ClusterError(
            f"the cluster marker {self.path} cannot be used: {why}",
            sqlstate=sqlstate.IO_ERROR,
            hint="Restore the file, or remove it if this node's part in the cluster may be forgotten.",
        )


def _decode(content: object) -> tuple[int, Marker]:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"expected an object of format {FORMAT}")
    node_id, log_index = content["node_id"], content["log_index"]
    cluster = int(content["cluster"], 16)
    if type(node_id) is not int or type(log_index) is not int or not 0 < cluster < 2**64:
        raise ValueError("wrong cluster, node_id or log_index")
    members = []
    for member_id, addr, rank in content["members"]:
        if type(member_id) is not int or not isinstance(addr, str) or type(rank) is not int or rank < 0:
            raise ValueError("wrong member")
        members.append(Member(member_id, addr, rank))
    return node_id, Marker(cluster, tuple(members), log_index)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
