"""What becomes of databases and connections in a process that was forked, which has them all as copies, and can use none.

It has one thread: who held a lock in another one never gives it back, the rows that a commit was about to change stay half changed, and
nobody takes part in a cluster. And it has the same sockets: a word from the child would put the parent's connection out of
step, and as long as the child has them too, nobody would see the parent's end, nor could it take its ports again. So in the child all that
was open is closed, without a word to anybody; the parent goes on. The child opens what it needs itself.
"""

import contextlib
import os
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakSet

HINT = "this process was forked, and has none of its parent's databases and connections: open them after the fork"


class Forkable(Protocol):
    """Something that does not survive a fork."""

    def after_fork(self) -> None:
        """In the child: close without a word."""
        ...


class _Process:
    """What there is to close in a child, and whether this is one."""

    def __init__(self) -> None:
        self.there: WeakSet[Forkable] = WeakSet()
        self.closed_something = False

    def after_fork(self) -> None:
        for thing in list(self.there):
            thing.after_fork()
            self.closed_something = True
        self.there = WeakSet()


_process = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_process.after_fork)


def close_in_children(thing: Forkable) -> None:
    """Have `after_fork` of a thing called in forked processes, for as long as it is there."""
    _process.there.add(thing)


def hint_after_fork() -> str | None:
    """What to say beside "it is closed" where a fork has closed something; else None."""
    return HINT if _process.closed_something else None


def let_go(descriptors: Iterable[int]) -> None:
    """In a child: have these no longer. Their numbers stay taken, by nothing, because the objects that they belong to do not know
    of it, and will close them in their turn, which must not hit a file that has the number by then."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in set(descriptors):
        with contextlib.suppress(OSError):
            if descriptor >= 0:
                os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
