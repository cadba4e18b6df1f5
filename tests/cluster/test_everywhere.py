"""Waiting for all active nodes, where questions and answers may be lost between nodes that stay connected."""

import pytest

from exdbsql.cluster.everywhere import Everywhere
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import ProtocolError


class Line:
    """One node of a network of two that loses what it is told to lose."""

    def __init__(self, node_id: int, position: int, first: int) -> None:
        self.node_id, self.position = node_id, position
        self.everywhere = Everywhere(self, first)
        self.others: dict[int, Line] = {}
        self.loses = False

    def send_control(self, node_id: int, frame: Frame) -> bool:
        if node_id not in self.others:
            return False
        if not self.loses:
            self.others[node_id].everywhere.received(self.node_id, list(frame))
        return True

    def applied(self) -> int:
        return self.position


@pytest.fixture
def pair() -> tuple[Line, Line]:
    one, other = Line(0, 7, 100), Line(1, 5, 200)
    one.others[1], other.others[0] = other, one
    return one, other


def wait(line: Line) -> list[object]:
    settled: list[object] = []
    line.everywhere.wait([1], settled.append)
    return settled


def test_an_answer_comes_when_the_position_is_applied(pair: tuple[Line, Line]) -> None:
    one, other = pair
    settled = wait(one)
    other.everywhere.advance()
    assert settled == []
    other.position = 7
    other.everywhere.advance()
    assert settled == [None]


def test_a_lost_question_and_a_lost_answer_are_made_good(pair: tuple[Line, Line]) -> None:
    one, other = pair
    one.loses = True
    settled = wait(one)
    other.position = 7
    one.loses, other.loses = False, True
    one.everywhere.ask_again()  # this time the answer is lost
    assert settled == []
    other.loses = False
    one.everywhere.ask_again()
    assert settled == [None]
    one.everywhere.ask_again()
    assert settled == [None]


def test_being_asked_again_is_one_question(pair: tuple[Line, Line]) -> None:
    one, other = pair
    settled = wait(one)
    for _ in range(3):
        one.everywhere.ask_again()
    other.position = 7
    other.everywhere.advance()
    assert settled == [None]


def test_an_answer_to_a_former_life_is_none_to_this_one(pair: tuple[Line, Line]) -> None:
    one, other = pair
    wait(one)  # of the former life
    one.everywhere = Everywhere(one, 5000)
    one.position = 9
    settled = wait(one)
    other.position = 7
    other.everywhere.advance()
    assert settled == []
    other.position = 9
    other.everywhere.advance()
    assert settled == [None]


def test_a_lost_node_is_not_waited_for(pair: tuple[Line, Line]) -> None:
    settled = wait(pair[0])
    pair[0].everywhere.peer_lost(1)
    assert settled == [None]


def test_garbage_is_refused(pair: tuple[Line, Line]) -> None:
    with pytest.raises(ProtocolError, match="malformed"):
        pair[0].everywhere.received(1, [15, "x"])
