"""Cancellations that Python swallowed.

An exception that is set in a thread arrives between any two bytecodes, also those of a destructor or of a callback of the collector that happen to run
there. Python has nobody to raise it to then: it gives it to `sys.unraisablehook`, which prints "Exception ignored in ...", and goes on. So
while a cancellation is under way there is a hook before that one, which keeps ours from being printed, notes that it was lost, and hands on
everything else. It takes no lock and starts nothing: the code that it interrupts may hold any lock.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any, Final

_under_way: Final[dict[int, Callable[[type[Any]], None]]] = {}
_lock: Final = threading.Lock()


class _Hook:
    """In the place of `sys.unraisablehook`, which it hands on to."""

    def __init__(self, kind: type[BaseException], next_hook: Callable[[Any], None]) -> None:
        self.kind = kind
        self.next_hook = next_hook

    def __call__(self, unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, self.kind):
            self.next_hook(unraisable)
            return
        lost = _under_way.get(threading.get_ident())
        if lost is not None:
            lost(unraisable.exc_type)


def watch(thread: int, kind: type[BaseException], lost: Callable[[type[Any]], None]) -> None:
    """From here on an exception of this kind that is swallowed in `thread` is not printed; `lost` is called there instead."""
    with _lock:
        _under_way[thread] = lost
        if not isinstance(sys.unraisablehook, _Hook):
            sys.unraisablehook = _Hook(kind, sys.unraisablehook)


def unwatch(thread: int) -> None:
    """Nothing is under way in `thread` any more."""
    with _lock:
        _under_way.pop(thread, None)
        hook = sys.unraisablehook
        if not _under_way and isinstance(hook, _Hook):
            sys.unraisablehook = hook.next_hook
