"""The table that ``exdbsql discover`` writes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from exdbsql.shell.formats import render
from exdbsql.shell.local_result import columns
from exdbsql.shell.settings import Settings
from exdbsql.shell.tables import Look


class Member(Protocol):
    """A member of a cluster: id, address, rank for the quorum."""

    @property
    def node_id(self) -> int: ...
    @property
    def addr(self) -> str: ...
    @property
    def qrank(self) -> int: ...


def lines_for(members: Sequence[Member], *, people: bool) -> Iterator[str]:
    """A table for people, tab-separated values for programs."""
    rows = [(member.node_id, member.addr, member.qrank) for member in members]
    settings = Settings(format="table" if people else "tsv")
    heads = columns(("node_id", "integer"), ("addr", "text"), ("qrank", "integer"))
    return render(heads, rows, settings, Look(unicode=people), terminal_width=0)
