"""Makes the helpers of this folder importable (``shell_fake``, ``shell_terminal``), and shells on a scripted database."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shell_fake import FakeConnection, FakeServer

from exdbsql.shell.app import dispatcher_for
from exdbsql.shell.context import Context, Outcome
from exdbsql.shell.link import Link
from exdbsql.shell.output import Output


class Bench:
    """A shell without a terminal: run inputs, look at what it wrote."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.out, self.err = io.StringIO(), io.StringIO()
        self.context = Context(
            link=self.link("fake:1"),
            link_to=lambda target: self.link(target or "memory"),
            output=Output(self.out, self.err, people=False),
        )
        self.dispatcher = dispatcher_for()

    def link(self, target: str, *, embedded: bool = False) -> Link:
        return Link(target, self.server.connect, embedded=embedded)

    def run(self, text: str) -> Outcome:
        return self.dispatcher.run(self.context, text)

    def written(self) -> str:
        """Standard output since the last look."""
        return self._take(self.out)

    def complaints(self) -> str:
        """Standard error since the last look."""
        return self._take(self.err)

    def _take(self, stream: io.StringIO) -> str:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def bench(server: FakeServer) -> Bench:
    return Bench(server)


@pytest.fixture
def connected(server: FakeServer) -> Callable[[], FakeConnection]:
    return server.connect
