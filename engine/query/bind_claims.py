"""The condition that :mod:`exdbsql.engine.query.row_locks` puts into a statement: rows that the transaction can claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlglot import exp

from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.expressions import Call, Expr
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import OperationalError
from exdbsql.schema.types import BOOLEAN

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


class Claim(exp.Expression):
    """Whether the transaction gets the row of a table (`this`) with a primary key (`expressions`); without `skips` an error where not."""

    arg_types: ClassVar = {"this": True, "expressions": True, "skips": True}


def claim(binder: ExpressionBinder, node: Claim) -> Expr:
    """Bind a claim."""
    args = tuple(map(binder.bind, node.expressions))
    key = "{0}" if len(args) == 1 else f"({', '.join(f'{{{i}}}' for i in range(len(args)))})"
    template = f"claim_row(txn, txn.table({name_of(node.this)!r}), {key}, {node.args['skips']})"
    return Call(BOOLEAN, False, "claim_row", template, args, strict=False, names=(("claim_row", claim_row),))


METHODS: Final[dict[type[exp.Expr], Callable[[Any, Any], Expr]]] = {Claim: claim}


def claim_row(transaction: Transaction, store: TableStore, key: Any, skips: bool) -> bool:
    """Claim a row; False where another transaction has it, or an error unless `skips`."""
    if transaction.claim(store, key):
        return True
    if skips:
        return False
    raise OperationalError(
        f'could not obtain lock on row in relation "{store.name}"',
        sqlstate=sqlstate.LOCK_NOT_AVAILABLE,
        hint="another transaction has changed it or selected it FOR UPDATE; SKIP LOCKED leaves such rows out",
    )
