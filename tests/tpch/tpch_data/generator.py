"""Rows of the eight tables, by scale and seed: the rules of the specification's section 4.2.3 that a query can notice."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from tpch_data import words

Row = tuple[Any, ...]

FIRST_DAY: Final = date(1992, 1, 1)
LAST_DAY: Final = date(1998, 12, 31)
CURRENT_DAY: Final = date(1995, 6, 17)
_ORDER_DAYS: Final = (LAST_DAY - FIRST_DAY).days - 151


class Generator:
    """Makes the rows of one database.

    Attributes:
        scale: 1 gives 6,000,000 line items; 0.01 is 60,000.
        seed: other seeds, other rows.
    """

    def __init__(self, scale: float, seed: int = 1) -> None:
        self.scale = scale
        self.seed = seed
        self.suppliers = max(10, round(10_000 * scale))
        self.parts = max(40, round(200_000 * scale))
        self.customers = max(30, round(150_000 * scale))
        self.orders = self.customers * 10

    def tables(self) -> dict[str, list[Row]]:
        """All tables by name, in an order in which a table comes after those that it refers to."""
        orders, lines = self._orders_and_lines()
        return {
            "region": list(self._regions()),
            "nation": list(self._nations()),
            "supplier": list(self._suppliers()),
            "part": list(self._parts()),
            "partsupp": list(self._supplies()),
            "customer": list(self._customers()),
            "orders": orders,
            "lineitem": lines,
        }

    def _random(self, table: str) -> Random:
        return Random(f"{self.seed} {table}")

    def _regions(self) -> Iterator[Row]:
        rng = self._random("region")
        for key, name in enumerate(words.REGIONS):
            yield key, name, words.sentence(rng, 70)

    def _nations(self) -> Iterator[Row]:
        rng = self._random("nation")
        for key, (name, region) in enumerate(words.NATIONS):
            yield key, name, region, words.sentence(rng, 70)

    def _suppliers(self) -> Iterator[Row]:
        rng = self._random("supplier")
        for key in range(1, self.suppliers + 1):
            nation = rng.randrange(25)
            comment = words.sentence(rng, 60)
            if key % 25 == 7:
                comment += " Customer " + rng.choice(("Complaints", "slow Complaints", "Recommends"))
            yield (
                *(key, f"Supplier#{key:09d}", _address(rng), nation, _phone(rng, nation)),
                *(_cents(rng, -99_999, 999_999), comment),
            )

    def _parts(self) -> Iterator[Row]:
        rng = self._random("part")
        for key in range(1, self.parts + 1):
            maker = rng.randint(1, 5)
            yield (
                *(
                    key,
                    " ".join(rng.sample(words.COLORS, 5)),
                    f"Manufacturer#{maker}",
                    f"Brand#{maker}{rng.randint(1, 5)}",
                ),
                *(rng.choice(words.TYPES), rng.randint(1, 50), rng.choice(words.CONTAINERS), price(key)),
                words.sentence(rng, 22),
            )

    def _supplies(self) -> Iterator[Row]:
        rng = self._random("partsupp")
        for part in range(1, self.parts + 1):
            for which in range(4):
                supplier = self.supplier_of(part, which)
                yield part, supplier, rng.randint(1, 9999), _cents(rng, 100, 100_000), words.sentence(rng, 90)

    def supplier_of(self, part: int, which: int) -> int:
        """One of the four suppliers of a part. With few suppliers the specification's step would meet one twice."""
        count = self.suppliers
        step = count // 4 + ((part - 1) // count if count >= 100 else 0)
        return (part + which * step) % count + 1

    def _customers(self) -> Iterator[Row]:
        rng = self._random("customer")
        for key in range(1, self.customers + 1):
            nation = rng.randrange(25)
            yield (
                *(key, f"Customer#{key:09d}", _address(rng), nation, _phone(rng, nation)),
                *(_cents(rng, -99_999, 999_999), rng.choice(words.SEGMENTS), words.sentence(rng, 72)),
            )

    def _orders_and_lines(self) -> tuple[list[Row], list[Row]]:
        rng = self._random("orders")
        clerks = max(1, round(1000 * self.scale))
        orders, lines = [], []
        for number in range(self.orders):
            key = number // 8 * 32 + number % 8 + 1  # only 8 of each 32 keys are used
            customer = rng.randint(1, self.customers)
            if customer % 3 == 0:  # a third of the customers has no order
                customer -= 1
            day = FIRST_DAY + timedelta(rng.randint(0, _ORDER_DAYS))
            own = [self._line(rng, key, line, day) for line in range(1, rng.randint(1, 7) + 1)]
            states = {line[9] for line in own}
            total = sum((line[5] * (1 - line[6]) * (1 + line[7]) for line in own), Decimal(0))
            orders.append(
                (
                    *(key, customer, states.pop() if len(states) == 1 else "P", total.quantize(Decimal("0.01")), day),
                    *(rng.choice(words.PRIORITIES), f"Clerk#{rng.randint(1, clerks):09d}", 0, words.sentence(rng, 64)),
                )
            )
            lines += own
        return orders, lines

    def _line(self, rng: Random, order: int, number: int, ordered: date) -> Row:
        part = rng.randint(1, self.parts)
        quantity = rng.randint(1, 50)
        shipped = ordered + timedelta(rng.randint(1, 121))
        committed = ordered + timedelta(rng.randint(30, 90))
        received = shipped + timedelta(rng.randint(1, 30))
        flag = rng.choice("RA") if received <= CURRENT_DAY else "N"
        return (
            *(order, part, self.supplier_of(part, rng.randrange(4)), number, Decimal(quantity), quantity * price(part)),
            *(_cents(rng, 0, 10), _cents(rng, 0, 8), flag, "O" if shipped > CURRENT_DAY else "F"),
            *(shipped, committed, received, rng.choice(words.INSTRUCTIONS), rng.choice(words.MODES)),
            words.sentence(rng, 32),
        )


def price(part: int) -> Decimal:
    """The retail price of a part."""
    return Decimal(90_000 + part // 10 % 20_001 + 100 * (part % 1000)).scaleb(-2)


def _cents(rng: Random, low: int, high: int) -> Decimal:
    return Decimal(rng.randint(low, high)).scaleb(-2)


def _address(rng: Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz ,0123456789", k=rng.randint(10, 30)))


def _phone(rng: Random, nation: int) -> str:
    return f"{nation + 10}-{rng.randint(100, 999)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"
