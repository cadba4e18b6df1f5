"""exdbsql: a SQL database for Python programs whose nodes form a cluster of equals.

This is the public face: everything a program needs is in `__all__`, and what is not there may change. The errors are
the tree of :mod:`exdbsql.schema.errors`; the cluster's parameters are in :mod:`exdbsql.cluster.parameters`.
"""

from exdbsql.api import connect, discover, init_runtime, load_dictionary, open_database
from exdbsql.cluster.information import ClusterInfo, ExchangeReport, MemberInfo, NodeInfo, QuorumReport
from exdbsql.cluster.parameters import ClusterNodeParams, ClusterParams, ClusterWindow, ModeMask
from exdbsql.connection import Connection
from exdbsql.cursor import Cursor
from exdbsql.database import Database
from exdbsql.dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from exdbsql.result import ColumnInfo, Result
from exdbsql.row_factories import RowFactory, dict_row, namedtuple_row, tuple_row
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import (
    BusyError,
    ClusterError,
    ClusterStoppedError,
    CommitOutcomeUnknownError,
    ConflictError,
    DatabaseError,
    DataError,
    DdlNotSupportedError,
    DuplicateNodeIdError,
    Error,
    IncompatibleModeError,
    IntegrityError,
    InterfaceError,
    InternalError,
    InvalidParameterError,
    NoQuorumError,
    NotClusterError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    ProtocolError,
    SyncError,
    Warning,
)

DEBUG_OUTPUT = ModeMask.DEBUG_OUTPUT
EARLY_DATA_SEND = ModeMask.EARLY_DATA_SEND
START_DETACHED = ModeMask.START_DETACHED

__all__ = [
    "BINARY",
    "DATETIME",
    "DEBUG_OUTPUT",
    "EARLY_DATA_SEND",
    "NUMBER",
    "ROWID",
    "START_DETACHED",
    "STRING",
    "Binary",
    "BusyError",
    "ClusterError",
    "ClusterInfo",
    "ClusterNodeParams",
    "ClusterParams",
    "ClusterStoppedError",
    "ClusterWindow",
    "ColumnInfo",
    "CommitOutcomeUnknownError",
    "ConflictError",
    "Connection",
    "Cursor",
    "DataError",
    "Database",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "DdlNotSupportedError",
    "Dictionary",
    "DuplicateNodeIdError",
    "Error",
    "ExchangeReport",
    "IncompatibleModeError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "InvalidParameterError",
    "MemberInfo",
    "ModeMask",
    "NoQuorumError",
    "NodeInfo",
    "NotClusterError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "ProtocolError",
    "QuorumReport",
    "Result",
    "RowFactory",
    "SyncError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "dict_row",
    "discover",
    "init_runtime",
    "load_dictionary",
    "namedtuple_row",
    "open_database",
    "paramstyle",
    "threadsafety",
    "tuple_row",
]
