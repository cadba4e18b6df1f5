"""Which notes of a DISTRIBUTED table must be there, from what clients did, where nodes in memory die.

A *place* is one process of a node: (node, how many had died before it). The rules, for what surely is at a place, and since when:

1. An acknowledged change is at the place where it was made.
2. After a gather, what surely was at a source when it began, and the source lived through it, is at the place that gathered.
3. After a scatter, what was at its source when it began will be at each target that lives through it and goes on to live: the
   verdict is in the log. (The origin may be told before a target that it lost sight of has come so far in the log.)
4. What a client has seen at a place is there.

A note's changes come one after the other (`notes.py`), so what is there later is that change, or a later one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Place = tuple[int, int]
Deaths = Sequence[tuple[int, float]]
"""(Node, when its process had ended)."""
GONE = "delete"


class Holdings:
    """What surely was where, and what contradicts it."""

    def __init__(self, record: Mapping[str, Sequence[Any]], deaths: Deaths) -> None:
        self.deaths = deaths
        self.tried: dict[int, set[int]] = defaultdict(set)
        """By note, the numbers of changes that may have taken effect."""
        self.deleted: dict[int, int] = {}
        """By note, the number of the change that takes it away, where that was tried."""
        self.since: dict[Place, list[tuple[float, int, int]]] = defaultdict(list)
        """By place, in order of time: from when on (note, change) surely is there."""
        self.best: dict[Place, dict[int, int]] = defaultdict(dict)
        self.later: dict[Place, dict[int, int]] = defaultdict(dict)
        """Rule 3: what will be there."""
        self.wrong: list[str] = []
        for key, number, what, _, _, _, outcome in record["changes"]:
            if outcome != "void":
                self.tried[key].add(number)
                if what == GONE:
                    self.deleted[key] = number
        self._follow(record)

    def wrong_at_the_end(self, rows: Iterable[tuple[int, int]]) -> list[str]:
        """What is wrong with the notes that all nodes have in the end, and with what was seen on the way, a line each."""
        expected: dict[int, int] = {}
        for held in (self.best, self.later):
            for place, notes in held.items():
                if place[1] == self.life(place[0], float("inf")):
                    for key, number in notes.items():
                        expected[key] = max(number, expected.get(key, 0))
        return [*self.wrong, *self._older("in the end", dict(rows), expected.items())]

    def life(self, node: int, time: float) -> int:
        """How many processes of a node had died by then."""
        return sum(died == node and when <= time for died, when in self.deaths)

    def _lived_through(self, node: int, began: float, ended: float) -> bool:
        return self.life(node, began) == self.life(node, ended)

    def _follow(self, record: Mapping[str, Sequence[Any]]) -> None:
        events: list[tuple[float, str, Any]] = [
            (change[5], "change", change) for change in record["changes"] if change[6] == "ok"
        ]
        events += [(one[5], one[0], one) for one in record["exchanges"] if one[6] == "ok"]
        events += [(look[3], "look", look) for look in record["looks"]]
        for _, kind, event in sorted(events, key=lambda timed: timed[0]):
            getattr(self, f"_{kind}")(event)

    def _change(self, event: Any) -> None:
        key, number, _, node, connected_at, done, _ = event
        self._hold((node, self.life(node, connected_at)), done, [(key, number)])

    def _scatter(self, event: Any) -> None:
        _, node, connected_at, others, began, ended, _ = event
        shipped = self._held((node, self.life(node, connected_at)), began)
        for target in others:
            if self._lived_through(target, began, ended):
                later = self.later[target, self.life(target, began)]
                for key, number in shipped:
                    later[key] = max(number, later.get(key, 0))

    def _gather(self, event: Any) -> None:
        _, node, connected_at, others, began, ended, _ = event
        for source in others:
            if self._lived_through(source, began, ended):
                shipped = self._held((source, self.life(source, began)), began)
                self._hold((node, self.life(node, connected_at)), ended, shipped)

    def _look(self, event: Any) -> None:
        node, connected_at, began, ended, rows = event
        place = node, self.life(node, connected_at)
        seen = dict(rows)
        self.wrong += self._older(f"at node {node}, {began:.3f}", seen, self._held(place, began))
        self._hold(place, ended, seen.items())

    def _held(self, place: Place, time: float) -> list[tuple[int, int]]:
        return [(key, number) for since, key, number in self.since[place] if since <= time]

    def _hold(self, place: Place, since: float, notes: Iterable[tuple[int, int]]) -> None:
        best = self.best[place]
        for key, number in notes:
            if number > best.get(key, 0):
                best[key] = number
                self.since[place].append((since, key, number))

    def _older(self, where: str, seen: Mapping[int, int], expected: Iterable[tuple[int, int]]) -> Iterable[str]:
        for key, number in seen.items():
            if number not in self.tried[key]:
                yield f"note {key} is at {number} {where}; only {sorted(self.tried[key])} were tried and not refused"
        for key, number in expected:
            there = seen.get(key, self.deleted.get(key, 0))
            if there < number:
                yield f"note {key} is at {there} {where}, and change {number} surely was there"
