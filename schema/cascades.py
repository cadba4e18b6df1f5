"""What goes with a type or a sequence that is dropped by CASCADE: columns, defaults, constraints, indexes, views."""

from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.schema.alter_changes import drop_column, with_table
from exdbsql.schema.expressions import referenced_sequences, referenced_types
from exdbsql.schema.table import Column
from exdbsql.schema.table_changes import views_reading
from exdbsql.schema.type_rules import enum_of, indexes_with_type, views_with_type

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def without_uses_of_type(dictionary: "Dictionary", name: str) -> "Dictionary":
    """The dictionary without what needs the enum type."""
    views = views_with_type(dictionary, name)
    views |= views_reading(dictionary, views)
    indexes = indexes_with_type(dictionary, name)
    dictionary = dictionary.changed(
        views={one: view for one, view in dictionary.views.items() if one not in views},
        indexes={one: index for one, index in dictionary.indexes.items() if one not in indexes},
    )
    for table_name in sorted(dictionary.tables):
        for column in dictionary.table(table_name).columns:
            if dictionary.table(table_name).has_column(column.name) and _is_of_type(column, name):
                dictionary = drop_column(dictionary, table_name, column.name)
        dictionary = _without_expressions_of(dictionary, table_name, name)
    return dictionary


def _is_of_type(column: Column, name: str) -> bool:
    enum = enum_of(column.type)
    if enum is not None and enum.name == name:
        return True
    return column.generated is not None and name in referenced_types(column.generated)


def _without_expressions_of(dictionary: "Dictionary", table_name: str, name: str) -> "Dictionary":
    table = dictionary.table(table_name)
    columns = tuple(
        replace(c, default=None) if c.default is not None and name in referenced_types(c.default) else c
        for c in table.columns
    )
    checks = tuple(check for check in table.checks if name not in referenced_types(check.expression))
    made = replace(table, columns=columns, checks=checks)
    return dictionary if made == table else with_table(dictionary, made)


def without_defaults_from(dictionary: "Dictionary", sequences: set[str]) -> "Dictionary":
    """The dictionary without the defaults that take values from the sequences."""
    for table in list(dictionary.tables.values()):
        columns = tuple(
            replace(c, default=None) if c.default is not None and referenced_sequences(c.default) & sequences else c
            for c in table.columns
        )
        if columns != table.columns:
            dictionary = with_table(dictionary, replace(table, columns=columns))
    return dictionary
