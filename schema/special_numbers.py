"""NaN and the infinities with PostgreSQL's order: NaN equals itself and is greater than every other number.

IEEE 754 has it otherwise, and so have Python's classes: NaN compares false with everything, and `Decimal` raises. Sorting, grouping,
unique keys and indexes need an order and an equality (PostgreSQL's manual, sections 8.1.2 and 8.1.3), and they use Python's operators. So
the values that are special are of subclasses that overrule these; ordinary numbers pay nothing, as Python asks the
subclass first whichever side it stands on. Every value that enters the database goes through `number_types`, which puts these in place.
"""

import math
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final, Self

_QUIET: Final = Context(prec=40, traps=[])
_HASH: Final = hash("NaN")


def _is_nan(value: object) -> bool:
    return isinstance(value, (float, Decimal)) and (math.isnan(value) if isinstance(value, float) else value.is_nan())


class NotANumber(float):
    """The NaN of real and double precision."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[[float], float], tuple[float]]:
        return ordered_float, (math.nan,)

    def __hash__(self) -> int:
        return _HASH

    def __eq__(self, other: object) -> bool:
        return _is_nan(other)

    def __ne__(self, other: object) -> bool:
        return not _is_nan(other)

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return _is_nan(other)

    def __gt__(self, other: object) -> bool:
        return not _is_nan(other)

    def __ge__(self, other: object) -> bool:
        return True

    def _itself(self, *others: Any) -> Self:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __neg__ = __pos__ = __abs__ = _itself


class SpecialNumeric(Decimal):
    """NaN, Infinity or -Infinity of numeric; its arithmetic is IEEE's, without exceptions."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return special, (Decimal(str(self)),)

    def _rank(self) -> int:
        return 2 if self.is_nan() else -1 if self.is_signed() else 1

    def __hash__(self) -> int:
        return _HASH if self.is_nan() else hash(float(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float, Decimal)) and self._rank() == _rank_of(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return self._rank() < _rank_of(other)

    def __le__(self, other: Any) -> bool:
        return self._rank() <= _rank_of(other)

    def __gt__(self, other: Any) -> bool:
        return self._rank() > _rank_of(other)

    def __ge__(self, other: Any) -> bool:
        return self._rank() >= _rank_of(other)

    def __neg__(self, context: Context | None = None) -> Decimal:
        return special(self.copy_negate())

    def __pos__(self, context: Context | None = None) -> Decimal:
        return self

    def __abs__(self, context: bool = True) -> Decimal:
        return special(self.copy_abs())


def _rank_of(value: Any) -> int:
    if isinstance(value, SpecialNumeric):
        return value._rank()
    if _is_nan(value):
        return 2
    if isinstance(value, float) and math.isinf(value):
        return 1 if value > 0 else -1
    return 0


def _operation(name: str, *, reflected: bool) -> Callable[[Any, Any], Any]:
    function = getattr(_QUIET, name)

    def operate(self: Decimal, other: Any) -> Any:
        if not isinstance(other, (int, Decimal)):
            return NotImplemented
        sides = (Decimal(str(self)), Decimal(str(other)))
        return special(function(*(sides[::-1] if reflected else sides)))

    return operate


for _sign, _name in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide")):
    setattr(SpecialNumeric, f"__{_sign}__", _operation(_name, reflected=False))
    setattr(SpecialNumeric, f"__r{_sign}__", _operation(_name, reflected=True))

NAN: Final = NotANumber(math.nan)
DECIMAL_NAN: Final = SpecialNumeric("NaN")
DECIMAL_INFINITY: Final = SpecialNumeric("Infinity")
DECIMAL_MINUS_INFINITY: Final = SpecialNumeric("-Infinity")


def special(value: Decimal) -> Decimal:
    """`value`, as the special numeric that it is if it is one."""
    if value.is_finite():
        return value
    if value.is_nan():
        return DECIMAL_NAN
    return DECIMAL_MINUS_INFINITY if value.is_signed() else DECIMAL_INFINITY


def ordered_float(value: float) -> float:
    """`value`, as the NaN that has an order if it is one."""
    return NAN if math.isnan(value) else value
