"""The prompt: database, node, and the state of the transaction.

``exdb@node0> `` when no transaction is open, ``exdb@node0*> `` inside one, ``exdb@node0!> `` when it has failed and only
ROLLBACK helps, ``exdb@node0?> `` when the connection is gone. The lines of a statement that follow the first are
aligned under it.
"""

from exdbsql.shell.link import Link

MARKS = {"idle": "", "open": "*", "failed": "!", "disconnected": "?"}


def prompt_text(link: Link, last: tuple[str, int | None] | None = None) -> str:
    """The prompt; `last` is the description to show while the connection is gone."""
    database, node = link.description if link.is_open or last is None else last
    where = database if node is None else f"{database}@node{node}"
    return f"{where}{MARKS.get(link.transaction_state, '')}> "


def continuation_text(width: int) -> str:
    """What stands before the second and later lines, as wide as the prompt."""
    return "-> ".rjust(width)
