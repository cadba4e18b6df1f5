"""Between the engine and the cluster: what a commit is as an entry of the log, and how an entry becomes a commit.

The cluster orders commands and knows nothing of rows; the engine certifies write sets and knows nothing of nodes. This
module is the :class:`~exdbsql.cluster.state_machine.StateMachine` that joins them. The life of a commit:

1. A transaction that changed no replicated table commits locally; no message is sent, no quorum asked.
2. Otherwise the engine prepares it (:meth:`commit`): a conflict with what is applied already is found here, for free,
   and its LOCAL and DISTRIBUTED rows are reserved.
3. The write set goes to the log, with a token that only this process knows.
4. Every node applies the entry in log order (:meth:`apply`) and reaches the same verdict (R2). On the node where it
   began, the token leads back to what was prepared, and its other rows become visible in the same step.
5. The verdict is the outcome that the committing thread waited for.

A command is the byte "T", a token and a write set, or msgpack: ``["ddl", text]`` for a statement that is a transaction of its own, or
``["ddl+txn", token, base, texts, sequences, write set]`` for a transaction that has executed DDL
(:mod:`exdbsql.engine.ddl_commits`); and for sequences (:mod:`exdbsql.engine.sequences`) ``["take", id, number]``, ``["set", id, value]``.
"""

import contextlib
import itertools
import pathlib
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol

from exdbsql import commit_names, early_data
from exdbsql.cluster.attachment import refuse_another_cluster
from exdbsql.cluster.parameters import ClusterParams
from exdbsql.cluster.state_machine import Origin
from exdbsql.detachment import Detachment, KeptTables, name_saved, refuse_ddl, save_replicated
from exdbsql.engine.commits import PreparedCommit
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.query.nesting import with_room
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.write_set import WriteSet
from exdbsql.forking import let_go
from exdbsql.schema import codec
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.ddl_statements import DdlStatement
from exdbsql.schema.dictionary import Dictionary, TableKind
from exdbsql.schema.errors import (
    ClusterError,
    CommitOutcomeUnknownError,
    Error,
    NoQuorumError,
    NotSupportedError,
    ProtocolError,
)

_TRANSACTION: Final = b"T"
_TOKEN_BYTES: Final = 16
_HEAD_BYTES: Final = 1 + _TOKEN_BYTES
_DDL: Final = "ddl"
_DDL_AND_ROWS: Final = "ddl+txn"
_TAKE: Final = "take"
_SET: Final = "set"
_MAX_SNAPSHOT_BYTES: Final = 1024 * 1024


class Node(Protocol):
    """What the replication needs of the cluster node: a part of ``ClusterNode``, so that tests can do with a model."""

    def submit(self, command: bytes) -> object:
        """Put a command into the log; what applying it here gave."""
        ...

    def ask(self, command: bytes) -> object:
        """The same in the middle of a statement, which may be cancelled at any moment; errors come back as values."""
        ...

    def require_quorum(self) -> None:
        """Refuse where there is no quorum."""
        ...

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until this node is a synchronised member of a quorum."""
        ...

    def transaction_status(self, transaction_id: str) -> str:
        """What became of a transaction."""
        ...

    def descriptors(self) -> list[int]:
        """What it has open."""
        ...

    def close(self) -> None:
        """Leave without waiting for anybody."""
        ...

    def send_ahead(self, command: bytes) -> early_data.Sending:
        """Put a command into the log without waiting."""
        ...


class Replication:
    """One node's commits and applied entries. `attach_node` completes it, because node and state machine need each other.

    Args:
        engine: the database below.
        node_id: this node's id.
        max_rows, max_bytes: of one chunk of a snapshot; 0 bytes: a bound of ours.
        start_timeout_s: how long the first use of a replicated table waits for the node to become a member.

    Attributes:
        is_ready: the node has been a synchronised member of a quorum. Before that it has nothing to show: a read would
            find empty tables that are not empty.
    """

    def __init__(
        self, engine: Engine, node_id: int, *, max_rows: int = 100, max_bytes: int = 0, start_timeout_s: float = 60.0
    ) -> None:
        self.node_id = node_id
        self.is_ready = False
        self._engine = engine
        self._max_rows = max_rows
        self._max_bytes = max_bytes or _MAX_SNAPSHOT_BYTES
        self._start_timeout_s = start_timeout_s
        self._node: Node | None = None
        self._prepared: dict[bytes, PreparedCommit] = {}
        self._unknown: dict[str, bytes] = {}
        self._tokens = itertools.count()
        self._process = commit_names.new_process()
        self._named = commit_names.NamedCommits()
        self._detachment: Detachment | None = None
        self._save_folder: pathlib.Path | None = None
        self._kept = KeptTables(engine)
        self._parts = early_data.Parts()
        self.early: early_data.EarlyData | None = None
        engine.sequence_log = self
        engine.enter_cluster(node_id, secrets.randbits(32))

    def attach_node(
        self,
        node: Node,
        *,
        detached: bool = False,
        save_folder: pathlib.Path | None = None,
        send_early: bool = False,
    ) -> None:
        """The cluster node that carries the commands.

        Args:
            node: the node.
            detached: it starts outside of its cluster.
            save_folder: where to save what an attach discards.
            send_early: send rows of large transactions while they run.
        """
        self._node = node
        if send_early:
            self.early = early_data.EarlyData(node, secrets.token_bytes(8))
        self._save_folder = save_folder
        if detached:
            self._detachment = Detachment(self._engine)

    @property
    def node(self) -> Any:
        """The cluster node."""
        assert self._node is not None, "attach_node comes before the first use"
        return self._node

    def wait_ready(self) -> None:
        """Wait, once in the node's life, until it is a synchronised member of a quorum.

        Raises:
            NoQuorumError: it is not within the time; says what it waits for.
            Error: why the node cannot take part.
        """
        if not self.is_ready and self._detachment is None:
            self.node.wait_ready(self._start_timeout_s)
            self._kept.bring_back()
            self._kept.forget()
            self.is_ready = True

    # --- outside of the cluster ---------------------------------------------------------------------------------------

    @property
    def is_detached(self) -> bool:
        """Whether the node is outside of its cluster by its own wish, and every commit is local."""
        return self._detachment is not None

    def detach(self) -> None:
        """Leave without waiting for the others; nothing happens where that was done already."""
        self.node.detach()
        if self._detachment is None:
            self._detachment = Detachment(self._engine)

    def attach(self, params: ClusterParams | None, *, discard: bool) -> list[pathlib.Path]:
        """Join again, and wait until this node is synchronised.

        Args:
            params: with what to join; None: as before.
            discard: local changes to replicated tables are saved and given up; else they are a reason to refuse.

        Returns:
            The files with what was given up.

        Raises:
            ClusterError: not detached; local changes would be lost; another cluster answers.
            NoQuorumError: not synchronised in time; the node goes on trying.
            Error: why the node was not let in; it is detached as before. All name the files with what was given up.
        """
        detachment = self._detachment
        if detachment is None:
            raise ClusterError(f"node {self.node_id} is attached already")
        folder = self._save_folder
        if discard and folder is None:
            raise NotSupportedError("discarding local changes needs a state_dir to save them to")
        saved = [detachment.end(discard_to=folder if discard else None)]

        def before_replacing(another_cluster: bool) -> None:
            if another_cluster:
                refuse_another_cluster(not discard)
                assert folder is not None
                saved.append(save_replicated(self._engine, folder))

        self.is_ready, self._detachment = False, None
        try:
            self._join(params, before_replacing)
        except Error as error:
            name_saved(error, saved)
            raise
        return [path for path in saved if path is not None]

    def _join(self, params: ClusterParams | None, before_replacing: Callable[[bool], None]) -> None:
        try:
            self.node.attach(params, self._start_timeout_s, before_replacing)
        except NoQuorumError:
            raise
        except BaseException:
            if self.node.is_detached:
                self._detachment = Detachment(self._engine)
            raise
        self.wait_ready()

    # --- this node's changes -----------------------------------------------------------------------------------------

    def require_quorum(self) -> None:
        """See :meth:`Database.require_quorum`."""
        if self._detachment is None:
            self.wait_ready()
            self.node.require_quorum()

    def commit(self, transaction: Transaction) -> None:
        """Commit a transaction; it is over either way.

        Raises:
            ConflictError: another transaction changed the same rows first.
            IntegrityError: a constraint, because of what others committed meanwhile.
            NoQuorumError: not committed, and never will be.
            CommitOutcomeUnknownError: cannot be known yet; :meth:`transaction_status` resolves it.
            ClusterStoppedError: the runtime has stopped; not committed.
        """
        if self._detachment is not None:
            self._detachment.commit(transaction)
            return
        if self._unknown:
            self._resolve_unknown()
        if transaction.catalog is None and TableKind.REPLICATED not in transaction.written_kinds:
            transaction.commit()
            return
        token = commit_names.current.get() or self._process + next(self._tokens).to_bytes(8, "big")
        ahead = None if self.early is None else self.early.take(transaction)
        try:
            self.require_quorum()
            prepared = self._engine.prepare_commit(transaction, partial(self._prepared.__setitem__, token))
            command = transaction_command(token, prepared)
            if ahead is not None and self.early is not None:
                if ahead.arrived() and prepared.definitions is None:
                    command = codec.pack(ahead.command(token, prepared.write_set))
                else:
                    self.early.drop(ahead)
        except BaseException:  # an interrupt too: nothing has been proposed
            transaction.rollback()
            self._settle(token, committed=False)
            if self.early is not None:
                self.early.drop(ahead)
            raise
        outcome = self._submit(command, token)
        self._settle(token, committed=not isinstance(outcome, Error))
        if isinstance(outcome, Error):
            raise outcome

    def _submit(self, command: bytes, token: bytes) -> object:
        """Propose, and keep or drop what was prepared as the outcome says.

        An interrupt (Ctrl-C) in between leaves it prepared: the entry may be on its way, and its turn comes in `apply`.
        """
        try:
            return self.node.submit(command)
        except CommitOutcomeUnknownError as error:
            self._unknown[error.transaction_id] = token
            raise
        except Error:
            self._settle(token, committed=False)
            raise

    def _settle(self, token: bytes, *, committed: bool) -> None:
        """The verdict is known. `apply` has met it already, unless it never came, or came in another node's snapshot."""
        prepared = self._prepared.pop(token, None)
        if prepared is None:
            return
        if committed:
            self._engine.commit_prepared_locally(prepared)
        else:
            self._engine.abort_prepared(prepared)

    def _resolve_unknown(self) -> None:
        """Let go of the keys that commits of unknown outcome have set aside, where the outcome is known by now."""
        for transaction_id in list(self._unknown):
            with contextlib.suppress(Error):
                self.transaction_status(transaction_id)

    def read_mark(self) -> None:
        """Wait until this node has applied everything that was committed anywhere by now.

        Raises:
            NoQuorumError: that cannot be known now.
        """
        if self._detachment is None:
            self.wait_ready()
            self.node.read_mark()

    def wait_applied_everywhere(self) -> None:
        """Wait until all active nodes have applied what is committed here. A node that leaves meanwhile stops waiting."""
        if self._detachment is None:
            with contextlib.suppress(ClusterError):
                self.node.wait_applied_everywhere()

    def execute_ddl(self, text: str) -> None:
        """Put a DDL statement into the log.

        Raises:
            ProgrammingError, IntegrityError: what applying it found.
            DdlNotSupportedError: DDL whose verdict would depend on rows that only one node has.
            Error: the cluster's, as for a commit.
        """
        if self._detachment is not None:
            raise refuse_ddl()
        self.require_quorum()
        outcome = self.node.submit(codec.pack([_DDL, text]))
        if isinstance(outcome, Error):
            raise outcome

    def transaction_status(self, transaction_id: str) -> str:
        """ "committed", "void" or "unknown"; once it is known, the keys that were set aside are free again."""
        name = commit_names.read_name(transaction_id)
        if name is not None:
            return self._named.status(name)
        status: str = self.node.transaction_status(transaction_id)
        if status != "unknown":
            token = self._unknown.pop(transaction_id, None)
            if token is not None:
                self._settle(token, committed=status == "committed")
        return status

    def after_fork(self) -> None:
        """In a forked process: have nothing open, so that the others see the end of the parent."""
        if self._node is not None:
            let_go(self._node.descriptors())

    def close(self) -> None:
        """Leave; nothing that was prepared will be applied any more."""
        self.node.close()
        for token in list(self._prepared):
            self._settle(token, committed=False)

    # --- sequences: a `SequenceLog` ----------------------------------------------------------------------------------

    def take(self, sequence_id: int, number: int) -> tuple[int, int]:
        """Take values of a sequence for this node: (first, how many).

        Raises:
            DataError: the sequence is at its end.
            Error: the cluster's, as for a commit.
        """
        first, count = self._ask([_TAKE, sequence_id, number])
        return first, count

    def set(self, sequence_id: int, upcoming: int) -> None:
        """Have a sequence go on from `upcoming` on every node; raises the cluster's errors."""
        self._ask([_SET, sequence_id, upcoming])

    def _ask(self, command: list[Any]) -> Any:
        self.require_quorum()
        outcome = self.node.ask(codec.pack(command))
        if isinstance(outcome, Error):
            raise outcome
        return outcome

    # --- StateMachine ------------------------------------------------------------------------------------------------

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """One committed entry: None, or the error that makes it void, the same on every node."""
        if self._kept:
            self._kept.bring_back()
        try:
            if command[:1] == _TRANSACTION:  # nearly always
                token = command[1:_HEAD_BYTES]
                prepared = self._prepared.pop(token, None)
                if prepared is not None and prepared.is_in(command, _HEAD_BYTES):
                    write_set = prepared.write_set
                else:
                    write_set = WriteSet.from_bytes(memoryview(command)[_HEAD_BYTES:])
                return self._noted(token, self._engine.apply_write_set(index, origin.node_id, write_set, prepared))
            return self._apply_other(index, origin, codec.unpack(command))
        except ProtocolError as error:
            return error  # what cannot be read can be read nowhere: it is void, and no reason for a node to end

    def _noted(self, token: bytes, outcome: Error | None) -> Error | None:
        """Keep the name of what was committed, for clients that ask."""
        if outcome is None:
            self._named.add(token)
        return outcome

    def _apply_other(self, index: int, origin: Origin, command: object) -> object:
        """An entry that is no plain transaction. Raises ProtocolError where it is nothing that can be read."""
        match command:
            case [str(kind), str(text)] if kind == _DDL:
                return with_room(partial(self._apply_ddl, index, text))
            case [str(kind), bytes(ahead), bytes(data)] if kind == early_data.PART:
                return self._parts.add(index, ahead, data)
            case [str(kind), bytes(ahead)] if kind == early_data.DROP:
                return self._parts.drop(ahead)
            case [str(kind), bytes(token), bytes(ahead), int(count), list(taken_back), bytes(data)] if (
                kind == early_data.COMMIT
            ):
                whole = self._parts.write_set(ahead, count, taken_back, WriteSet.from_bytes(data))
                if isinstance(whole, Error):
                    return whole
                prepared = self._prepared.pop(token, None)
                return self._noted(token, self._engine.apply_write_set(index, origin.node_id, whole, prepared))
            case [str(kind), int(sequence_id), int(number)] if kind == _TAKE:
                return self._engine.apply_sequence_take(index, sequence_id, number)
            case [str(kind), int(sequence_id), int(upcoming)] if kind == _SET:
                self._engine.apply_sequence_set(index, sequence_id, upcoming)
                return None
            case [str(kind), bytes(token), str(base), list(texts), list(moved), bytes(data)] if kind == _DDL_AND_ROWS:
                text, sequences = _read_definitions(texts, moved)
                rows = WriteSet.from_bytes(data)
                prepared = self._prepared.pop(token, None)
                statements = self._read_ddl(text)
                outcome = with_room(
                    partial(
                        self._engine.apply_ddl_and_rows,
                        index,
                        origin.node_id,
                        base,
                        statements,
                        sequences,
                        rows,
                        prepared,
                    )
                )
                return self._noted(token, outcome)
        raise ProtocolError("an entry of the log is neither a transaction nor DDL")

    def _apply_ddl(self, index: int, text: str) -> Error | None:
        return self._engine.apply_ddl(index, self._read_ddl(text))

    def _read_ddl(self, text: str) -> Iterator[DdlStatement]:
        """The statements, read when the engine asks for them: what is wrong with one makes the entry void like the rest."""
        yield from parse_ddl(text, self._engine.dictionary.types)

    def snapshot(self) -> Iterator[bytes]:
        """The replicated state in chunks of bounded size."""
        return itertools.chain(self._parts.chunks(), self._engine.export_replicated(self._max_rows, self._max_bytes))

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the replicated state by a snapshot's; on an error nothing changed."""
        with_room(partial(self._restore, chunks))  # it holds definitions

    def _restore(self, chunks: Iterator[bytes]) -> None:
        own = self._kept.own_tables()
        parts = early_data.Parts.from_chunks(chunks)
        self._engine.import_replicated(chunks)
        self._parts = parts
        self._kept.keep(own)
        self._kept.bring_back()

    def dictionary_text(self) -> str:
        """The dictionary as canonical DDL."""
        return self._engine.dictionary.to_sql()

    def dictionary_difference(self, other: str) -> list[str]:
        """What differs between this dictionary and another node's text, a line each."""
        try:
            return self._engine.dictionary.difference(with_room(partial(_dictionary_of, other)))
        except Error as error:
            return [f"the other node's dictionary cannot be read: {error.message}"]


def transaction_command(token: bytes, prepared: PreparedCommit) -> bytes:
    """What is proposed to the log for a prepared commit, which `token` leads back to where it began."""
    definitions = prepared.definitions
    if definitions is None:
        return _TRANSACTION + token + prepared.to_bytes()
    moved = sorted(definitions.sequences.items())
    return codec.pack([_DDL_AND_ROWS, token, definitions.base, list(definitions.texts), moved, prepared.to_bytes()])


def _read_definitions(texts: list[Any], moved: list[Any]) -> tuple[str, dict[int, int]]:
    """The statements of a transaction as one text, and where its sequences go on. Raises ProtocolError."""
    try:
        return "\n;\n".join(texts), {int(one): int(upcoming) for one, upcoming in moved}
    except (TypeError, ValueError, OverflowError) as problem:
        raise ProtocolError(f"these are no definitions: {problem}") from problem


def _dictionary_of(text: str) -> Dictionary:
    return Dictionary().with_all(parse_ddl(text))
