"""Array types: conversions. An array type is its element type; how many dimensions a value has is the value's own matter.

Values are :class:`exdbsql.schema.array.Array`; lists and tuples are taken too, their elements converted one by one.
"""

from collections.abc import Callable
from typing import Any

from exdbsql.schema.array import Array
from exdbsql.schema.array_text import format_array, parse_array
from exdbsql.schema.conversion import Conversions, mismatch


def array_conversions(name: str, element: Conversions, *, lists_are_elements: bool) -> Conversions:
    """Behaviour of the array type `name`. With `lists_are_elements` (json, jsonb) a list within a list is a value."""
    nested = (Array,) if lists_are_elements else (Array, list, tuple)
    coerce_element: Callable[[Any], Any] = element.coerce

    def convert(value: Any) -> Any:
        return of_sequence(value) if isinstance(value, nested) else coerce_element(value)

    def of_sequence(value: Any) -> Array:
        return Array.of_elements(tuple(map(convert, value)))

    def coerce(value: Any) -> Array | None:
        if value is None:
            return None
        if isinstance(value, (Array, list, tuple)):
            return of_sequence(value)
        if isinstance(value, str):
            return parse(value)
        raise mismatch(name, value)

    def parse(text: str) -> Array:
        return parse_array(text, element.parse)

    return Conversions(None, None, coerce, parse, lambda value: format_array(value, element.format))
