"""Temporary tables: definitions and rows that one session alone has.

A session's temporary tables are a :class:`~exdbsql.engine.private_catalog.PrivateCatalog` of their own: the same value that holds what a
transaction's DDL has made, except that it outlives the transaction. So their DDL is undone by ROLLBACK, whole or to a savepoint, and
a commit hands the catalog to the session. Their tables are ordinary ones of the kind LOCAL which the database does not
list: rows are written, seen and committed as those of any table, without the log and without quorum, and no other node, snapshot
or dictionary knows of them.

What the session sees is both together (:class:`SessionCatalog`), where a temporary table hides a permanent one of its name. Ids of
temporary tables are negative, so that they are never taken for another's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from exdbsql.engine.catalog import Catalog, Definitions, definitions_in_force, table_of
from exdbsql.engine.private_catalog import PrivateCatalog, Step, execute_privately
from exdbsql.engine.references import Links
from exdbsql.engine.table import TableStore
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.ddl_statements import (
    AlterIndex,
    AlterSequence,
    AlterTable,
    AlterView,
    CommentOn,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateView,
    DdlStatement,
    DropIndex,
    DropSequence,
    DropTable,
    DropView,
)
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.object_changes import create_view
from exdbsql.schema.queries import read_relations
from exdbsql.schema.sqlstate import DUPLICATE_TABLE, INVALID_TABLE_DEFINITION, UNDEFINED_TABLE
from exdbsql.schema.table import IndexDef, OnCommit

if TYPE_CHECKING:
    from exdbsql.engine.transaction import Transaction

_FIRST_ID: Final = -(2**62)
_PREFIX: Final = f"{TEMPORARY_SCHEMA}."
_NO_DEFINITIONS: Final = Dictionary(next_table_id=_FIRST_ID)


class CatalogWithLinks(Catalog, Protocol):
    """A catalog that knows its foreign keys."""

    @property
    def links(self) -> Links:
        """The foreign keys between the tables."""
        ...


def no_temporary_tables() -> PrivateCatalog:
    """What a session has to begin with."""
    return PrivateCatalog(_NO_DEFINITIONS, _NO_DEFINITIONS, {})


class SessionCatalog:
    """What a session with temporary tables sees; follows the definitions below it.

    Args:
        below: the database, or a transaction's own definitions.
        temporary: the temporary tables.
    """

    def __init__(self, below: CatalogWithLinks, temporary: PrivateCatalog) -> None:
        self._below = below
        self._temporary = temporary
        self._seen: tuple[Catalog | None, Definitions] = None, Definitions(_NO_DEFINITIONS, {})

    @property
    def in_force(self) -> Definitions | None:
        """Both together as one value; None while DDL replaces what is below."""
        below = self._below.in_force
        if below is None:
            return None
        seen, both = self._seen
        if below is not seen:
            tables = {**below.tables, **self._temporary.tables}
            both = Definitions(_merged(below.dictionary, self._temporary.dictionary), tables)
            self._seen = below, both
        return both

    @property
    def dictionary(self) -> Dictionary:
        """The definitions."""
        return definitions_in_force(self).dictionary

    @property
    def tables(self) -> Mapping[str, TableStore]:
        """The tables by name."""
        return definitions_in_force(self).tables

    @property
    def links(self) -> Links:
        """The foreign keys."""
        return both_links(self._below.links, self._temporary.links)

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        return table_of(self.tables, name)


def _merged(below: Dictionary, temporary: Dictionary) -> Dictionary:
    names = {*temporary.tables, *temporary.views}
    hidden = frozenset(name for name in (*below.tables, *below.views) if name in names)
    sequences = {
        name: replace(made, owned_by=None) if made.owned_by is not None and made.owned_by[0] in hidden else made
        for name, made in below.sequences.items()
    }
    return replace(
        below,
        tables=MappingProxyType(
            {**{name: table for name, table in below.tables.items() if name not in hidden}, **temporary.tables}
        ),
        indexes=MappingProxyType({**_indexes_beside(below, names), **temporary.indexes}),
        sequences=MappingProxyType({**sequences, **temporary.sequences}),
        views=MappingProxyType(
            {**{name: view for name, view in below.views.items() if name not in names}, **temporary.views}
        ),
        comments=MappingProxyType(
            {**{key: text for key, text in below.comments.items() if key.name not in names}, **temporary.comments}
        ),
        hidden=hidden,
    )


def _indexes_beside(below: Dictionary, names: Iterable[str]) -> dict[str, IndexDef]:
    """The indexes of permanent tables that no temporary one hides."""
    return {name: index for name, index in below.indexes.items() if index.table not in names}


def both_links(below: Links, temporary: Links) -> Links:
    """The foreign keys of permanent and of temporary tables; none goes from the one to the other."""
    if not temporary:
        return below
    return Links({**below.outgoing, **temporary.outgoing}, {**below.incoming, **temporary.incoming})


# --- definitions -------------------------------------------------------------------------------------------------------


def for_temporary(statement: DdlStatement, temporary: PrivateCatalog | None, below: Dictionary) -> DdlStatement | None:
    """The statement, without ``pg_temp.``, where it is about temporary tables; None where it is about permanent ones.

    Raises:
        ProgrammingError: 42P01, there is no such temporary table; 42P16, a foreign key between the two sorts.
        NotSupportedError: a statement about both.
    """
    known = _NO_DEFINITIONS if temporary is None else temporary.dictionary
    match statement:
        case CreateTable():
            return _created(statement, known, below)
        case DropTable(names):
            return _dropped(statement, names, known.tables)
        case DropIndex(names):
            return _dropped(statement, names, known.indexes)
        case CreateSequence(name):
            is_ours = statement.is_temporary or name.startswith(_PREFIX)
            return replace(statement, name=_plain(name), is_temporary=True) if is_ours else None
        case DropSequence(names):
            return _dropped(statement, names, known.sequences)
        case DropView(names):
            return _dropped(statement, names, known.views)
        case AlterView(name):
            return replace(statement, name=_plain(name)) if _is_known(name, known.views) else None
        case AlterTable(name):
            return replace(statement, name=_plain(name)) if _is_known(name, known.tables) else None
        case AlterSequence(name):
            return replace(statement, name=_plain(name)) if _is_known(name, known.sequences) else None
        case AlterIndex(name):
            return replace(statement, name=_plain(name)) if _is_known(name, known.indexes) else None
        case CreateIndex(index):
            if not _is_known(index.table, known.tables):
                return None
            return replace(statement, index=replace(index, name=_plain(index.name), table=_plain(index.table)))
        case CommentOn(key):
            kinds = {"INDEX": known.indexes, "SEQUENCE": known.sequences, "VIEW": known.views, "TYPE": {}}
            if not _is_known(key.name, kinds.get(key.kind, known.tables)):
                return None
            return replace(statement, key=replace(key, name=_plain(key.name)))
        case CreateView(view):
            reads_ours = not read_relations(view.query).isdisjoint({*known.tables, *known.views})
            if not (view.is_temporary or reads_ours or view.name.startswith(_PREFIX)):
                return None
            return replace(statement, view=replace(view, name=_plain(view.name), is_temporary=True))
    return None


def _plain(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _is_known(name: str, known: Iterable[str]) -> bool:
    if _plain(name) in known:
        return True
    if name.startswith(_PREFIX):
        raise ProgrammingError(f'relation "{name}" does not exist', sqlstate=UNDEFINED_TABLE)
    return False


def _dropped(
    statement: DropTable | DropIndex | DropSequence | DropView, names: tuple[str, ...], known: Mapping[str, object]
) -> DdlStatement | None:
    found = [name for name in names if (_plain(name) in known if statement.if_exists else _is_known(name, known))]
    if not found:
        return None
    if len(found) < len(names):
        raise NotSupportedError(
            "temporary and permanent relations in one DROP are not supported", hint="Drop them apart."
        )
    return replace(statement, names=tuple(map(_plain, names)))


def _created(statement: CreateTable, known: Dictionary, below: Dictionary) -> DdlStatement | None:
    table = statement.table
    parents = {key.parent for key in table.foreign_keys} - {table.name}
    sort, wrong = (
        ("temporary", below.tables.keys() - known.tables.keys())
        if table.is_temporary
        else (
            "permanent",
            known.tables.keys(),
        )
    )
    if parents & wrong:
        raise ProgrammingError(
            f"constraints on {sort} tables may reference only {sort} tables", sqlstate=INVALID_TABLE_DEFINITION
        )
    return statement if table.is_temporary else None


def execute_temporary(
    transaction: "Transaction", temporary: PrivateCatalog | None, statement: DdlStatement, below: Dictionary
) -> PrivateCatalog:
    """The temporary tables after a statement that is about them.

    Raises:
        ProgrammingError: it does not fit them.
        IntegrityError: rows do not fit.
    """
    before = temporary or no_temporary_tables()
    if isinstance(statement, CreateView):
        return _with_view(before, statement, below)
    names = {*before.tables, *([statement.table.name] if isinstance(statement, CreateTable) else ())}
    others = {
        name: replace(made, owned_by=None)
        for name, made in below.sequences.items()
        if name not in names and name not in before.dictionary.sequences
    }
    beside = {
        name: index
        for name, index in _indexes_beside(below, names).items()
        if name not in names and name not in before.dictionary.indexes
    }
    # Sequences and indexes get names that permanent ones do not have: some are found by name alone.
    dictionary = replace(
        before.dictionary,
        types=below.types,
        sequences=MappingProxyType({**before.dictionary.sequences, **others}),
        indexes=MappingProxyType({**before.dictionary.indexes, **beside}),
    )
    after = execute_privately(transaction, replace(before, dictionary=dictionary), Step(statement, ""))
    made = after.dictionary
    own = replace(
        made,
        types=MappingProxyType({}),
        sequences=MappingProxyType({name: one for name, one in made.sequences.items() if one.id < 0}),
        indexes=MappingProxyType({name: one for name, one in made.indexes.items() if one.table in made.tables}),
    )
    return replace(after, base=own, dictionary=own, steps=())


def _with_view(before: PrivateCatalog, statement: CreateView, below: Dictionary) -> PrivateCatalog:
    """The temporary relations with one more view, which may read any relation that the session sees."""
    known, name = before.dictionary, statement.view.name
    seen = _merged(below, known)
    if name in seen.views and name not in known.views:
        raise ProgrammingError(
            f'relation "{name}" already exists',
            sqlstate=DUPLICATE_TABLE,
            hint="a temporary view needs a name that no permanent relation has",
        )
    made = create_view(seen, statement)
    from exdbsql.engine.query.view_checks import check_view  # binding needs the engine's catalogs

    check_view(statement.view, made)
    own = known.changed(views={**known.views, name: statement.view})
    return replace(before, base=own, dictionary=own)


def rows_to_forget(temporary: PrivateCatalog) -> list[TableStore]:
    """The tables that a commit empties.

    Raises:
        NotSupportedError: a table that keeps its rows refers to one of them, as PostgreSQL has it.
    """
    found = [s for s in temporary.tables.values() if s.definition.on_commit is OnCommit.DELETE_ROWS]
    for store in found:
        for reference in temporary.links.incoming.get(store, ()):
            if reference.child not in found:
                raise NotSupportedError(
                    "unsupported ON COMMIT and foreign key combination",
                    detail=f'Table "{reference.child.name}" references "{store.name}", but they do not have the same ON COMMIT setting.',
                )
    return found


def without_objects(temporary: PrivateCatalog) -> PrivateCatalog:
    """The temporary tables, without views and sequences."""
    own = temporary.dictionary.changed(views={}, sequences={})
    return replace(temporary, base=own, dictionary=own)


def is_empty(temporary: PrivateCatalog) -> bool:
    """Whether there is nothing temporary."""
    return not (temporary.tables or temporary.dictionary.views or temporary.dictionary.sequences)


def names_to_drop(temporary: PrivateCatalog) -> tuple[str, ...]:
    """The tables that a commit drops."""
    return tuple(name for name, s in temporary.tables.items() if s.definition.on_commit is OnCommit.DROP)
