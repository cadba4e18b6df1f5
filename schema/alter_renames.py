"""ALTER TABLE ... RENAME: of a table, a column, a constraint; and everything elsewhere that calls it by its name."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exdbsql.schema import sqlstate
from exdbsql.schema.alter_rules import column_of, refuse_while_viewed, require_missing_column
from exdbsql.schema.ddl_actions import RenameColumn, RenameConstraint, RenameTable
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import with_renamed_column
from exdbsql.schema.identifiers import check_name
from exdbsql.schema.table import CommentKey, ForeignKey, IndexDef, Table, UniqueKey
from exdbsql.schema.table_rules import require_new_constraint, require_new_relation
from exdbsql.schema.type_rules import require_no_such_type

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def rename_table(dictionary: "Dictionary", table: Table, action: RenameTable) -> "Dictionary":
    """The dictionary with the table called otherwise; its id and its constraints' names stay."""
    old, new = table.name, action.name
    check_name(new)
    require_new_relation(new, dictionary.relation_names())
    require_no_such_type(new, dictionary.types)
    refuse_while_viewed(dictionary, table, None, "rename")
    renamed = replace(table, name=new)
    tables = {(new if name == old else name): (renamed if name == old else t) for name, t in dictionary.tables.items()}

    def follow(key: ForeignKey) -> ForeignKey:
        return replace(key, parent=new) if key.parent == old else key

    return dictionary.changed(
        tables={n: replace(t, foreign_keys=tuple(map(follow, t.foreign_keys))) for n, t in tables.items()},
        indexes={n: replace(i, table=new) if i.table == old else i for n, i in dictionary.indexes.items()},
        sequences={
            n: replace(s, owned_by=(new, s.owned_by[1])) if s.owned_by and s.owned_by[0] == old else s
            for n, s in dictionary.sequences.items()
        },
        comments={_of_table(key, old, new): text for key, text in dictionary.comments.items()},
    )


def _of_table(key: CommentKey, old: str, new: str) -> CommentKey:
    is_ours = key.kind in ("TABLE", "COLUMN", "CONSTRAINT") and key.name == old
    return replace(key, name=new) if is_ours else key


def rename_column(dictionary: "Dictionary", table: Table, action: RenameColumn) -> "Dictionary":
    """The dictionary with the column called otherwise, in expressions too."""
    old, new = action.name, action.new_name
    column_of(table, old)
    check_name(new)
    require_missing_column(table, new)
    refuse_while_viewed(dictionary, table, old, "rename")
    tables = {name: _following(t, table.name, old, new) for name, t in dictionary.tables.items()}
    tables[table.name] = _renamed(tables[table.name], old, new)
    return dictionary.changed(
        tables=tables,
        indexes={
            name: _renamed_in_index(index, old, new) if index.table == table.name else index
            for name, index in dictionary.indexes.items()
        },
        sequences={
            name: replace(s, owned_by=(table.name, new)) if s.owned_by == (table.name, old) else s
            for name, s in dictionary.sequences.items()
        },
        comments={
            replace(key, part=new) if key == CommentKey("COLUMN", table.name, old) else key: text
            for key, text in dictionary.comments.items()
        },
    )


def _swapped(names: Iterable[str], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _text(expression: str | None, old: str, new: str) -> Any:
    return None if expression is None else with_renamed_column(expression, old, new)


def _renamed(table: Table, old: str, new: str) -> Table:
    def key(unique: UniqueKey) -> UniqueKey:
        return replace(unique, columns=_swapped(unique.columns, old, new))

    return replace(
        table,
        columns=tuple(
            replace(c, name=new if c.name == old else c.name, generated=_text(c.generated, old, new))
            for c in table.columns
        ),
        primary_key=key(table.primary_key) if table.primary_key else None,
        uniques=tuple(map(key, table.uniques)),
        checks=tuple(replace(check, expression=_text(check.expression, old, new)) for check in table.checks),
        foreign_keys=tuple(
            replace(
                foreign,
                columns=_swapped(foreign.columns, old, new),
                on_delete_columns=_swapped(foreign.on_delete_columns, old, new),
            )
            for foreign in table.foreign_keys
        ),
    )


def _following(table: Table, parent: str, old: str, new: str) -> Table:
    """`table` with its references to the column of `parent` following."""
    keys = tuple(
        replace(key, parent_columns=_swapped(key.parent_columns, old, new)) if key.parent == parent else key
        for key in table.foreign_keys
    )
    return replace(table, foreign_keys=keys)


def _renamed_in_index(index: IndexDef, old: str, new: str) -> IndexDef:
    columns = tuple(
        replace(part, name=new if part.name == old else part.name, expression=_text(part.expression, old, new))
        for part in index.columns
    )
    return replace(
        index, columns=columns, where=_text(index.where, old, new), include=_swapped(index.include, old, new)
    )


def rename_constraint(dictionary: "Dictionary", table: Table, action: RenameConstraint) -> "Dictionary":
    """The dictionary with the constraint called otherwise."""
    old, new = action.name, action.new_name
    if old not in table.constraint_names:
        message = f'constraint "{old}" for table "{table.name}" does not exist'
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT)
    require_new_constraint(table.name, new, table.constraint_names)
    if any(key.name == old for key in table.unique_keys):
        require_new_relation(new, dictionary.relation_names())

    def renamed(constraint: Any) -> Any:
        return replace(constraint, name=new) if constraint.name == old else constraint

    made = replace(
        table,
        primary_key=renamed(table.primary_key) if table.primary_key else None,
        uniques=tuple(map(renamed, table.uniques)),
        checks=tuple(map(renamed, table.checks)),
        foreign_keys=tuple(map(renamed, table.foreign_keys)),
    )
    key = CommentKey("CONSTRAINT", table.name, old)
    comments = {replace(k, part=new) if k == key else k: text for k, text in dictionary.comments.items()}
    return dictionary.changed(tables={**dictionary.tables, table.name: made}, comments=comments)
