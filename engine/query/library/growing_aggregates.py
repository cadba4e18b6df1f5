"""Aggregates over frames that all begin at the same row: what has been gathered up to the end of one frame goes on to the next.

So each value is looked at once, however many frames there are. What a text, an array or a document costs by being as long as its
frame remains. Generated code hands these to a window beside the function of a list (:mod:`exdbsql.engine.query.codegen.windows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from operator import add, and_, or_, xor
from typing import Any, Final

from exdbsql.engine.query.library import json_values as json
from exdbsql.engine.query.library.array_values import array_agg
from exdbsql.engine.query.library.number_values import RegressionSums
from exdbsql.engine.query.runtime.window_ranges import SKIPPED
from exdbsql.schema.array import Array
from exdbsql.schema.interval import Interval
from exdbsql.schema.json_text import ordered
from exdbsql.schema.jsonb import Jsonb

Frames = Sequence[tuple[int, int]]
Growth = Callable[[list[Any], list[int]], Iterable[Any]]
"""The aggregate of the first so many values, for each of some numbers, which grow and are none of them 0."""


@dataclass(frozen=True, slots=True)
class Growing:
    """An aggregate that goes on from one frame to the next."""

    growth: Growth

    def over(
        self, mine: Sequence[Any], frames: Frames, function: Callable[[Sequence[Any]], Any], keeps_nulls: bool
    ) -> list[Any] | None:
        """The aggregate over each frame; None where they do not begin at one row and end further and further.

        Args:
            mine: the values of a partition.
            frames: where each begins, and what it ends before.
            function: the aggregate of a list.
            keeps_nulls: whether NULLs count.
        """
        start = frames[0][0]
        if any(a != start for a, _ in frames) or any(before[1] > after[1] for before, after in pairwise(frames)):
            return None
        counts = [*repeat(0, start), *_counts(mine[start:], keeps_nulls)]
        numbers = [counts[end] if end > start else 0 for _, end in frames]
        values = [v for v in mine[start:] if v is not SKIPPED and (keeps_nulls or v is not None)]
        wanted = sorted(set(numbers) - {0})
        results = dict(zip(wanted, self.growth(values, wanted), strict=True))
        results[0] = function([])
        return [results[n] for n in numbers]


def _counts(mine: Sequence[Any], keeps_nulls: bool) -> Iterator[int]:
    """How many of the first 0, 1, 2, ... values count."""
    return accumulate((v is not SKIPPED and (keeps_nulls or v is not None) for v in mine), initial=0)


def _pieces(values: Sequence[Any], counts: Sequence[int]) -> Iterator[Sequence[Any]]:
    """What each number adds to the one before it."""
    return (values[a:b] for a, b in pairwise((0, *counts)))


def _texts(pairs: list[Any], counts: list[int]) -> Iterator[str]:
    text = ""
    parts = [pairs[0][0], *[(separator or "") + value for value, separator in pairs[1:]]] if pairs else []
    for piece in _pieces(parts, counts):
        text += "".join(piece)
        yield text


def _documents(first: str, last: str, part: Callable[[Any], str], head: Callable[[str], str] = str) -> Growth:
    """Texts of documents: `part` gives that of a value, `head` what it is where it is the first."""

    def grow(values: list[Any], counts: list[int]) -> Iterator[str]:
        text = first
        for n, piece in enumerate(_pieces(values, counts)):
            parts = [part(v) for v in piece]
            text += ", ".join(parts) if n else ", ".join([head(parts[0]), *parts[1:]])
            yield text + last
            text += ", "

    return grow


def _arrays(values: list[Any], counts: list[int]) -> Iterator[Array | None]:
    if any(isinstance(v, Array) for v in values):
        return (array_agg(values[:n]) for n in counts)  # each is an array of more dimensions
    return (Array.of_scalars(tuple(values[:n])) for n in counts)


def _nodes(values: list[Any], counts: list[int]) -> Iterator[Jsonb]:
    nodes: list[Any] = []
    for piece in _pieces(values, counts):
        nodes += map(json.node_of, piece)
        yield Jsonb.of_root(list(nodes))


def _members(values: list[Any], counts: list[int]) -> Iterator[Jsonb]:
    members: dict[str, Any] = {}
    for piece in _pieces(values, counts):
        members.update(map(json.member_node, piece))
        yield Jsonb.of_root(ordered(members.items()))


def _regressions(kind: str) -> Growth:
    def grow(pairs: list[Any], counts: list[int]) -> Iterator[float | None]:
        sums = RegressionSums()
        for piece in _pieces(pairs, counts):
            sums.add(piece)
            yield sums.result(kind)

    return grow


def _accumulated(combine: Callable[[Any, Any], Any]) -> Growth:
    def grow(values: list[Any], counts: list[int]) -> Iterator[Any]:
        sums = list(accumulate(values, combine))
        return (sums[n - 1] for n in counts)

    return grow


def _mean_intervals(values: list[Interval], counts: list[int]) -> Iterator[Interval]:
    sums = list(accumulate(values, add, initial=Interval()))
    return (sums[n] / n for n in counts)


_REGRESSIONS: Final = (
    *("corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_intercept", "regr_r2", "regr_slope"),
    *("regr_sxx", "regr_sxy", "regr_syy"),
)
GROWING: Final[dict[str, Growing]] = {
    name: Growing(growth)
    for name, growth in {
        "string_agg": _texts,
        "array_agg": _arrays,
        "json_agg": _documents("[", "]", json.json_element, lambda text: text.removeprefix("\n ")),
        "jsonb_agg": _nodes,
        "json_object_agg": _documents("{ ", " }", json.json_member),
        "jsonb_object_agg": _members,
        "any_value": lambda values, counts: repeat(values[0], len(counts)) if counts else (),
        "regr_count": lambda values, counts: counts,
        "bit_and": _accumulated(and_),
        "bit_or": _accumulated(or_),
        "bit_xor": _accumulated(xor),
        "sum_interval": _accumulated(add),
        "avg_interval": _mean_intervals,
        **{name: _regressions(name) for name in _REGRESSIONS},
    }.items()
}
"""By the aggregate's name, or by the function that computes it where one name has several."""
