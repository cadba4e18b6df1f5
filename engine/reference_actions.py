"""Foreign keys at the end of a statement: the actions, and the checks that are not put off.

1. For every referenced value that the statement took away, the action of each foreign key runs: CASCADE, SET NULL and SET DEFAULT change
   the referencing rows, RESTRICT refuses. What an action changes may take away values in its turn, so this goes on until
   nothing new comes.
2. Then, for each foreign key that is not deferred: what NO ACTION left must not refer to a value that is gone, and every row
   that the statement wrote must refer to one that is there.

All of it looks at the rows as the transaction sees them. What others do at the same time is seen at the commit
(:mod:`exdbsql.engine.reference_checks`), and there deferred constraints are checked as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exdbsql.engine.overlay import ABSENT, Overlay
from exdbsql.engine.references import Links, Reference, Value
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.table import ReferentialAction

if TYPE_CHECKING:
    from exdbsql.engine.transaction import Transaction

UndoEntry = tuple[Overlay, Any, Any]
"""(buffer, keys, what it held before)."""

Gone = dict[Value, Row | None]
"""A referenced value that was taken away -> the row that it became, or None."""


def settle_statement(transaction: "Transaction", links: Links, undo: Sequence[UndoEntry], start: int) -> None:
    """Run the actions for what the statement did, and check what it wrote.

    Args:
        transaction: whose statement it is.
        links: the foreign keys that it sees.
        undo: its undo log, which grows with what the actions do.
        start: where the statement begins in it.

    Raises:
        IntegrityError: 23503, a foreign key would be broken; 23502 or 23514, an action breaks another constraint.
    """
    left: dict[Reference, Gone] = {}
    done = start
    while done < len(undo):
        upto = len(undo)
        for overlay, before in changed_rows(transaction, links.incoming, undo[done:upto]).items():
            for reference in links.incoming[overlay.store]:
                gone = _gone_values(transaction, reference, overlay, before)
                if gone:
                    _act(transaction, links, reference, gone, left.setdefault(reference, {}))
        done = upto
    for reference, gone in left.items():
        if gone and not transaction.deferral.is_deferred(reference.key):
            check_children(transaction, reference, gone)
    written: dict[Overlay, dict[Key, None]] = {}
    for overlay, keys, _ in undo[start:]:
        if overlay.store in links.outgoing:
            written.setdefault(overlay, {}).update(dict.fromkeys(keys))
    for overlay, wanted in written.items():
        for reference in links.outgoing[overlay.store]:
            if not transaction.deferral.is_deferred(reference.key):
                check_parents(transaction, reference, [r for k in wanted if (r := overlay.writes.get(k)) is not None])


def changed_rows(
    transaction: "Transaction", wanted: Mapping[Any, object], entries: Iterable[UndoEntry]
) -> dict[Overlay, dict[Key, Row]]:
    """The rows that `entries` replaced in the tables that are `wanted`, as they were before the first of these."""
    found: dict[Overlay, dict[Key, Row]] = {}
    seen: dict[Overlay, set[Key]] = {}
    for overlay, keys, previous in entries:
        store = overlay.store
        if store not in wanted:
            continue
        known = seen.setdefault(overlay, set())
        for key in keys:
            if key in known:
                continue
            known.add(key)
            row = previous
            if previous is ABSENT:
                row = store.row_at(key, store.rows.get(key), transaction.snapshot)
            if row is not None:
                found.setdefault(overlay, {})[key] = row
    return found


def _gone_values(transaction: "Transaction", reference: Reference, overlay: Overlay, before: Mapping[Key, Row]) -> Gone:
    read = reference.parent_value
    gone: Gone = {}
    for key, old in before.items():
        value = read(old)
        if reference.is_void(value):
            continue
        new = overlay.writes.get(key)
        if new is None:
            moved = transaction.moved_to(overlay.store, key)
            new = None if moved is None else overlay.writes.get(moved)
        if new is None or read(new) != value:
            gone[value] = new
    return gone


def _act(transaction: "Transaction", links: Links, reference: Reference, gone: Gone, left: Gone) -> None:
    key = reference.key
    deleted: Gone = {value: new for value, new in gone.items() if new is None}
    changed: Gone = {value: new for value, new in gone.items() if new is not None}
    for action, values, columns in (
        (key.on_delete, deleted, key.on_delete_columns or key.columns),
        (key.on_update, changed, key.columns),
    ):
        if not values:
            continue
        if action is ReferentialAction.NO_ACTION:
            left.update(values)
            continue
        children = reference.children_seen(transaction, values)
        if not children:
            continue
        if action is ReferentialAction.RESTRICT:
            raise reference.remaining_child(children[0][0])
        _change_children(transaction, reference, action, values, columns, children)


def _change_children(
    transaction: "Transaction",
    reference: Reference,
    action: ReferentialAction,
    values: Gone,
    columns: Sequence[str],
    children: Iterable[tuple[Value, Key, Row]],
) -> None:
    store = reference.child
    if action is ReferentialAction.CASCADE and all(new is None for new in values.values()):
        for _, child_key, _ in children:
            transaction.delete(store, child_key)
        return
    rules = transaction.row_rules(store)
    positions = store.definition.column_positions(columns)
    defaults = rules.defaults(transaction) if action is ReferentialAction.SET_DEFAULT else None
    for value, child_key, row in children:
        new = list(row)
        parent_row = values[value]
        for at in positions:
            if action is ReferentialAction.CASCADE:
                assert parent_row is not None
                new[at] = parent_row[reference.parent_positions[reference.child_positions.index(at)]]
            else:
                new[at] = None if defaults is None else defaults[at]
        transaction.update(store, child_key, rules.accepted(tuple(new)))
    transaction.place_moved_rows()


def check_children(transaction: "Transaction", reference: Reference, gone: Gone) -> None:
    """What referred to values that are gone must refer to one that is there again; IntegrityError 23503 otherwise."""
    really = {value: None for value in gone if not reference.parent_is_seen(transaction, value)}
    if really:
        for value, _, _ in reference.children_seen(transaction, really):
            raise reference.remaining_child(value)


def check_parents(transaction: "Transaction", reference: Reference, rows: Iterable[Row]) -> None:
    """The rows must refer to something that is there; IntegrityError 23503 otherwise."""
    for value in dict.fromkeys(map(reference.child_value, rows)):
        if reference.is_void(value):
            reference.check_match(value)
        elif not reference.parent_is_seen(transaction, value):
            raise reference.missing_parent(value)


def check_all(transaction: "Transaction", references: Iterable[Reference]) -> None:
    """Check foreign keys for everything that the transaction has written: SET CONSTRAINTS ... IMMEDIATE.

    Raises:
        IntegrityError: 23503.
    """
    for reference in references:
        child = transaction.by_table.get(reference.child)
        if child is not None:
            check_parents(transaction, reference, [row for row in child.writes.values() if row is not None])
        parent = transaction.by_table.get(reference.parent)
        if parent is not None:
            store = reference.parent
            olds = (store.row_at(key, store.rows.get(key), transaction.snapshot) for key in parent.writes)
            values = {reference.parent_value(row): None for row in olds if row is not None}
            check_children(transaction, reference, {v: None for v in values if not reference.is_void(v)})
