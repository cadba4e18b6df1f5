"""A scan that reads only the columns that it needs: ``for price, grp in zip(prices, grps)`` in place of ``for item in items``.

The lists of columns come from the transaction (:mod:`exdbsql.engine.scan_cache`), made once and kept while the table does not change, and
a loop over them touches the values alone. It pays where few columns are wanted of many rows: aggregates, DISTINCT,
projections of a whole table. Where a row is wanted as a row, it is not for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.engine.query.codegen.module import Frame
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.plan import Plan, Scan, used_rels, walk

MOST_COLUMNS: Final = 4
"""With more columns a loop over the rows is as good."""


@dataclass(frozen=True, slots=True)
class ColumnScan:
    """A scan by columns.

    Attributes:
        scan: the scan, without an access path.
        positions: of the columns that are read, ascending.
    """

    scan: Scan
    positions: tuple[int, ...]


def column_scan(plan: Plan, wanted: Sequence[Any], most: int = MOST_COLUMNS) -> ColumnScan | None:
    """The scan by columns for a stream of which `wanted` (expressions, or what holds them) is asked; None where it does not pay.

    That is, with more than `most` columns.
    """
    if not isinstance(plan, Scan) or plan.access is not None or plan.keyed:
        return None
    parts = [*walk(plan.filters), *walk(tuple(wanted))]
    if any(isinstance(part, Plan) and plan.rel in used_rels(part) for part in parts):
        return None
    positions = sorted({p.index for p in parts if isinstance(p, Column) and p.rel == plan.rel})
    return ColumnScan(plan, tuple(positions)) if 0 < len(positions) <= most else None


def column_lists(found: ColumnScan, frame: Frame) -> list[str]:
    """The variables of the lists, made before the loops."""
    module = frame.module
    store = module.store(found.scan.table)
    key = ("columns", found.scan.table, found.positions)
    names = module.hoisted.get(key)
    if names is None:
        definition = module.database.table(found.scan.table).definition
        made = [module.name(f"all_{definition.columns[i].name}") for i in found.positions]
        module.root.add(f"{', '.join(made)}, = txn.columns({store}, {', '.join(map(str, found.positions))})")
        names = module.hoisted[key] = " ".join(made)
    return names.split()


def enter(found: ColumnScan, frame: Frame) -> tuple[list[str], list[str]]:
    """The clauses of the loop (not yet the filters) and the variables of the columns, which `frame` knows from now on."""
    module = frame.module
    lists = column_lists(found, frame)
    definition = module.database.table(found.scan.table).definition
    variables = [module.name(definition.columns[i].name) for i in found.positions]
    frame.columns.update({(found.scan.rel, i): v for i, v in zip(found.positions, variables, strict=True)})
    frame.env[found.scan.rel] = ", ".join(variables)
    source = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
    return [f"for {', '.join(variables)} in {source}"], variables


def bare_columns(exprs: Sequence[Expr], rel: int) -> list[int] | None:
    """The positions of columns, where the expressions are nothing else."""
    positions = [e.index for e in exprs if isinstance(e, Column) and e.rel == rel]
    return positions if len(positions) == len(exprs) else None
