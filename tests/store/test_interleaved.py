"""Guards that do not lean on an engine's isolation: two questions whose statements take turns, each committed alone.

Hardly an engine runs questions so loosely. What holds here holds because the statements' own conditions say who won, and
not because a database happens to let one transaction run at a time.
"""

from collections.abc import Generator
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.records import UNTIL_USED
from gatepost.secrets import new_id
from gatepost.store.apps import save_pair
from gatepost.store.grants import Gone, Made, Retried, Rotated, epoch_of, find_grant, make_grant, redeem, rotate
from gatepost.store.orgs import claim_name, find_org, give_auth_token, make_org
from gatepost.store.outbox import claim_letters, put_letter
from gatepost.store.question import SQL, Question, Row, Steps, Store, question
from gatepost.store.revocations import revoke_app_grants, revoke_grant, revoke_org_grants, revoke_user_grants
from gatepost.store.signing_keys import list_signing_keys, make_first_keys, rotate_keys
from gatepost.store.spent import Spent, spend, spend_for

from .world import EPOCH, NOW, a_letter, act, app, new_grant, populate

SCHEDULES = list(product((0, 1), repeat=5))
"""Whose turn it is for the first statements; then the last of them goes on to its end, and the other follows."""


@question
def one(statement: SQL) -> Steps[list[Row]]:
    return (yield statement)


async def interleave(store: Store, schedule: tuple[int, ...], *questions: Question[Any]) -> list[Any]:
    """The outcomes of two questions run statement by statement in the order of the schedule."""
    running: dict[int, tuple[Generator[SQL, list[Row], Any], list[Row] | None]]
    running = {number: (iter(each), None) for number, each in enumerate(questions)}
    outcomes: list[Any] = [None] * len(questions)
    turns = list(schedule)
    number = schedule[-1]
    while running:
        number = turns.pop(0) if turns else number
        if number not in running:
            number = 1 - number
            continue
        steps, rows = running.pop(number)
        try:
            statement = next(steps) if rows is None else steps.send(rows)
        except StopIteration as stop:
            outcomes[number] = stop.value
            continue
        running[number] = steps, await store.ask(one(statement))
    return outcomes


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "".join(map(str, schedule)))
async def test_one_of_two_wins_in_every_order(store: Store, schedule: tuple[int, ...]) -> None:
    a = await populate(store, "acme")

    refreshes = await interleave(store, schedule, *[rotate(a.org, a.grant, 1, UNTIL_USED, act())] * 2)
    assert sorted(map(repr, refreshes)) == [repr(Retried(2)), repr(Rotated(2))]

    grant = new_id()
    made = await interleave(store, schedule, *[make_grant(a.org, new_grant(a, grant), act())] * 2)
    assert sorted(made) == [False, True]

    assert sorted(await interleave(store, schedule, *[spend("jti", b"once", NOW, NOW + 60, NOW)] * 2)) == [False, True]

    turn = spend_for(rotate(a.org, a.grant, 2, UNTIL_USED, act()), "dpop", b"once", NOW, NOW + 60, NOW)
    assert sorted(map(repr, await interleave(store, schedule, turn, turn))) == [repr(Rotated(3)), repr(Spent())]

    owners = await interleave(store, schedule, claim_name("email", "x", b"one"), claim_name("email", "x", b"two"))
    assert len(set(owners)) == 1

    saved = await interleave(store, schedule, *[save_pair(app(a.org, "fresh"), a.uri, EPOCH, act())] * 2)
    assert sorted(outcome.app_is_new for outcome in saved) == [False, True]

    await store.ask(put_letter(a_letter()))
    assert sorted(map(len, await interleave(store, schedule, *[claim_letters("mail", NOW, 60, 5)] * 2))) == [0, 1]

    told = await interleave(store, schedule, *[revoke_grant(a.org, grant, act())] * 2)
    assert sorted(map(bool, told)) == [False, True]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "".join(map(str, schedule)))
async def test_two_first_calls_answer_one_auth_token_in_every_order(store: Store, schedule: tuple[int, ...]) -> None:
    org = new_id()
    await store.ask(make_org(org, "Acme", EPOCH, act()))
    first, second = give_auth_token(org, "first", act()), give_auth_token(org, "second", act())
    answers = await interleave(store, schedule, first, second)
    kept = await store.read(find_org(org))
    assert kept is not None
    assert set(answers) == {kept.auth_token}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "".join(map(str, schedule)))
async def test_keys_are_made_and_rotate_once_in_every_order(store: Store, schedule: tuple[int, ...]) -> None:
    made = await interleave(
        store, schedule, *[make_first_keys((kid, b"1"), ("two", b"2"), act()) for kid in ("one", "other")]
    )
    assert sorted(made) == [False, True]
    asks = [rotate_keys("two", (kid, b"n"), NOW + 60, act()) for kid in ("three", "four")]
    assert sorted(await interleave(store, schedule, *asks)) == [False, True]
    states = sorted(key.state for key in await store.read(list_signing_keys()))
    assert states == ["active", "next", "retired"]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "".join(map(str, schedule)))
async def test_nothing_approved_before_is_live_after_all_was_revoked(store: Store, schedule: tuple[int, ...]) -> None:
    a = await populate(store, "acme")
    epoch = await store.read(epoch_of(a.org, a.org, a.client_id, a.user))
    ends = (
        revoke_app_grants(a.org, a.client_id, act()),
        revoke_user_grants(a.org, a.user, act()),
        revoke_org_grants(a.org, act()),
    )
    for end in ends:
        new = replace(new_grant(a, new_id(), key=False), epoch=epoch)
        await interleave(store, schedule, redeem(a.org, new, NOW, act()), end)
        grant = await store.read(find_grant(a.org, new.id))
        assert grant is None or not grant.unbroken
        assert await store.ask(redeem(a.org, replace(new, id=new_id()), NOW, act())) == Gone()
        epoch = await store.read(epoch_of(a.org, a.org, a.client_id, a.user))
        assert await store.ask(redeem(a.org, replace(new, id=new_id(), epoch=epoch), NOW, act())) == Made()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "".join(map(str, schedule)))
async def test_a_revocation_is_final_in_every_order(store: Store, schedule: tuple[int, ...]) -> None:
    a = await populate(store, "acme")
    await interleave(store, schedule, rotate(a.org, a.grant, 1, 60, act()), revoke_grant(a.org, a.grant, act()))
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert grant.revoked_at == NOW
