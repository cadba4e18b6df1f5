"""What turns a node's stay in its cluster: commands into the replica, and what the replica wants done out of it.

All of it happens at the helm (``helm.py``), in whatever thread has that:

1. `work` hears what the lines bring, takes all commands that application threads have put into the mailbox, and gives them to
   the replica (at once, or gathered by the window).
2. It takes one `Ready` from the replica and carries it out in the order of its fields: marker, messages, outcomes,
   events. Everything that happened in one turn travels together.
3. An outcome wakes the application thread that waits for it, if that is not the one that steers.

Which commands leave together decides what a commit costs, for a round of messages costs the same for one as for a hundred. So there
is one round of this node's at a time, two where rounds are slow (:data:`SLOW_S`). And when it ends, and its threads are woken one after another (``Alarm``), those
that come again first do not leave by themselves: the next round begins when the last of them is awake, and has told so by the bell
of the lines. For others than that nobody waits, and for the next of these :data:`GATHER_S` at most.

Events, and answers to what is no command, are the owner's, in the listener's thread.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from exdbsql.cluster.core import messages
from exdbsql.cluster.core import ready as core_ready
from exdbsql.cluster.everywhere import Everywhere
from exdbsql.cluster.frames import CONSENSUS
from exdbsql.cluster.handoff import Alarm, Mailbox, Submission
from exdbsql.cluster.helm import Helm
from exdbsql.cluster.lines import Events, Lines
from exdbsql.cluster.marker import MarkerFile
from exdbsql.cluster.parameters import ClusterWindow
from exdbsql.cluster.proposals import Proposals
from exdbsql.cluster.replica import Replica
from exdbsql.cluster.transport_tcp import TcpTransport
from exdbsql.cluster.window import Window
from exdbsql.schema.errors import Error, InternalError

log = logging.getLogger("exdbsql.cluster")

TICK_S: Final = 0.02
"""How often the replica hears what time it is, in s."""

ROUNDS: Final = 2
"""Groups of submissions that are on their way, at most, before the next ones wait for an answer: then they leave together."""

SLOW_S: Final = 0.02
"""A group that is on its way for longer than this, in s, waits for a network or for a peer: another one may follow it."""

GATHER_S: Final = 0.001
"""For how long submissions wait, at most, for the next one of the threads that are being woken to be awake, in s."""

STEER_S: Final = 0.002
"""For how long a committing thread waits for an answer before it looks around, in s."""

NEWS_S: Final = 0.002
"""For how long followers may be left without the news that something is committed, where none of them waits for it, in s."""


class PumpOwner(Protocol):
    """Whose life this is."""

    everywhere: Everywhere

    def finish(self, failure: Error | None = None) -> None:
        """End it soon."""
        ...

    def take_events(self, events: Sequence[core_ready.Event]) -> None:
        """In the listener's thread: these have happened."""
        ...


class Pump:
    """See the module.

    Attributes:
        window: gathers commands.
        helm, lines, mailbox, alarm: the listener's; others, which nobody uses, before the node's life has begun.
        transport: None before that.
        ended: the node's life is over, and nothing is done any more.
    """

    def __init__(
        self,
        node_id: int,
        replica: Replica,
        proposals: Proposals,
        marker_file: MarkerFile,
        owner: PumpOwner,
        window: ClusterWindow,
        may_be_steered: bool,
    ) -> None:
        """`may_be_steered`: neither asyncio nor the application has a part in commits."""
        self.replica = replica
        self.proposals = proposals
        self.window = Window(window, self.submit_all, self._later)
        self.mailbox, self.alarm = Mailbox(), Alarm()
        self.helm, self.lines = Helm(), Lines()
        self.transport: TcpTransport | None = None
        self.ended = False
        self._node_id = node_id
        self._marker_file = marker_file
        self._owner = owner
        self._may_be_steered = may_be_steered
        self._at_work = self._pump_due = False
        self._news_behind, self._news_at = 0, 0.0
        self._gather_until: float | None = None
        self._gathered_at = 0
        self._cut_at = 0.0

    def _later(self, action: Callable[[float], None], argument: float) -> None:
        """`Helm.later`, of the helm that the node's life is given."""
        self.helm.later(action, argument)

    def submit_all(self, submissions: list[Submission]) -> None:
        """Give the commands of one window to the replica."""
        self.proposals.submit(submissions)
        if not self._at_work:
            self.pump()

    @property
    def can_be_steered(self) -> bool:
        """Whether a committing thread may carry its commit through by itself. Not where asyncio has a part in it, or the
        application: its callbacks run in the listener's thread."""
        return self._may_be_steered and self.lines.crew is self and not self.window.bounds.length

    def steer(self, submission: Submission | None = None) -> None:
        """In a committing thread that has just got the helm, and gives it back by this: carry a commit through, as far as
        the listener's thread lets us; without one, look into the mailbox once."""
        helm, lines = self.helm, self.lines
        helm.begin_voyage()
        try:
            if submission is None:
                self.work(())
            else:
                submission.awake = True
                self.work(())
                while not (submission.done or helm.wanted or self.ended):
                    events = lines.wait(STEER_S if self._gather_until is None else GATHER_S)
                    if not events and self.replica.owes_news():
                        self.replica.tell()  # those who should have answered do not: others may
                    self.work(events)
                submission.awake = submission.done
        except (
            BaseException
        ) as problem:  # a bug; or an exception that somebody set in this thread, and who knows what it hit
            log.exception("node %d failed in a thread that commits", self._node_id)
            self._owner.finish(InternalError(f"node {self._node_id} failed in a thread that commits: {problem!r}"))
            if not isinstance(problem, Exception):
                raise
        finally:
            helm.end_voyage()

    def _open_commands(self) -> None:
        """Take the commands that may leave now: all, or none while answers are due, or others are about to come."""
        mailbox = self.mailbox
        if self.window.bounds.length:
            wait = False
        else:
            wait = self._expects_answers() or (not mailbox.is_empty and self._gathers())
        if not wait and not mailbox.is_empty:
            self._cut_at = time.monotonic()
            self.window.add(mailbox.take_commands())
            self.pump()
            wait = not self.window.bounds.length and self._expects_answers()
        mailbox.expecting = wait

    def _expects_answers(self) -> bool:
        """Whether groups are on their way, and another one should not follow them yet."""
        rounds = self.proposals.rounds
        return rounds >= ROUNDS or (rounds > 0 and time.monotonic() < self._cut_at + SLOW_S)

    def _gathers(self) -> bool:
        """Whether threads are being woken, which is worth waiting for: those in a loop of commits come again at once."""
        alarm = self.alarm
        alarm.awaited = True  # before `waking` is read: whoever resets that looks here afterwards
        if alarm.waking and self.lines.bell is not None:
            now = time.monotonic()
            if self._gather_until is None or alarm.woken != self._gathered_at:
                self._gather_until, self._gathered_at = now + GATHER_S, alarm.woken
            if now < self._gather_until:
                return True
        alarm.awaited = False
        self._gather_until = None
        return False

    def work(self, events: Events) -> None:
        """At the helm: hear what the lines bring, open the letters with commands, and do what follows."""
        assert self.transport is not None
        turn = self.transport.turn
        turn.hold()
        self._at_work = True
        try:
            if events:
                self.lines.hear(events)
            self.pump()
            self._open_commands()
        finally:
            self._at_work = False
            turn.let_go()

    def schedule_pump(self) -> None:
        """Pump once more in this turn, however much has happened."""
        if not (self._pump_due or self._at_work):
            self._pump_due = True
            self.helm.later(self.pump)

    def pump(self) -> None:
        self._pump_due = False
        while not self.ended and self.replica.has_ready():
            try:
                self._carry_out(self.replica.ready())
            except Error as error:
                self._owner.finish(error)
            except Exception as error:
                log.exception("the replica of node %d failed", self._node_id)
                self._owner.finish(InternalError(f"the replica of node {self._node_id} failed: {error!r}"))

    def _carry_out(self, ready: core_ready.Ready) -> None:
        """One Ready, in the order of its fields."""
        if ready.marker is not None:
            self._marker_file.write(ready.marker)
        if ready.remove_marker:
            self._marker_file.remove()
        if ready.messages:
            self._send(ready.messages)
        if ready.outcomes:
            self._settle(ready.outcomes)
        self._owner.everywhere.advance()
        if ready.events:
            if self.helm.away:
                self.helm.later(self._owner.take_events, ready.events)
            else:
                self._owner.take_events(ready.events)

    def _settle(self, outcomes: Sequence[tuple[int, object]]) -> None:
        """Wake those who wait."""
        alarm = self.alarm
        alarm.held = True
        try:
            ashore = self.proposals.settle(outcomes, away=self.helm.away)
        finally:
            alarm.held = False
            alarm.ring()
        if not self._at_work:  # asyncio has heard them: it looks into the mailbox before it waits again
            self.mailbox.expecting = False
        if ashore:
            self.helm.later(self.proposals.settle, ashore)

    def _send(self, outgoing: Sequence[tuple[int, messages.Message]]) -> None:
        """All messages of a turn; what several nodes are told alike is packed once."""
        assert self.transport is not None
        transport = self.transport
        packed, data = None, b""
        for to, message in outgoing:
            if message != packed:
                packed, data = message, transport.pack([CONSENSUS, messages.to_wire(message)])
            transport.send_packed(to, data, 0 if messages.is_bulk(message) else None, may_drop=True)
        transport.turn.flush()

    def before_waiting(self) -> float | None:
        """The listener's thread is about to wait. Followers hear now of what is committed, if nothing has taken that along
        for a moment.

        Returns:
            For how long it may wait, in s, or None: for ever.
        """
        if self._gather_until is not None:
            if time.monotonic() < self._gather_until:
                return GATHER_S
            self.work(())
        return self._tell_in_time()

    def _tell_in_time(self) -> float | None:
        """For how long followers may still be left without news, in s; tells them, where that is over."""
        replica = self.replica
        if not replica.owes_news():
            return None
        last, now = replica.core.log.last_index, time.monotonic()
        if last != self._news_behind:
            self._news_behind, self._news_at = last, now + NEWS_S
        if now < self._news_at:
            return self._news_at - now
        self._news_at = now + TICK_S  # for those who are not to be told now: they lack more than news
        replica.tell()
        self.work(())
        return TICK_S if replica.owes_news() else None

    def tell_now(self) -> None:
        """Somebody waits for all nodes: a leader does not leave followers without the news."""
        if self.replica.owes_news():
            self.replica.tell()
            self.schedule_pump()
