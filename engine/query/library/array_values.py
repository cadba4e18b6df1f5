"""Arrays: subscripts, searching, building, and what makes rows of them (PostgreSQL's manual, sections 8.15 and 9.19).

Lower bounds are always 1. An element that is NULL is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, NotSupportedError
from exdbsql.schema.text_types import value_to_text

_MAX_ELEMENTS: Final = 134_217_727
_DEFAULT_BOUNDS: Final = Array()


def elements_of(array: Array | None) -> Sequence[Any]:
    """The elements of an array of any dimensions; none of NULL."""
    return () if array is None else tuple(array.flat())


def array_of(*elements: Any) -> Array:
    """``ARRAY[...]``; arrays among the elements make one of more dimensions."""
    if any(e is None for e in elements) and any(isinstance(e, Array) for e in elements):
        raise DataError(
            "multidimensional arrays must have array expressions with matching dimensions",
            sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR,
        )
    return Array.of_elements(elements)


def array_of_rows(rows: Sequence[tuple[Any, ...]]) -> Array:
    """``ARRAY(SELECT ...)``."""
    return Array.of_elements(tuple([row[0] for row in rows]))


def element_at(array: Array, *indexes: int | None) -> Any:
    """``array[i][j]``; NULL outside, and where the dimensions differ."""
    if array is None or None in indexes or len(indexes) != len(array.dimensions):
        return None
    found: Any = array
    for index in indexes:
        if not 1 <= index <= len(found):  # type: ignore[operator]  # no index is None here
            return None
        found = found[index - 1]  # type: ignore[operator]  # no index is None here
    return found


def sliced(array: Array, *bounds: tuple[int | None, int | None] | None) -> Array | None:
    """``array[a:b][c:d]``; None in `bounds` for NULL."""
    if array is None or None in bounds:
        return None
    if len(bounds) > len(array.dimensions):
        return Array()
    return _sliced(array, list(bounds))  # type: ignore[arg-type]  # nor a bound


def _sliced(array: Array, bounds: list[tuple[int | None, int | None]]) -> Array:
    low, high = bounds[0]
    start = 0 if low is None else max(0, low - 1)
    stop = len(array) if high is None else max(0, min(high, len(array)))
    found = array.elements[start:stop] if start < stop else ()
    if len(bounds) > 1:
        found = tuple(_sliced(inner, bounds[1:]) for inner in found)
    return Array.of_elements(found)


def bounds(low: int | None, high: int | None) -> tuple[int | None, int | None] | None:
    """The bounds of a slice that are given; None where one is NULL."""
    return None if low is None or high is None else (low, high)


def assigned_element(array: Array | None, index: int | None, value: Any) -> Array:
    """The array with one element replaced, as ``SET a[i] = value`` does it."""
    if index is None:
        raise DataError("array subscript in assignment must not be null", sqlstate="22004")
    if array is not None and len(array.dimensions) > 1:
        raise DataError("wrong number of array subscripts", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
    elements = list(array.elements) if array is not None else []
    if index < 1 or index > _MAX_ELEMENTS:
        raise DataError("array subscript out of range", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR, hint="the first is 1")
    elements += [None] * (index - len(elements))
    elements[index - 1] = value
    return Array.of_elements(tuple(elements))


def assigned_slice(array: Array | None, low: int | None, high: int | None, values: Array | None) -> Array | None:
    """The array with a slice replaced, as ``SET a[i:j] = values`` does it; a bound of -1 is the array's own."""
    if values is None:
        return array
    if low is None or high is None:
        raise DataError("array subscript in assignment must not be null", sqlstate="22004")
    if max(len(a.dimensions) for a in (array or values, values)) > 1:
        raise NotSupportedError("SET of a slice of an array of several dimensions is not supported")
    elements = list(array.elements) if array is not None else []
    start, stop = 1 if low == -1 else low, len(elements) if high == -1 else high
    if start < 1 or stop > _MAX_ELEMENTS or start > stop:
        raise DataError(
            "upper bound cannot be less than lower bound" if start > stop else "array subscript out of range",
            sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR,
        )
    if stop - start + 1 > len(values):
        raise DataError("source array too small", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
    elements += [None] * (stop - len(elements))
    elements[start - 1 : stop] = values.elements[: stop - start + 1]
    return Array.of_elements(tuple(elements))


def array_contains(left: Array, right: Array) -> bool:
    """``left @> right``: NULL is in nothing."""
    return set(right.flat()) <= set(left.flat()) - {None}


def array_overlaps(left: Array, right: Array) -> bool:
    """``left && right``."""
    return bool((set(left.flat()) - {None}) & set(right.flat()))


def array_cat(left: Array | None, right: Array | None) -> Array | None:
    """``left || right``; a NULL is an empty array."""
    if left is None or right is None:
        return right if left is None else left
    a, b = left.dimensions, right.dimensions
    if not a or not b:
        return right if not a else left
    if len(a) == len(b) + 1:
        return Array.of_elements((*left.elements, right))
    if len(b) == len(a) + 1:
        return Array.of_elements((left, *right.elements))
    if len(a) != len(b):
        raise DataError("cannot concatenate incompatible arrays", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
    return Array.of_elements((*left.elements, *right.elements))


def array_append(array: Array | None, element: Any) -> Array:
    """``array_append``."""
    return Array.of_elements((*(_one_dimension(array) if array is not None else ()), element))


def array_prepend(element: Any, array: Array | None) -> Array:
    """``array_prepend``."""
    return Array.of_elements((element, *(_one_dimension(array) if array is not None else ())))


def _one_dimension(array: Array) -> tuple[Any, ...]:
    if len(array.dimensions) > 1:
        raise DataError("argument must be empty or one-dimensional array", sqlstate="22000")
    return array.elements


def array_length(array: Array, dimension: int) -> int | None:
    """``array_length``."""
    dimensions = array.dimensions
    return dimensions[dimension - 1] if 1 <= dimension <= len(dimensions) else None


def array_lower(array: Array, dimension: int) -> int | None:
    """``array_lower``."""
    return 1 if 1 <= dimension <= len(array.dimensions) else None


def array_ndims(array: Array) -> int | None:
    """``array_ndims``."""
    return len(array.dimensions) or None


def array_dims(array: Array) -> str | None:
    """``array_dims``."""
    return "".join(f"[1:{n}]" for n in array.dimensions) or None


def cardinality(array: Array) -> int:
    """``cardinality``."""
    return sum(1 for _ in array.flat())


def array_position(array: Array | None, element: Any, start: int | None = 1) -> int | None:
    """``array_position``."""
    if array is None:
        return None
    if start is None:
        raise DataError("initial position must not be null", sqlstate="22004")
    elements = _searchable(array)
    for i in range(max(0, start - 1), len(elements)):
        if elements[i] == element and (elements[i] is None) == (element is None):
            return i + 1
    return None


def array_positions(array: Array | None, element: Any) -> Array | None:
    """``array_positions``."""
    if array is None:
        return None
    return Array.of_elements(tuple(i + 1 for i, e in enumerate(_searchable(array)) if e == element))


def _searchable(array: Array) -> tuple[Any, ...]:
    if len(array.dimensions) > 1:
        raise DataError(
            "searching for elements in multidimensional arrays is not supported",
            sqlstate=sqlstate.FEATURE_NOT_SUPPORTED,
        )
    return array.elements


def array_remove(array: Array | None, element: Any) -> Array | None:
    """``array_remove``."""
    if array is None:
        return None
    return Array.of_elements(tuple(e for e in _searchable(array) if e != element))


def array_replace(array: Array | None, old: Any, new: Any) -> Array | None:
    """``array_replace``."""
    if array is None:
        return None
    elements = [array_replace(e, old, new) if isinstance(e, Array) else new if e == old else e for e in array]
    return Array.of_elements(tuple(elements))


def array_fill(value: Any, lengths: Array | None, bounds: Array | None = _DEFAULT_BOUNDS) -> Array:
    """``array_fill``; arrays begin at 1, other bounds are refused."""
    if lengths is None or bounds is None:
        raise DataError("dimension array or low bound array cannot be null", sqlstate="22004")
    if bounds is not _DEFAULT_BOUNDS:
        if len(bounds) != len(lengths):
            message = "wrong number of array subscripts"
            detail = "Low bound array has different size than dimensions array."
            raise DataError(message, sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR, detail=detail)
        if any(n is None for n in bounds):
            raise DataError("dimension values cannot be null", sqlstate="22004")
        if any(n != 1 for n in bounds):
            raise NotSupportedError("array_fill with lower bounds other than 1 is not supported")
    if any(n is None for n in lengths):
        raise DataError("dimension values cannot be null", sqlstate="22004")
    made: Any = value
    total = 1
    for n in reversed(lengths.elements):
        total *= n
        if n < 0 or total > _MAX_ELEMENTS:
            raise DataError("array size exceeds the maximum allowed", sqlstate=sqlstate.PROGRAM_LIMIT_EXCEEDED)
        made = Array.of_elements((made,) * n)
    return made if isinstance(made, Array) else Array()


def trim_array(array: Array, count: int) -> Array:
    """``trim_array``: without the last elements."""
    if not 0 <= count <= len(array):
        raise DataError(
            f"number of elements to trim must be between 0 and {len(array)}", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR
        )
    return Array.of_elements(array.elements[: len(array) - count])


def array_to_string(array: Array | None, separator: str | None, null: str | None = None) -> str | None:
    """``array_to_string``."""
    if array is None or separator is None:
        return None
    shown = [null if e is None else "t" if e is True else "f" if e is False else _text(e) for e in array.flat()]
    return separator.join([e for e in shown if e is not None])


def _text(value: Any) -> str:
    return "\\x" + value.hex() if isinstance(value, bytes) else value_to_text(value)


def string_to_array(text: str | None, separator: str | None, null: str | None = None) -> Array | None:
    """``string_to_array``: a separator of NULL parts the characters."""
    if text is None:
        return None
    if not text:
        return Array()
    parts: list[str] = list(text) if separator is None else [text] if not separator else text.split(separator)
    return Array.of_elements(tuple(None if p == null else p for p in parts) if null is not None else tuple(parts))


def string_to_table(text: str | None, separator: str | None, null: str | None = None) -> list[tuple[str | None]]:
    """``string_to_table``."""
    return [(part,) for part in string_to_array(text, separator, null) or ()]


def unnest(array: Array) -> list[tuple[Any]]:
    """``unnest(array)``."""
    return [(element,) for element in array.flat()]


def generate_subscripts(array: Array, dimension: int, reverse: bool = False) -> list[tuple[int]]:
    """``generate_subscripts``."""
    rows = [(i,) for i in range(1, (array_length(array, dimension) or 0) + 1)]
    return rows[::-1] if reverse else rows


def side_by_side(widths: Sequence[int], *results: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of several functions beside each other; the shorter ones end in NULLs."""
    if len(results) == 1:
        return list(results[0])
    nulls = [(None,) * width for width in widths]
    return [sum((nulls[i] if row is None else row for i, row in enumerate(rows)), ()) for rows in zip_longest(*results)]


def with_ordinality(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows with their numbers, from 1."""
    return [(*row, i) for i, row in enumerate(rows, 1)]


def map_array(array: Array, convert: Any) -> Array:
    """An array of converted elements."""
    return Array.of_elements(
        tuple(
            [
                map_array(e, convert) if isinstance(e, Array) else None if e is None else convert(e)
                for e in array.elements
            ]
        )
    )


def array_agg(values: Sequence[Any]) -> Array | None:
    """``array_agg``."""
    return array_of(*values) if values else None


def quantified_array(value: Any, array: Array | None, compare: Any, every: bool) -> bool | None:
    """Three-valued ``value op ANY (array)`` or ALL."""
    if array is None:
        return None
    unknown = False
    for other in array.flat():
        if value is None or other is None:
            unknown = True
        elif compare(value, other) is not every:
            return not every
    return None if unknown else every
