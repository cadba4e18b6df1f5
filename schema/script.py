"""A whole dictionary as a script: every statement stands behind those that it needs.

Types come first, then sequences, tables with their indexes, owners of sequences, views, comments. A table comes after those
that it references; where tables reference each other in a ring, some foreign keys are added at the end.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.schema.printer import (
    add_foreign_key_sql,
    comment_sql,
    create_sequence_sql,
    create_table_sql,
    create_type_sql,
    create_view_sql,
    sequence_owner_sql,
)
from exdbsql.schema.queries import read_relations
from exdbsql.schema.table import ForeignKey, Table, View

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def dictionary_sql(dictionary: "Dictionary") -> list[str]:
    """The statements of the script; one text may hold several that belong together."""
    identities = {
        s.name: s
        for s in dictionary.sequences.values()
        if s.owned_by and dictionary.tables[s.owned_by[0]].column(s.owned_by[1]).identity is not None
    }
    free = [made for name, made in sorted(dictionary.sequences.items()) if name not in identities]
    script = [f"{create_type_sql(made)};" for _, made in sorted(dictionary.types.items())]
    script += [f"{create_sequence_sql(made)};" for made in free]
    ordered, later = _tables_in_order(dictionary.tables)
    for table in ordered:
        script.append(create_table_sql(table, dictionary.indexes_of(table.name), identities.values()))
    script += [f"{add_foreign_key_sql(dictionary.tables[name], key)};" for name, key in later]
    script += [f"{sequence_owner_sql(made)};" for made in free if made.owned_by is not None]
    script += [f"{create_view_sql(view)};" for view in _views_in_order(dictionary.views)]
    comments = sorted(dictionary.comments.items(), key=lambda item: (item[0].kind, item[0].name, item[0].part))
    return script + [f"{comment_sql(key, text)};" for key, text in comments]


def _tables_in_order(tables: Mapping[str, Table]) -> tuple[list[Table], list[tuple[str, ForeignKey]]]:
    """Parents before children, else by name; and the foreign keys that had to be taken out of rings."""
    waiting = dict(sorted(tables.items()))
    ordered: list[Table] = []
    later: list[tuple[str, ForeignKey]] = []
    while waiting:
        name = next((n for n, t in waiting.items() if not _missing_parents(t, waiting)), None)
        if name is None:  # a ring: the first table leaves out what cannot be there yet
            name, table = next(iter(waiting.items()))
            missing = _missing_parents(table, waiting)
            later += [(name, key) for key in table.foreign_keys if key.parent in missing]
            waiting[name] = replace(table, foreign_keys=tuple(k for k in table.foreign_keys if k.parent not in missing))
        ordered.append(waiting.pop(name))
    return ordered, later


def _missing_parents(table: Table, waiting: Mapping[str, Table]) -> set[str]:
    return {key.parent for key in table.foreign_keys if key.parent in waiting and key.parent != table.name}


def _views_in_order(views: Mapping[str, View]) -> list[View]:
    """Views after those that they read, else by name."""
    waiting = dict(sorted(views.items()))
    ordered = []
    while waiting:
        name = next(n for n, view in waiting.items() if not read_relations(view.query) & waiting.keys())
        ordered.append(waiting.pop(name))
    return ordered
