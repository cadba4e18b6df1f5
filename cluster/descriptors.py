"""Which descriptors the node has open: what a forked process has to let go of, so that others see the end of this one."""

import asyncio
from collections.abc import Iterator


def descriptors_of(loop: asyncio.AbstractEventLoop | None) -> Iterator[int]:
    """Those of an event loop: what it waits for, what it waits with, its connections also where they are not read from."""
    selector = getattr(loop, "_selector", None)  # asyncio shows neither, and a forked process has no other way to know
    if selector is None or selector.get_map() is None:  # no loop, or closed
        return
    yield from list(selector.get_map())
    for transport in list(getattr(loop, "_transports", {}).values()):
        taken = transport.get_extra_info("socket")
        if taken is not None:
            yield taken.fileno()  # -1 for one that is closed, whose number may be another file's by now
    waker = getattr(loop, "_csock", None)
    if waker is not None:
        yield waker.fileno()
    if hasattr(selector, "fileno"):
        yield selector.fileno()
