"""The state machine as the replica sees it: the database's own, with the transactions of other nodes counted.

A node that attaches again keeps its rows until the cluster gives it others: only the first thing that the log brings
begins from what the node held at its very first start. So an attach that finds nobody, or the wrong cluster, costs nothing.
"""

from collections.abc import Callable, Iterator, Sequence

from exdbsql.cluster.state_machine import Origin, Part, StateMachine


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
        self._first_state: Sequence[bytes] | None = None
        self._before_replacing: Callable[[], None] = lambda: None
        self.dictionary_text = machine.dictionary_text
        self.dictionary_difference = machine.dictionary_difference

    @property
    def holds_its_log(self) -> bool:
        """Whether the state is of the log that the node follows now; false between `begin_anew` and the first entry."""
        return self._first_state is None

    def begin_anew(self, first_state: Sequence[bytes], before_replacing: Callable[[], None]) -> None:
        """What comes next is of a log that this machine has not seen: its state is replaced when it comes.

        Args:
            first_state: a snapshot of what a log from its beginning is applied to.
            before_replacing: called once, just before the state goes; an Error that it raises keeps the state.
        """
        self._first_state = first_state
        self._before_replacing = before_replacing

    def go_on(self) -> None:
        """What comes next is of the log that this machine knows."""
        self._first_state = None

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """Apply one committed command."""
        if self._first_state is not None:
            self._begin()
        result = self._machine.apply(index, origin, command)
        if origin.node_id != self._node_id and not isinstance(result, Part):
            if isinstance(result, Exception):
                self.rolled_back += 1
            else:
                self.committed += 1
        return result

    def snapshot(self) -> Iterator[bytes]:
        """The state at the last applied index."""
        if self._first_state is not None:
            self._begin()
        return self._machine.snapshot()

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the state by a snapshot's."""
        if self._first_state is not None:
            self._before_replacing()
        self._machine.restore(chunks)
        self._first_state = None

    def settle(self) -> None:
        """The node is synchronised: where the log has brought nothing at all, the state is the first one."""
        if self._first_state is not None:
            self._begin()

    def _begin(self) -> None:
        assert self._first_state is not None
        self._before_replacing()
        self._machine.restore(iter(self._first_state))
        self._first_state = None
