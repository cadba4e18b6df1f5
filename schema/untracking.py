"""Taking single containers out of the sight of Python's cyclic collector: for what is in no cycle, lives for long, and is many.

The collector untracks a tuple of plain values by itself, but none of a subclass, as named tuples are, and none that leads to a
dictionary. A full collection visits whatever is tracked: with half a million of them it stops the process for 100 ms.

It is safe for any value: the collector takes what it does not see for reachable, so at worst a cycle through it would not be freed.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final


def _find() -> Callable[[Any], None]:
    try:
        found = ctypes.pythonapi["PyObject_GC_UnTrack"]
    except AttributeError:  # another implementation of Python, with another collector
        return lambda container: None
    found.argtypes = (ctypes.py_object,)
    found.restype = None
    return found


untrack: Final = _find()
"""Take one container away from the collector's sight; nothing happens where it is not in it."""
