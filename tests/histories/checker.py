"""Looks for anomalies in a recorded history of list appends.

Every client appends unique numbers to lists and reads lists. A list shows in which order its appends took effect, so
dependencies between transactions can be read off a history without knowing the database (the idea of Elle: Kingsbury and
Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020):

* ww: T1 appended an element, T2 the next one of that list;
* wr: T1 appended an element, T2 read a list that ends with it;
* rw: T1 read a list, T2 appended the element that comes next.

A cycle is an anomaly (Adya, "Weak Consistency", 1999). Snapshot isolation forbids every cycle without two rw edges in a row
(Cerone and Gotsman, "Analysing Snapshot Isolation", PODC 2016: (WR ∪ WW) ; RW? is acyclic); serializability forbids all.

Found without cycles: an acknowledged append that is gone, one that was refused or rolled back and yet is there, one that is
there twice, a read of an unfinished transaction, reads of one list that contradict each other, and a transaction that does not
see its own appends.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeVar

Row = tuple[int, int, str]
OK, VOID, UNKNOWN = "ok", "void", "unknown"
Kind = Literal["ww", "wr", "rw"]
Level = Literal["snapshot", "serializable"]


@dataclass(frozen=True)
class Append:
    key: int
    element: int


@dataclass(frozen=True)
class Read:
    key: int
    elements: tuple[int, ...]


@dataclass(frozen=True)
class Transaction:
    """What one client did and saw, in order; `outcome` is ok, void (surely not committed) or unknown."""

    name: str
    operations: tuple[Append | Read, ...]
    outcome: str


@dataclass
class Graph:
    """Dependencies between transactions that took effect."""

    edges: dict[str, dict[str, set[Kind]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def add(self, source: str, target: str, kind: Kind) -> None:
        if source != target:
            self.edges[source][target].add(kind)


def anomalies(
    history: Sequence[Transaction], final: Mapping[int, Sequence[int]], level: Level = "snapshot"
) -> list[str]:
    """Everything that `level` forbids, a line each; empty for a history that is as promised.

    Args:
        history: all transactions of all clients.
        final: the lists as every node shows them at the end, by key.
    """
    writers = {op.element: t for t in history for op in t.operations if isinstance(op, Append)}
    found = [*_wrong_elements(history, final, writers), *_wrong_reads(history, final, writers)]
    return found or _cycles(_dependencies(history, final, writers), level)


def wrong_rows(name: str, attempts: Iterable[Row], there: Iterable[tuple[int, ...]]) -> list[str]:
    """What is wrong with rows that were inserted once each and never changed, a line each.

    Args:
        name: of the table.
        attempts: (key, value, outcome) of each insertion.
        there: (key, value) of the rows at the end.
    """
    tried = {(key, value): outcome for key, value, outcome in attempts}
    rows = list(there)
    found = [f"{name} has {row} twice" for row, times in Counter(rows).items() if times > 1]
    found += [f"{name} has {row}, which nobody inserted" for row in rows if row not in tried]
    found += [f"{name} has {row}, which was reported not committed" for row in rows if tried.get(row) == VOID]  # type: ignore[call-overload]
    kept = set(rows)
    found += [f"{name} lost {row}" for row, outcome in tried.items() if outcome == OK and row not in kept]
    return found


def orphans(parents: Iterable[tuple[int, ...]], children: Iterable[tuple[int, int]]) -> list[str]:
    """Children whose parent is not there, a line each."""
    there = {row[0] for row in parents}
    return [f"child {child} has no parent {parent}" for child, parent in children if parent not in there]


def _wrong_elements(
    history: Sequence[Transaction], final: Mapping[int, Sequence[int]], writers: Mapping[int, Transaction]
) -> Iterable[str]:
    for key, elements in final.items():
        for element in elements:
            if element not in writers:
                yield f"list {key} has {element}, which nobody appended"
            elif writers[element].outcome == VOID:
                yield f"list {key} has {element} of {writers[element].name}, which was reported not committed"
        if len(set(elements)) < len(elements):
            yield f"list {key} has an element twice: {list(elements)}"
    for transaction in history:
        appended = [op for op in transaction.operations if isinstance(op, Append)]
        there = [op.element in final.get(op.key, ()) for op in appended]
        if transaction.outcome == OK and not all(there):
            yield f"lost: {transaction.name} was acknowledged, and of its appends {appended} only {there} are there"
        if transaction.outcome == UNKNOWN and any(there) and not all(there):
            yield f"torn: of {transaction.name}'s appends {appended} only {there} are there"


def _wrong_reads(
    history: Sequence[Transaction], final: Mapping[int, Sequence[int]], writers: Mapping[int, Transaction]
) -> Iterable[str]:
    for transaction in history:
        own: dict[int, tuple[int, ...]] = defaultdict(tuple)
        seen: dict[int, tuple[int, ...]] = {}
        for op in transaction.operations:
            if isinstance(op, Append):
                own[op.key] += (op.element,)
                continue
            mine = own[op.key]
            if mine and op.elements[-len(mine) :] != mine:
                yield f"{transaction.name} does not see its own appends {mine} in {op}"
                continue
            others = op.elements[: len(op.elements) - len(mine)]
            if seen.setdefault(op.key, others) != others:
                yield f"{transaction.name} reads list {op.key} as {seen[op.key]} and as {others}"
            if others != tuple(final.get(op.key, ()))[: len(others)]:
                yield f"{transaction.name} reads {others} of list {op.key}, which ended as {list(final.get(op.key, ()))}"
            elif others and not _is_last_append(writers[others[-1]], op.key, others[-1]):
                yield f"{transaction.name} reads the middle of {writers[others[-1]].name} in list {op.key} (G1b)"


def _is_last_append(writer: Transaction, key: int, element: int) -> bool:
    return [op.element for op in writer.operations if isinstance(op, Append) and op.key == key][-1] == element


def _dependencies(
    history: Sequence[Transaction], final: Mapping[int, Sequence[int]], writers: Mapping[int, Transaction]
) -> Graph:
    graph = Graph()
    for elements in final.values():
        for before, after in pairwise(elements):
            graph.add(writers[before].name, writers[after].name, "ww")
    for transaction in history:
        if transaction.outcome == VOID or _took_no_effect(transaction, final):
            continue
        own: dict[int, int] = defaultdict(int)
        for op in transaction.operations:
            if isinstance(op, Append):
                own[op.key] += 1
                continue
            length = len(op.elements) - own[op.key]
            order = final.get(op.key, ())
            if length:
                graph.add(writers[op.elements[length - 1]].name, transaction.name, "wr")
            if length < len(order):
                graph.add(transaction.name, writers[order[length]].name, "rw")
    return graph


def _took_no_effect(transaction: Transaction, final: Mapping[int, Sequence[int]]) -> bool:
    appended = [op for op in transaction.operations if isinstance(op, Append)]
    return transaction.outcome == UNKNOWN and not any(op.element in final.get(op.key, ()) for op in appended)


def _cycles(graph: Graph, level: Level) -> list[str]:
    """Strongly connected parts; under snapshot isolation of the graph whose nodes remember whether an rw edge led in."""
    if level == "serializable":
        plain = {source: list(targets) for source, targets in graph.edges.items()}
        return [_described(graph, part) for part in components(plain)]
    walk: dict[tuple[str, bool], list[tuple[str, bool]]] = defaultdict(list)
    for source, targets in graph.edges.items():
        for target, kinds in targets.items():
            if kinds - {"rw"}:
                walk[source, False].append((target, False))
                walk[source, True].append((target, False))
            if "rw" in kinds:
                walk[source, False].append((target, True))
    return [_described(graph, sorted({name for name, _ in part})) for part in components(walk)]


def _described(graph: Graph, part: Sequence[str]) -> str:
    inside = [
        f"{source} -{'/'.join(sorted(kinds))}-> {target}"
        for source in part
        for target, kinds in graph.edges.get(source, {}).items()
        if target in part
    ]
    return "cycle: " + ", ".join(inside[:12])


Node = TypeVar("Node", bound=Hashable)


def components(edges: Mapping[Node, Sequence[Node]]) -> list[list[Node]]:
    """Strongly connected components of more than one node (Tarjan 1972, without recursion)."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    on_stack: set[Node] = set()
    found: list[list[Node]] = []
    for root in list(edges):
        if root in index:
            continue
        work = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges.get(target, ()))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = []
                    while True:
                        top = stack.pop()
                        on_stack.remove(top)
                        part.append(top)
                        if top == node:
                            break
                    if len(part) > 1:
                        found.append(part)
    return found
