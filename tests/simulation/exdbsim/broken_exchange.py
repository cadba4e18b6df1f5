"""Rules of the exchange broken on purpose, and mistakes that it once made: what the simulator must find."""

from exdbsql.cluster import exchange_frames as frames
from exdbsql.cluster.exchange import PATIENCE, ExchangeDesk
from exdbsql.cluster.exchange_answers import Answers
from exdbsql.cluster.exchange_operations import Scatter


class DecidesForItself(ExchangeDesk):
    """R11: a target that has lost its origin drops the rows, and asks nobody."""

    def settle_orphans(self) -> None:
        for name in list(self._orphans):
            self._orphans.discard(name)
            if self._prepared.pop(name, None) is not None:
                self._store.finish(name, False)
        super().settle_orphans()


class CancelsWhileItIsDecided(ExchangeDesk):
    """R11: an origin that loses a target cancels the operation, although its verdict is under way."""

    def peer_lost(self, node_id: int) -> None:
        for operation in list(self._own.values()):
            if isinstance(operation, Scatter) and operation._deciding and node_id in operation.nodes:
                for target in operation._targets:
                    self._line.send_bulk(target, frames.frame(frames.CANCEL, operation.name))
        super().peer_lost(node_id)


class TakesWhatComesLate(ExchangeDesk):
    """What a source ships for a gather that has ended is taken for a scatter of that source, and stays prepared."""

    def _is_over(self, name: str) -> bool:
        return False


class ForgetsWhatItAnswered(ExchangeDesk):
    """A node that lost sight of an origin keeps to itself that its answers may be lost."""

    def peer_lost(self, node_id: int) -> None:
        self._answers = Answers(self._line, PATIENCE)
        super().peer_lost(node_id)
