"""Races: many threads, each with its own event loop and its own store, ask the same at once. One of them wins."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gatepost.records import UNTIL_USED, Passkey
from gatepost.secrets import new_id
from gatepost.store.apps import Saved, find_app, list_redirect_uris, make_app, save_pair
from gatepost.store.device_requests import (
    SLACK,
    SLOWER,
    answer_device_request,
    find_device_request,
    make_device_request,
    note_poll,
    redeem_device_request,
)
from gatepost.store.events import list_events
from gatepost.store.factors import list_recovery_codes, spend_recovery_code, spend_totp, turn_totp_on
from gatepost.store.grants import Gone, Replayed, Retried, Rotated, find_grant, list_grants, make_grant, rotate
from gatepost.store.invitations import accept_invitation
from gatepost.store.orgs import claim_name, find_org, find_owner, give_auth_token, make_org
from gatepost.store.outbox import claim_letters, give_up_letter, put_letter
from gatepost.store.passkeys import keep_passkey, use_passkey
from gatepost.store.people import list_organizations_of, make_member
from gatepost.store.question import Question, Store
from gatepost.store.recovery import reset_password, sign_up
from gatepost.store.revocations import list_revocations, newest_revocation, revoke_grant, tell
from gatepost.store.sessions import list_sessions, make_session
from gatepost.store.signing_keys import list_signing_keys, make_first_keys, rotate_keys
from gatepost.store.spent import spend
from gatepost.store.trusted_issuers import Identity, redeem_assertion

from .conftest import Database
from .test_questions_people import a_session
from .world import EPOCH, NOW, a_letter, act, app, device_request, new_grant, populate

THREADS = 10

Ask = Question[Any]


async def race(database: Database, asks: Sequence[Ask], threads: int = THREADS) -> list[Any]:
    """The outcomes of all asks, shared out among threads that begin at one signal, each with a store of its own."""
    begin = threading.Barrier(threads)
    shares = [asks[start::threads] for start in range(threads)]

    async def contend(store: Store, share: Sequence[Ask]) -> list[Any]:
        return await asyncio.gather(*map(store.ask, share))

    def compete(share: Sequence[Ask]) -> list[Any]:
        store = database.connect()
        try:
            begin.wait(10)
            return asyncio.run(contend(store, share))
        finally:
            store.close()

    def start() -> list[Any]:
        with ThreadPoolExecutor(threads) as pool:
            return [outcome for outcomes in pool.map(compete, shares) for outcome in outcomes]

    return await asyncio.to_thread(start)


async def test_fifty_refreshes_with_one_token_step_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    outcomes = await race(database, [rotate(a.org, a.grant, 1, UNTIL_USED, act())] * 50)
    assert Counter(map(repr, outcomes)) == {repr(Rotated(2)): 1, repr(Retried(2)): 49}
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert (grant.generation, grant.uses, grant.revoked_at) == (2, 50, None)
    assert len(await store.read(list_events(a.org, 100, type="grant.first_used"))) == 1


async def test_one_of_many_spends_an_assertion(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    identity, once = Identity(a.issuer, "ann", a.user), (new_id(), NOW, NOW + 60)
    grants = [new_grant(a, new_id()) for _ in range(20)]
    outcomes = await race(database, [redeem_assertion(a.org, identity, once, each, act()) for each in grants])
    assert Counter(outcomes) == {True: 1, False: 19}
    made = [grant for grant in grants if await store.read(find_grant(a.org, grant.id))]
    assert len(made) == 1


async def test_many_replays_revoke_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    for generation in (1, 2):
        await store.ask(rotate(a.org, a.grant, generation, UNTIL_USED, act()))
    outcomes = await race(database, [rotate(a.org, a.grant, 1, UNTIL_USED, act())] * 20)
    assert Counter(type(outcome) for outcome in outcomes) == {Replayed: 1, Gone: 19}
    assert len(await store.read(list_events(a.org, 100, type="grant.replayed"))) == 1


async def test_a_revocation_during_refreshes_is_final(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    asks: list[Ask] = [rotate(a.org, a.grant, 1, UNTIL_USED, act())] * 30
    asks[15:15] = [revoke_grant(a.org, a.grant, act())] * 2
    outcomes = await race(database, asks)
    assert len([outcome for outcome in outcomes if type(outcome) is bytes and outcome]) == 1
    assert {type(outcome) for outcome in outcomes} <= {bytes, Rotated, Retried, Gone}
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert grant.revoked_at == NOW
    for generation in (1, 2, 3):
        assert await store.ask(rotate(a.org, a.grant, generation, UNTIL_USED, act())) == Gone()


async def test_one_of_two_grants_with_one_id_is_made(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    id = new_id()
    outcomes = await race(database, [make_grant(a.org, new_grant(a, id), act())] * 20)
    assert Counter(outcomes) == {True: 1, False: 19}
    assert [grant.id for grant in await store.read(list_grants(a.org))].count(id) == 1


async def test_of_many_polls_one_becomes_the_grant(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    id, request = new_id(), device_request(a)
    await store.ask(make_device_request(request, 5))
    outcomes = await race(database, [redeem_device_request(a.org, request, new_grant(a, id), act())] * 20)
    assert Counter(outcomes) == {True: 1, False: 19}
    grant = await store.read(find_grant(a.org, id))
    assert grant is not None
    assert grant.revoked_at is None
    assert await store.read(find_device_request(request.user_code)) is None


async def test_a_device_gets_one_answer(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    await store.ask(make_device_request(request, 5))
    asks: list[Ask] = [
        answer_device_request(a.org, request, state, approval, act())
        for state, approval in (("approved", "{}"), ("denied", None)) * 10
    ]
    outcomes = await race(database, asks)
    assert Counter(outcomes) == {True: 1, False: 19}
    told = [event.type for event in await store.read(list_events(a.org, 100, type="grant"))]
    assert len([type for type in told if type.startswith("grant.device_")]) == 1


async def test_of_polls_at_once_one_was_in_time(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    await store.ask(make_device_request(request, 5))
    assert Counter(await race(database, [note_poll(request, NOW)] * 20)) == {True: 1, False: 19}
    assert await store.ask(note_poll(request, NOW + 5 + 19 * SLOWER - SLACK - 1)) is False
    assert await store.ask(note_poll(request, NOW + 10_000)) is True


async def test_a_user_code_has_one_device(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    asks: list[Ask] = [make_device_request(device_request(a)._replace(scope=str(n)), 5) for n in range(20)]
    assert Counter(await race(database, asks)) == {True: 1, False: 19}


async def test_first_calls_at_once_give_one_auth_token(database: Database, store: Store) -> None:
    org = new_id()
    await store.ask(make_org(org, "Acme", EPOCH, act()))
    outcomes = await race(database, [give_auth_token(org, f"candidate{number:05}", act()) for number in range(20)])
    kept = await store.read(find_org(org))
    assert kept is not None
    assert set(outcomes) == {kept.auth_token}
    assert await store.read(find_owner("auth_token", outcomes[0])) == org


async def test_parallel_saves_make_one_app_and_lose_no_uri(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    uris = [f"https://a.example/{number}" for number in range(10)] * 2
    outcomes = await race(database, [save_pair(app(a.org, "fresh"), uri, EPOCH, act()) for uri in uris])
    assert Counter(outcome.app_is_new for outcome in outcomes) == {True: 1, False: 19}
    assert Counter(outcome.uri_is_new for outcome in outcomes) == {True: 10, False: 10}
    assert len(await store.read(list_redirect_uris(a.org, "fresh"))) == 10


async def test_parallel_makes_make_one_app(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    outcomes = await race(database, [make_app(app(a.org, "fresh"), ("https://a.example/",), EPOCH, act())] * 20)
    assert Counter(map(repr, outcomes)) == {repr(Saved(True, True)): 1, repr(Saved(False, False)): 19}


async def test_a_client_id_has_one_owner(database: Database, store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    asks: list[Ask] = [make_app(app(world.org, "fresh"), (), EPOCH, act()) for world in (a, b)] * 10
    outcomes = await race(database, asks)
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"Saved": 10, "Taken": 10}
    owner = await store.read(find_owner("client_id", "fresh"))
    assert owner in (a.org, b.org)
    assert [world.org for world in (a, b) if await store.read(find_app(world.org, "fresh"))] == [owner]


async def test_a_name_has_one_owner(database: Database) -> None:
    orgs = [new_id() for _ in range(20)]
    outcomes = await race(database, [claim_name("client_id", "fresh", org) for org in orgs])
    assert len(set(outcomes)) == 1
    assert outcomes[0] in orgs


async def test_an_email_makes_one_person(database: Database, store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    asks: list[Ask] = [
        make_member(world.org, new_id(), "eve@example.com", None, "member", EPOCH, act()) for world in (a, b) * 10
    ]
    outcomes = await race(database, asks)
    assert len({user for user, _ in outcomes}) == 1
    assert [is_new for _, is_new in outcomes].count(True) == 1
    joined = [org for org, _ in await store.read(list_organizations_of(outcomes[0][0]))]
    assert sorted(joined) == sorted((a.org, b.org))


async def test_an_id_is_spent_once(database: Database) -> None:
    outcomes = await race(database, [spend("jti", b"once", NOW, NOW + 60, NOW)] * 20)
    assert Counter(outcomes) == {True: 1, False: 19}


async def test_a_letter_is_claimed_once(database: Database, store: Store) -> None:
    letters = [a_letter() for _ in range(30)]
    for letter in letters:
        await store.ask(put_letter(letter))
    claimed = [each for batch in await race(database, [claim_letters("mail", NOW, 60, 4)] * 20) for each in batch]
    assert sorted(each.id for each in claimed) == [each.id for each in letters]


async def test_a_letter_is_given_up_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    letter = a_letter()
    await store.ask(put_letter(letter))
    assert Counter(await race(database, [give_up_letter(a.org, letter, act(), "{}")] * 10)) == {True: 1, False: 9}
    assert len(await store.read(list_events(a.org, 100, type="delivery.given_up"))) == 1


async def test_a_code_of_the_second_step_is_good_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    begun = await race(database, [turn_totp_on(a.user, bytes([n]), 7, (bytes([n]),), act()) for n in range(10)])
    assert Counter(begun) == {True: 1, False: 9}
    assert Counter(await race(database, [spend_totp(a.user, 8, NOW)] * 20)) == {True: 1, False: 19}
    (code_hash,) = await store.read(list_recovery_codes(a.user))
    assert Counter(await race(database, [spend_recovery_code(a.user, code_hash, act())] * 20)) == {True: 1, False: 19}


async def test_a_count_of_a_passkey_is_good_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    passkey = Passkey(b"one", a.user, "A phone", b"public", 5, NOW, None)
    assert Counter(await race(database, [keep_passkey(passkey, act())] * 10)) == {True: 1, False: 9}
    assert Counter(await race(database, [use_passkey(b"one", 6, act())] * 20)) == {True: 1, False: 19}


async def test_an_invitation_is_accepted_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    asks: list[Ask] = [accept_invitation(a.org, a.invitation, new_id(), str(n), EPOCH, act()) for n in range(20)]
    outcomes = await race(database, asks)
    assert [outcome is None for outcome in outcomes].count(False) == 1


async def test_a_mailed_link_is_good_once(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    resets: list[Ask] = [reset_password(a.user, str(n), b"link", NOW, NOW + 60, act()) for n in range(20)]
    assert Counter(await race(database, resets)) == {True: 1, False: 19}
    asks: list[Ask] = [
        sign_up((new_id(), "Eve"), (new_id(), "eve@new.example", "hash"), EPOCH, (b"up", NOW, NOW + 60), act())
        for _ in range(20)
    ]
    assert [outcome is None for outcome in await race(database, asks)].count(False) == 1


async def test_nobody_is_signed_in_by_what_a_reset_ended(database: Database, store: Store) -> None:
    """Sign-ins that looked at the old password come to their end before the reset, which ends them, or not at all."""
    a = await populate(store, "acme")
    asks: list[Ask] = [make_session(a_session(a.user), act()) for _ in range(20)]
    asks.insert(10, reset_password(a.user, "new", b"link", NOW, NOW + 60, act()))
    assert True in await race(database, asks)
    assert await store.read(list_sessions(a.user, NOW)) == []


async def test_keys_rotate_once(database: Database, store: Store) -> None:
    await store.ask(make_first_keys(("one", b"1"), ("two", b"2"), act()))
    asks: list[Ask] = [rotate_keys("two", (f"new{number}", b"n"), NOW + 60, act()) for number in range(10)]
    assert Counter(await race(database, asks)) == {True: 1, False: 9}
    states = Counter(key.state for key in await store.read(list_signing_keys()))
    assert states == {"retired": 1, "active": 1, "next": 1}


async def test_an_instance_gets_its_first_keys_once(database: Database, store: Store) -> None:
    asks: list[Ask] = [make_first_keys((f"a{n}", b"1"), (f"n{n}", b"2"), act()) for n in range(10)]
    assert Counter(await race(database, asks)) == {True: 1, False: 9}
    assert Counter(key.state for key in await store.read(list_signing_keys())) == {"active": 1, "next": 1}


async def test_a_reader_of_the_feed_misses_nothing_that_is_told_meanwhile(database: Database, store: Store) -> None:
    """Whatever the order of the commits, no line becomes visible behind a number that was visible before it."""
    a = await populate(store, "acme")
    last = await store.read(newest_revocation())
    targets = [f"gnt_{number}" for number in range(300)]
    telling = asyncio.create_task(race(database, [tell(a.org, "grant", target, NOW) for target in targets]))
    read: list[str] = []
    is_over = False
    while not is_over:
        is_over = telling.done()
        lines = await store.read(list_revocations(last, 1000))
        read += [line.target for line in lines]
        last = lines[-1].seq if lines else last
        await asyncio.sleep(0)
    await telling
    assert sorted(read) == sorted(targets)
