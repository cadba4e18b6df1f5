"""nextval, currval, lastval and setval, as a statement calls them: through its transaction.

A name may be written as a regclass would be: ``seq``, ``"Seq"``, ``public.seq``.
"""

from typing import TYPE_CHECKING, Final

from exdbsql.engine.sequences import SequenceValues, after_value
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.errors import OperationalError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, fold
from exdbsql.schema.sqlstate import (
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    READ_ONLY_SQL_TRANSACTION,
    UNDEFINED_TABLE,
    WRONG_OBJECT_TYPE,
)
from exdbsql.schema.table import Sequence

if TYPE_CHECKING:
    from exdbsql.engine.database import Database
    from exdbsql.engine.transaction import Transaction


class GivenValues:
    """What nextval gave in one session.

    Attributes:
        by_id: the last value of each sequence.
        last: the id of the last sequence.
    """

    __slots__ = ("by_id", "last")

    def __init__(self) -> None:
        self.by_id: dict[int, int] = {}
        self.last: int | None = None

    def forget(self) -> None:
        """Nothing was given."""
        self.by_id.clear()
        self.last = None


NOTHING_GIVEN: Final = GivenValues()
"""Stands for values of a transaction that has no session and has not called nextval."""


class Sequences:
    """The functions on sequences for one transaction."""

    __slots__ = ("_database", "_transaction")

    def __init__(self, database: "Database", transaction: "Transaction") -> None:
        self._database = database
        self._transaction = transaction

    def next(self, name: str) -> int:
        """nextval.

        Raises:
            ProgrammingError: 42P01, no such sequence.
            OperationalError: 25006, the transaction is read-only.
            DataError: 2200H, the sequence is at its end.
        """
        sequence = self._find(name)
        self._check_writable("nextval", sequence)
        own = self._own(sequence)
        database = self._database
        values, log = (database.sequences, database.sequences_through) if own is None else (own, None)
        value = values.next(sequence, log)
        given = self._transaction.given_values
        given.by_id[sequence.id] = value
        given.last = sequence.id
        return value

    def current(self, name: str) -> int:
        """currval; OperationalError 55000 where nextval was not called in the session."""
        sequence = self._find(name)
        value = self._transaction.given_values.by_id.get(sequence.id)
        if value is None:
            raise OperationalError(
                f'currval of sequence "{sequence.name}" is not yet defined in this session',
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
        return value

    def last(self) -> int:
        """lastval; OperationalError 55000 where nextval was not called in the session."""
        given = self._transaction.given_values
        if given.last is None:
            raise OperationalError(
                "lastval is not yet defined in this session", sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE
            )
        return given.by_id[given.last]

    def set(self, name: str, value: int, is_called: bool = True) -> int:
        """setval; DataError 22003 for a value outside of the sequence's bounds."""
        sequence = self._find(name)
        self._check_writable("setval", sequence)
        upcoming = after_value(sequence, value, is_called=is_called)
        own = self._own(sequence)
        if own is None:
            self._database.set_sequence(sequence.id, upcoming)
        else:
            own.set(sequence.id, upcoming)
        if is_called:
            self._transaction.given_values.by_id[sequence.id] = value
        return value

    def _own(self, sequence: Sequence) -> SequenceValues | None:
        """The values of a sequence that the transaction itself has made or restarted."""
        for catalog in (self._transaction.temporary, self._transaction.catalog):
            if catalog is not None and sequence.id in catalog.own_sequences:
                return catalog.sequence_values
        return None

    def _check_writable(self, what: str, sequence: Sequence) -> None:
        if self._transaction.is_read_only and sequence.id > 0:
            raise OperationalError(
                f"cannot execute {what}() in a read-only transaction", sqlstate=READ_ONLY_SQL_TRANSACTION
            )

    def _find(self, text: str) -> Sequence:
        catalog, temporary = self._transaction.catalog, self._transaction.temporary
        dictionary = self._database.dictionary if catalog is None else catalog.dictionary
        name = plain_name(text)
        schema, _, own_name = text.strip().partition(".")
        if fold(schema) == TEMPORARY_SCHEMA:
            own = {} if temporary is None else temporary.dictionary.sequences
            if plain_name(own_name) not in own:
                raise ProgrammingError(f'relation "{text}" does not exist', sqlstate=UNDEFINED_TABLE)
            return own[plain_name(own_name)]
        found = dictionary.sequences.get(name)
        if temporary is not None and name in temporary.dictionary.sequences:
            if found is not None:  # made by another session since: a default may mean either
                raise ProgrammingError(
                    f'"{name}" is the name of a temporary and of a permanent sequence', sqlstate=WRONG_OBJECT_TYPE
                )
            found = temporary.dictionary.sequences[name]
        if found is not None:
            return found
        if name in dictionary.relation_names():
            raise ProgrammingError(f'"{name}" is not a sequence', sqlstate=WRONG_OBJECT_TYPE)
        hint = did_you_mean(name, dictionary.sequences)
        raise ProgrammingError(f'relation "{name}" does not exist', sqlstate=UNDEFINED_TABLE, hint=hint)


def plain_name(text: str) -> str:
    """The name that a text means: folded unless quoted, ``public.`` taken away."""
    name = text.strip().removeprefix("public.")
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return fold(name)
