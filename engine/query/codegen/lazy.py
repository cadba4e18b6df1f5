"""A value that is made when it is first asked for: a statement that runs once does not pay for its shortcuts."""

from collections.abc import Callable
from typing import Generic, TypeVar

from exdbsql.engine.query.nesting import deeply

T = TypeVar("T")


class Lazy(Generic[T]):
    """Holds what `make` gives, or None where there is nothing to make."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T | None] | None = None) -> None:
        self._make = make
        self._made: T | None = None

    def get(self) -> T | None:
        """The value; two threads that ask at once may both make it."""
        make = self._make
        if make is not None:
            self._made = deeply(make)
            self._make = None
        return self._made
