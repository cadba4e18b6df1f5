"""The value of an array type: an immutable sequence.

An `Array` is what a row holds and what a fetch gives; as it cannot change, no fetched value changes the database, and rows
stay hashable. It reads like a tuple (``a[0]``, slices, ``len``, ``in``, iteration) and equals the list or tuple of the same
elements; ``list(a)`` is a list of one's own. An element that is NULL is None. An array of several dimensions holds
arrays, all of one shape; an empty array has no dimensions.

Order is PostgreSQL's (array_cmp): element by element, NULL after every value, then the shorter one first, then the one with
fewer dimensions. Left out: lower bounds other than 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import total_ordering
from typing import Any, Final, overload

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError

MAX_DIMENSIONS: Final = 6


@total_ordering
class Array(Sequence[Any]):
    """An immutable array of SQL values; ``Array(elements)`` wraps lists and tuples among the elements too.

    Raises DataError 2202E where inner arrays differ in shape, 54000 beyond six dimensions.
    """

    __slots__ = ("_elements",)

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        inner = tuple(Array(e) if isinstance(e, (list, tuple)) else e for e in elements)
        self._elements: tuple[Any, ...] = _checked(inner)

    @classmethod
    def of_elements(cls, elements: tuple[Any, ...]) -> "Array":
        """An array around stored values, of which none is a list or a tuple; its shape is checked."""
        made = cls.__new__(cls)
        made._elements = _checked(elements)
        return made

    @classmethod
    def of_scalars(cls, elements: tuple[Any, ...]) -> "Array":
        """The same of stored values of which none is an array either."""
        made = cls.__new__(cls)
        made._elements = elements
        return made

    @property
    def elements(self) -> tuple[Any, ...]:
        """The elements; of an array of several dimensions, arrays."""
        return self._elements

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Length along each dimension; () for an empty array."""
        if not self._elements:
            return ()
        first = self._elements[0]
        return (len(self._elements), *(first.dimensions if isinstance(first, Array) else ()))

    def flat(self) -> Iterator[Any]:
        """All elements of all dimensions, the last dimension running fastest."""
        for element in self._elements:
            if isinstance(element, Array):
                yield from element.flat()
            else:
                yield element

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> "Array": ...
    def __getitem__(self, index: int | slice) -> Any:
        found = self._elements[index]
        return Array.of_elements(found) if isinstance(index, slice) else found

    def __len__(self) -> int:
        return len(self._elements)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Array):
            return self._elements == other._elements
        if isinstance(other, (list, tuple)):
            return self._elements == tuple(other)
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._order() < other._order() if isinstance(other, Array) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._elements)

    def _order(self) -> tuple[Any, ...]:
        dimensions = self.dimensions
        return tuple(map(_element_order, self.flat())), len(dimensions), dimensions

    def __repr__(self) -> str:
        return f"Array({list(self._elements)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return Array.of_elements, (self._elements,)


def _element_order(element: Any) -> tuple[Any, ...]:
    if element is None:
        return (2,)
    is_nan = element != element  # noqa: PLR0124 - the only value that differs from itself; the greatest number
    return (1,) if is_nan else (0, element)


def _checked(elements: tuple[Any, ...]) -> tuple[Any, ...]:
    """The elements, if they are all values, or all arrays of the same shape."""
    if not any(isinstance(element, Array) for element in elements):
        return elements
    shapes = {element.dimensions if isinstance(element, Array) else None for element in elements}
    if len(shapes) > 1 or None in shapes:
        message = "multidimensional arrays must have sub-arrays with matching dimensions"
        raise DataError(message, sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
    (shape,) = shapes
    if not shape:
        return ()
    if len(shape) >= MAX_DIMENSIONS:
        raise too_many_dimensions(len(shape) + 1)
    return elements


def too_many_dimensions(count: int) -> DataError:
    """The error for an array of more dimensions than PostgreSQL has."""
    message = f"number of array dimensions ({count}) exceeds the maximum allowed ({MAX_DIMENSIONS})"
    return DataError(message, sqlstate=sqlstate.PROGRAM_LIMIT_EXCEEDED)
