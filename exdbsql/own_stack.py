"""Work that needs much of the stack, and must not depend on how much of it the caller has used.

Reading DDL is recursive, and Python allows a thread some thousand calls within each other. An entry of the log is applied by whichever thread
steers the node, so its verdict would differ between nodes (R2) with what their applications have called before.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def on_own_stack(work: Callable[[], T]) -> T:
    """What `work` gives, or raises, in a thread of its own; the caller waits."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  whatever it is belongs to the caller
            errors.append(error)

    thread = threading.Thread(target=run, name="exdbsql definitions")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
