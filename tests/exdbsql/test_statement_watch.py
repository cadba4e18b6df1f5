"""The thread that looks at running statements: what it remembers of them."""

import weakref

from exdbsql.cancellation import Cancellation
from exdbsql.statement_watch import Limits, StatementWatch


class Running(Cancellation):
    """One that may be referred to weakly."""


def test_a_session_that_is_gone_is_forgotten_while_others_are_watched() -> None:
    watch = StatementWatch()  # without its thread, which would do the same at some time
    limits = Limits(timeout_s=1000)
    stays, goes = Running(), Running()
    goes.thread = 1  # the last that is seen of it is a statement
    reference = weakref.ref(goes)
    watch._look([(stays, limits), (goes, limits)])
    del goes
    assert reference() is not None
    watch._look([(stays, limits)])
    assert reference() is None
