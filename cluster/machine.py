"""The state machine as the replica sees it: the database's own, with the transactions of other nodes counted."""

from collections.abc import Iterator

from exdbsql.cluster.state_machine import Origin, StateMachine


class CountedMachine:
    """Passes everything on to a state machine.

    Attributes:
        committed: transactions of other nodes that were applied here.
        rolled_back: transactions of other nodes that were void.
    """

    def __init__(self, node_id: int, machine: StateMachine) -> None:
        self.committed = 0
        self.rolled_back = 0
        self._node_id = node_id
        self._machine = machine
        self.snapshot = machine.snapshot
        self.dictionary_text = machine.dictionary_text
        self.dictionary_difference = machine.dictionary_difference

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """Apply one committed command."""
        result = self._machine.apply(index, origin, command)
        if origin.node_id != self._node_id:
            if isinstance(result, Exception):
                self.rolled_back += 1
            else:
                self.committed += 1
        return result

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the state by a snapshot's."""
        self._machine.restore(chunks)
