"""What this node has proposed, and who waits for it: from a submission to the most definite outcome there is.

An outcome comes from the replica. Where none comes, because the quorum is lost, the caller's time is up, or the node
stops, the proposal is withdrawn: one that surely never left this node is a definite "no" (:class:`NoQuorumError`,
:class:`ClusterStoppedError`), and any other is :class:`CommitOutcomeUnknownError` with the transaction's id.
"""

from collections import deque
from collections.abc import Callable, Sequence

from exdbsql.cluster.handoff import Submission
from exdbsql.cluster.replica import Replica
from exdbsql.cluster.state_machine import Origin, transaction_id
from exdbsql.schema.errors import ClusterStoppedError, CommitOutcomeUnknownError, Error, NoQuorumError

Settle = Callable[[object], None]


class Proposals:
    """The proposals of one replica. All calls come from whoever has the helm.

    Attributes:
        closed: nothing more is taken; stop(), detach() or close() was called.
    """

    def __init__(self, replica: Replica) -> None:
        self.closed = False
        self._replica = replica
        self._waiting: dict[int, Settle] = {}
        self._asked: set[int] = set()  # numbers of what is no command
        self._rounds: deque[int] = deque()

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Give commands to the replica, or refuse them."""
        refusal = self._refusal()
        waiting = self._waiting
        number = 0
        for submission in submissions:
            if submission.done:
                continue
            if refusal is not None:
                submission.settle(refusal)
                continue
            try:
                number = self._replica.submit(submission.command)
            except Error as error:
                submission.settle(error)
                continue
            submission.number = number
            waiting[number] = submission.settle
        if number:
            self._rounds.append(number)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an outcome."""
        return not self._waiting

    @property
    def rounds(self) -> int:
        """How many groups of submissions are on their way: those whose last one has no outcome."""
        rounds = self._rounds
        while rounds and rounds[0] not in self._waiting:
            rounds.popleft()
        return len(rounds)

    def _refusal(self) -> Error | None:
        if self.closed:
            return ClusterStoppedError("this node leaves: stop(), detach() or close() was called")
        if not self._replica.has_quorum():
            return NoQuorumError(self._replica.quorum_report().text)
        return None

    def ask(self, propose: Callable[[], int], settle: Settle) -> None:
        """Propose something that is no command; `settle` gets its outcome, or the error."""
        try:
            number = propose()
        except Error as error:
            settle(error)
            return
        self._waiting[number] = settle
        self._asked.add(number)

    def settle(self, outcomes: Sequence[tuple[int, object]], *, away: bool = False) -> list[tuple[int, object]]:
        """The replica has found these.

        Args:
            outcomes: by number.
            away: this is not the listener's thread.

        Returns:
            Those that are to be settled there, and still wait: what is no command has its answer dealt with by the node.
        """
        ashore = []
        for number, result in outcomes:
            if self._asked and number in self._asked:
                if away:
                    ashore.append((number, result))
                    continue
                self._asked.discard(number)
            settle = self._waiting.pop(number, None)
            if settle is not None:
                settle(result)
        return ashore

    def forget(self, number: int) -> bool:
        """Nobody waits for this any longer, and it stays proposed. Whether somebody did."""
        self._asked.discard(number)
        return self._waiting.pop(number, None) is not None

    def give_up(self, submission: Submission, why: str) -> None:
        """A caller no longer waits."""
        if submission.done:
            return
        self._waiting.pop(submission.number, None)
        if submission.number == 0:  # still gathered by the window, which leaves out what is settled
            submission.settle(NoQuorumError(f"{why}; the transaction was not sent to any node"))
        else:
            submission.settle(self._last_word(submission.number, why, NoQuorumError))

    def give_up_all(self, why: str, definite: type[NoQuorumError] | type[ClusterStoppedError]) -> None:
        """Nobody waits any longer; what never left this node gets the definite error."""
        waiting, self._waiting = self._waiting, {}
        self._asked.clear()
        for number, settle in waiting.items():
            settle(self._last_word(number, why, definite))

    def _last_word(self, number: int, why: str, definite: type[NoQuorumError] | type[ClusterStoppedError]) -> Error:
        if self._replica.withdraw(number):
            return definite(f"{why}; the transaction was not sent to any node")
        config = self._replica.config
        return CommitOutcomeUnknownError(
            f"whether the transaction was committed is not known: {why}",
            transaction_id=transaction_id(Origin(config.node_id, config.incarnation, number)),
            hint="Ask transaction_status(transaction_id) when the cluster answers again.",
        )
