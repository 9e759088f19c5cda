"""When the parts of a request are due: each part that does not come in one piece with the one before has time of its own."""

import asyncio
import math
from types import SimpleNamespace

import pytest

from gatepost.web import connection
from gatepost.web.connection import BODY_SECONDS, HEAD_SECONDS, KEEP_ALIVE_SECONDS, Connection

from .world import World

HEAD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False


class Hands:
    """The hands of a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(connection, "time", hands)
    return hands


@pytest.fixture
def line(world: World, hands: Hands) -> Connection:
    state = SimpleNamespace(connections=set(), default_headers=[])
    made = Connection(SimpleNamespace(app=world.app), state, {})
    made.connection_made(Wire())
    return made


def due_in(line: Connection, hands: Hands) -> float:
    return line._due_at - hands.now if line._due_at else math.inf


def test_the_first_byte_is_due_as_soon_as_a_head(line: Connection, hands: Hands) -> None:
    assert due_in(line, hands) == HEAD_SECONDS


def test_more_of_the_same_part_brings_no_more_time(line: Connection, hands: Hands) -> None:
    line.data_received(HEAD[:10])
    hands.now += 3
    line.data_received(HEAD[10:])
    assert due_in(line, hands) == HEAD_SECONDS - 3


def test_an_answered_connection_may_rest(line: Connection, hands: Hands) -> None:
    line.data_received(HEAD + b"\r\n")
    assert due_in(line, hands) == KEEP_ALIVE_SECONDS


def test_a_body_that_is_missing_is_due(line: Connection, hands: Hands) -> None:
    line.data_received(POST[:20])
    hands.now += 3
    line.data_received(POST[20:])
    assert due_in(line, hands) == BODY_SECONDS
    hands.now += 3
    line.data_received(b"12345")
    assert due_in(line, hands) == BODY_SECONDS - 3


def test_a_head_behind_an_answer_has_its_own_time(line: Connection, hands: Hands) -> None:
    line.data_received(HEAD)
    hands.now += 3
    line.data_received(b"\r\n" + HEAD)
    assert due_in(line, hands) == HEAD_SECONDS
