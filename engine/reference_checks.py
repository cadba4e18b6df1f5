"""Foreign keys at a commit: against the newest rows, under the commit lock, here or at the commit's place in the log (R1, R2).

A transaction checked its foreign keys against its snapshot. Meanwhile another one may have taken away the row that this one refers to, or
referred to the one that this takes away. So they are checked once more against what the commit makes of the newest rows:

1. Each row written refers to a row that is there then. One that referred to the same before needs no look, unless rule 2 has it.
2. No row refers to a value that the commit takes away. If the action of the foreign key removes referring rows, the one that is left came
   after the transaction's snapshot: a ConflictError, since the transaction would do better when it ran again. Otherwise it
   is an IntegrityError, as if the two had run one after the other.

Nothing but the entry and the replicated rows is looked at, so the verdict is the same on every node. A commit whose outcome is
still to come reserves the rows of LOCAL and DISTRIBUTED tables that it relies on (`rely`).
"""

from collections.abc import Iterable, Mapping, Sequence

from exdbsql.engine.references import Links, Reference, Value
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.errors import ConflictError, IntegrityError
from exdbsql.schema.table import ReferentialAction

Changes = Sequence[tuple[TableStore, Mapping[Key, Row | None]]]


def reference_violation(
    links: Links, changes: Changes, snapshot: int | None = None
) -> IntegrityError | ConflictError | None:
    """The first foreign key that `changes` would break among the newest rows, or None.

    Args:
        links: the foreign keys between the tables.
        changes: new rows by table.
        snapshot: the version that the transaction read, where it is known: what has not changed since was checked then, if
            the constraint cannot be deferred.
    """
    if not links:
        return None
    written = dict(changes)
    touched = dict.fromkeys(
        one for store in written for one in (*links.outgoing.get(store, ()), *links.incoming.get(store, ()))
    )
    for reference in touched:
        newest = max(reference.child.changed_at, reference.parent.changed_at)
        if snapshot is not None and newest <= snapshot and not reference.key.deferrable:
            continue
        violation = _violation(reference, written)
        if violation is not None:
            return violation
    return None


def _violation(
    reference: Reference, written: Mapping[TableStore, Mapping[Key, Row | None]]
) -> IntegrityError | ConflictError | None:
    children = written.get(reference.child, {})
    parents = written.get(reference.parent, {})
    made = {reference.parent_value(row) for row in parents.values() if row is not None}
    gone = _gone(reference, parents, made)
    read = reference.child_value
    wanted: dict[Value, None] = {}
    for key, row in children.items():
        if row is None:
            continue
        value = read(row)
        if reference.is_void(value) or value in made:
            continue
        before = reference.child.rows.get(key)
        if before is None or value in gone or read(before) != value:
            wanted[value] = None
    for value in wanted:
        if value in gone or not any(key not in parents for key in reference.parent_keys(value)):
            return reference.missing_parent(value)
    if gone:
        left = {value for value, key in reference.newest_children(gone) if key not in children}
        for value, deleted in gone.items():  # in the order of the entry, not of the rows: the same on every node
            if value in left:
                return _left_behind(reference, value, deleted=deleted)
    return None


def _gone(reference: Reference, parents: Mapping[Key, Row | None], made: set[Value]) -> dict[Value, bool]:
    """Values that the commit takes away -> whether the row was deleted rather than changed."""
    gone: dict[Value, bool] = {}
    rows = reference.parent.rows
    for key, row in parents.items():
        before = rows.get(key)
        if before is None:
            continue
        value = reference.parent_value(before)
        if not reference.is_void(value) and value not in made:
            gone[value] = row is None
    return gone


def _left_behind(reference: Reference, value: Value, *, deleted: bool) -> IntegrityError | ConflictError:
    action = reference.key.on_delete if deleted else reference.key.on_update
    if action in (ReferentialAction.NO_ACTION, ReferentialAction.RESTRICT):
        return reference.remaining_child(value)
    return reference.new_child(value)


def relied_on(
    links: Links, changes: Iterable[tuple[TableStore, Mapping[Key, Row | None]]]
) -> list[tuple[TableStore, Key]]:
    """The rows that `changes` refer to, without being among them: nobody may take them away before the verdict."""
    found: list[tuple[TableStore, Key]] = []
    written = dict(changes)
    for store, writes in written.items():
        for reference in links.outgoing.get(store, ()):
            own = written.get(reference.parent, {})
            values = {reference.child_value(row): None for row in writes.values() if row is not None}
            for value in values:
                if not reference.is_void(value):
                    found += [(reference.parent, key) for key in reference.parent_keys(value) if key not in own]
    return found


def validate_rows(reference: Reference) -> IntegrityError | None:
    """Whether the rows that are there fulfil a new foreign key; the first violation, or None."""
    for value in dict.fromkeys(map(reference.child_value, list(reference.child.rows.values()))):
        if reference.is_void(value):
            try:
                reference.check_match(value)
            except IntegrityError as error:
                return error
        elif not reference.parent_keys(value):
            return reference.missing_parent(value)
    return None
