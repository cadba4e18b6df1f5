"""The value of an enum type: a label that knows its place.

Enum types order by declaration, not by spelling, and rows meet their order everywhere (sorting, indexes, min and max), so the
value carries its position along. Otherwise it stands for its label: it equals the `str`, hashes like it, prints like it.
"""

from functools import total_ordering


@total_ordering
class EnumValue:
    """One value of an enum type; immutable.

    Attributes:
        label: its text.
        position: place among the labels of its type, from 0.
    """

    __slots__ = ("_hash", "label", "position")

    label: str
    position: int

    def __init__(self, label: str, position: int) -> None:
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "position", position)
        object.__setattr__(self, "_hash", hash(label))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an EnumValue cannot change its {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an EnumValue cannot lose its {name}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EnumValue):
            return self.label == other.label
        return self.label == other if isinstance(other, str) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.position < other.position if isinstance(other, EnumValue) else NotImplemented

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined,no-any-return]  # set in __new__

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"EnumValue({self.label!r}, {self.position})"

    def __reduce__(self) -> tuple[object, ...]:
        return EnumValue, (self.label, self.position)
