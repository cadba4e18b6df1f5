"""SHOW: the dictionary, the cluster and the settings as rows.

These are statements rather than calls so that a shell, or any client, sees the same over the network as in the process::

    SHOW TABLES                       name, kind, columns, rows
    SHOW COLUMNS FROM t               column, type, nullable, default, key
    SHOW INDEXES [FROM t]             table, index, columns, unique, made by
    SHOW CREATE TABLE t               the DDL that makes the table and its indexes
    SHOW CLUSTER                      property, value: state, term, leader, log, quorum, members, counters
    SHOW NODES                        node, address, rank, state, role
    SHOW QUORUM                       why can or can't I write: by node and rank
    SHOW TRANSACTION STATUS 'id'      what became of a transaction: committed, void or unknown
    SHOW ALL | name | TRANSACTION ISOLATION LEVEL
"""

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from exdbsql.cluster.information import ExchangeReport, MemberInfo, QuorumReport
from exdbsql.control import Show
from exdbsql.result import Answer, ColumnInfo, Row, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.dictionary import Dictionary, Table
from exdbsql.schema.errors import Error, ProgrammingError
from exdbsql.schema.printer import comment_sql, create_sequence_sql, create_table_sql, sequence_owner_sql

if TYPE_CHECKING:
    from exdbsql.database import Database
    from exdbsql.session import Session


def _shape(kind: str, *columns: str) -> Shape:
    """Columns as ``"name"`` for text, ``"name:type"`` for others."""
    parts = [column.partition(":") for column in columns]
    return Shape(kind, tuple(ColumnInfo(name, type_name or "text") for name, _, type_name in parts))


def _answer(shape: Shape, rows: Sequence[Row]) -> Answer:
    return shape, list(rows), len(rows), None


def show(database: "Database", session: "Session", statement: Show) -> Answer:
    """The rows of a SHOW statement.

    Raises:
        NotClusterError: about the cluster, where there is none.
        ProgrammingError: no such table, setting or thing to show.
    """
    try:
        return _show(database, session, statement)
    except Error as error:
        if error.position is None:
            error.position, error.statement = statement.position, statement.text
        raise


def _show(database: "Database", session: "Session", statement: Show) -> Answer:
    match statement.words:
        case ("tables",):
            return _tables(database, session)
        case ("columns", "from" | "in", name):
            return _columns(session.dictionary.table(name))
        case ("indexes" | "index",):
            return _indexes(session.dictionary, session.dictionary.tables.values())
        case ("indexes" | "index", "from" | "in" | "on", name):
            return _indexes(session.dictionary, [session.dictionary.table(name)])
        case ("create", "table", name):
            return _answer(_CREATE_TABLE, [(name, _create_table(session.dictionary, name))])
        case ("cluster",):
            return _cluster(session)
        case ("nodes",):
            return _nodes(session)
        case ("quorum",):
            return _quorum(session)
        case ("transaction", "status", transaction_id):
            return _setting("transaction_status", session.cluster.transaction_status(transaction_id))
        case ("all",):
            return _answer(_ALL, session.settings.all())
        case ("transaction", "isolation", "level") | ("transaction_isolation",):
            return _setting("transaction_isolation", session.block.modes.isolation)
        case ("transaction_read_only",):
            return _setting("transaction_read_only", "on" if session.block.modes.read_only else "off")
        case (name,):
            return _setting(name, _value_of(session, name))
    raise ProgrammingError(
        f"nothing to show for {' '.join(statement.words)!r}", sqlstate=states.SYNTAX_ERROR, hint=_FORMS
    )


_FORMS: Final = (
    "SHOW TABLES, COLUMNS FROM t, INDEXES [FROM t], CREATE TABLE t, CLUSTER, NODES, QUORUM, ALL or a setting"
)


def _value_of(session: "Session", name: str) -> str:
    """A setting's value; where there is none, whoever asked may have meant another form of SHOW.

    Raises:
        ProgrammingError: 42704.
    """
    try:
        return session.settings.get(name)
    except ProgrammingError as error:
        close = difflib.get_close_matches(name, ("tables", "indexes", "cluster", "nodes", "quorum"), n=1, cutoff=0.75)
        if close:
            error.hint = f"did you mean SHOW {close[0].upper()}?"
        elif error.hint is None or not error.hint.startswith("did you mean"):
            error.hint = f"{_FORMS}; {error.hint}"
        raise


def _setting(name: str, value: str) -> Answer:
    return _answer(_shape("SHOW", name), [(value,)])


# --- the dictionary --------------------------------------------------------------------------------------------------

_TABLES: Final = _shape("SHOW", "table", "kind", "columns:integer", "rows:bigint")
_COLUMNS: Final = _shape("SHOW", "column", "type", "nullable:boolean", "default", "key")
_INDEXES: Final = _shape("SHOW", "table", "index", "columns", "unique:boolean", "made by")
_CREATE_TABLE: Final = _shape("SHOW", "table", "create table")
_ALL: Final = _shape("SHOW", "name", "setting")


def _tables(database: "Database", session: "Session") -> Answer:
    counts = database.engine.stats()["rows"]
    tables = [table for _, table in sorted(session.dictionary.tables.items())]
    return _answer(
        _TABLES,
        [
            (t.name, "temporary" if t.is_temporary else t.kind.value.lower(), len(t.columns), counts.get(t.name, 0))
            for t in tables
        ],
    )


def _create_table(dictionary: Dictionary, name: str) -> str:
    """All that makes the table: with its indexes, the sequences that its columns own, and its comments."""
    table = dictionary.table(name)
    owned = [s for _, s in sorted(dictionary.sequences.items()) if s.owned_by is not None and s.owned_by[0] == name]
    apart = [s for s in owned if s.owned_by is not None and table.column(s.owned_by[1]).identity is None]
    comments = [
        comment_sql(key, text)
        for key, text in sorted(dictionary.comments.items(), key=lambda item: (item[0].kind != "TABLE", item[0].part))
        if key.kind in ("TABLE", "COLUMN", "CONSTRAINT") and key.name == name
    ]
    return "\n".join(
        [
            *[f"{create_sequence_sql(s)};" for s in apart],
            create_table_sql(table, dictionary.indexes_of(name), owned),
            *[f"{sequence_owner_sql(s)};" for s in apart],
            *[f"{comment};" for comment in comments],
        ]
    )


def _columns(table: Table) -> Answer:
    return _answer(
        _COLUMNS,
        [(c.name, str(c.type), not c.not_null, c.default, _key_of(table, c.name)) for c in table.columns],
    )


def _key_of(table: Table, column: str) -> str | None:
    primary = table.declared_primary_key
    if primary is not None and column in primary.columns:
        return "primary key"
    return "unique" if any(column in unique.columns for unique in table.uniques) else None


def _indexes(dictionary: Dictionary, tables: Any) -> Answer:
    rows: list[Row] = []
    for table in sorted(tables, key=lambda table: table.name):
        for key in table.unique_keys:
            made_by = "primary key" if key is table.declared_primary_key else "unique"
            rows.append((table.name, key.name, ", ".join(key.columns), True, made_by))
        for index in dictionary.indexes_of(table.name):
            columns = ", ".join((c.expression or c.name) + (" desc" if c.descending else "") for c in index.columns)
            if index.where is not None:
                columns += f" where {index.where}"
            rows.append((table.name, index.name, columns, index.unique, "create index"))
    return _answer(_INDEXES, rows)


# --- the cluster -----------------------------------------------------------------------------------------------------

_CLUSTER: Final = _shape("SHOW", "property", "value")
_NODES: Final = _shape("SHOW", "node:integer", "address", "rank:integer", "state", "role")
_QUORUM: Final = _shape("SHOW", "node", "address", "rank:integer", "counts:integer", "state")


def _nodes(session: "Session") -> Answer:
    report: QuorumReport = session.cluster.quorum_report()
    return _answer(
        _NODES,
        [
            (
                m.node_id,
                m.addr,
                m.qrank,
                m.state + (" (this node)" if m.is_self else ""),
                "leader" if m.is_leader else "",
            )
            for m in report.members
        ],
    )


def _quorum(session: "Session") -> Answer:
    """One row for each node, then the sum and what follows from it."""
    report: QuorumReport = session.cluster.quorum_report()
    rows: list[Row] = [
        (str(m.node_id), m.addr, m.qrank, m.qrank if m.counts else 0, _state_of(m)) for m in report.members
    ]
    rows.append(("sum", "", report.total_rank, report.present_rank, report.reason))
    return _answer(_QUORUM, rows)


def _state_of(member: MemberInfo) -> str:
    return member.state if member.counts or member.state != "active" else "active, without memory"


def _cluster(session: "Session") -> Answer:
    calls = session.cluster
    report: QuorumReport = calls.quorum_report()
    state, info = calls.cluster_state(), calls.info()
    since = datetime.fromtimestamp(state.since, UTC).isoformat(" ", "seconds")
    facts: dict[str, Any] = {
        "node": info.node_id,
        "state": state.state,
        "since": since,
        "waits for": state.waits_for or "nothing",
        "can write to replicated tables": "yes" if report.has_quorum and state.state == "ready" else "no",
        "why": report.reason,
        "for": f"{report.since_ms / 1000:.1f} s",
        "cluster id": f"{state.cluster_id:016x}" if state.cluster_id else "none yet",
        "incarnation": f"{state.incarnation:x}",
        "role": state.role,
        "term": state.term,
        "leader": "none known" if state.leader is None else state.leader,
        "log: newest entry": state.last_index,
        "log: committed": state.commit,
        "log: applied here": state.applied,
        "members": len(report.members),
        "active nodes": info.n_active_nodes,
        "transactions of other nodes committed": info.rtrans_commit,
        "transactions of other nodes rolled back": info.rtrans_rback,
        "bytes sent": info.bytes_sent,
        "bytes received": info.bytes_recv,
    }
    if state.change:
        facts["change of members"] = state.change
    if state.reasons:
        facts["other nodes say"] = "\n".join(state.reasons)
    return _answer(_CLUSTER, [(name, str(value)) for name, value in facts.items()])


_EXCHANGE_COLUMNS: Final = ("table", "from node:integer", "to node:integer", "rows travelled:integer")


def exchange_answer(kind: str, report: ExchangeReport) -> Answer:
    """What SCATTER or GATHER moved: a row for each table and pair of nodes between which something travelled."""
    rows: list[Row] = [(*where, count) for where, count in sorted(report.travelled.items())]
    return _shape(kind, *_EXCHANGE_COLUMNS), rows, report.total, None
