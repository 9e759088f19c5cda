"""What is over is cleared away by what comes after it: a few at a time, oldest first, more than come."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from gatepost.secrets import new_id
from gatepost.store.device_requests import make_device_request
from gatepost.store.grants import SWEEP_AFTER, make_grant
from gatepost.store.question import INSTANCE, SQL, Question, Steps, Store, question
from gatepost.store.revocations import tell
from gatepost.store.sessions import make_session
from gatepost.store.spent import spend

from .test_questions_people import a_session
from .world import NOW, World, act, device_request, new_grant, populate

OLD = 200
MOST = 16
"""How many one write may clear away."""

LONG_AFTER = NOW + SWEEP_AFTER + 90 * 86_400 + OLD


def id_of(number: int) -> bytes:
    """An id that passes by every sweep: some happen at one in eight."""
    return new_id()[:14] + bytes((number % 256, 0))


class Kind(NamedTuple):
    """A table, how a row is written that is over at an instant, and whose rows those are."""

    table: str
    write: Callable[[World, int, int], Question[Any]]
    """Written at the first instant, over at the second one."""
    whose: Callable[[World], bytes]
    only: str = ""
    """Which of the table's rows are meant."""


def a_grant(world: World, at: int, until: int) -> Question[Any]:
    return make_grant(world.org, replace(new_grant(world, id_of(until)), expires_at=until), act(at))


def a_device_request(world: World, at: int, until: int) -> Question[Any]:
    request = device_request(world, f"C{until}")._replace(created_at=at, expires_at=until)
    return make_device_request(request, 5)


KINDS = (
    Kind("grants", a_grant, lambda world: world.org),
    Kind("device_requests", a_device_request, lambda _: INSTANCE),
    Kind(
        "sessions",
        lambda world, at, until: make_session(a_session(world.user, expires_at=until), act(at)),
        lambda _: INSTANCE,
    ),
    Kind(
        "spent",
        lambda _, at, until: spend("link", id_of(until), at, until, at),
        lambda _: INSTANCE,
        "and kind = 'link'",
    ),
    Kind("revocations", lambda world, at, _: tell(world.org, "token", new_id().hex(), at), lambda world: world.org),
)


@question
def ends(kind: Kind, world: World) -> Steps[list[int]]:
    rows = yield SQL(
        f"select expires_at from {kind.table} where org = ? {kind.only} order by expires_at", (kind.whose(world),)
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
async def test_what_is_over_goes_a_few_at_a_time_and_the_oldest_first(store: Store, kind: Kind) -> None:
    world = await populate(store, "acme")
    for number in range(OLD):
        # The last ones written are the first to end, so the order of the rows is not that of their ends.
        await store.ask(kind.write(world, NOW - OLD - 10 + number, NOW + OLD - number))
    before = await store.read(ends(kind, world))
    assert len(before) >= OLD
    for number in range(len(before)):
        await store.ask(kind.write(world, LONG_AFTER + number, LONG_AFTER + 10_000 + number))
        after = await store.read(ends(kind, world))
        gone = len(before) + 1 - len(after)
        assert gone <= MOST
        assert after[:-1] == before[gone:], "those that ended first are gone"
        if after[0] > LONG_AFTER:
            assert number + 1 <= OLD / 8 + 2, "more go than come"
            return
        before = after
    raise AssertionError("some never go")
