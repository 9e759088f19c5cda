"""What the questions about factors promise when nobody interferes: codes of an app, recovery codes, passkeys."""

from gatepost.records import Passkey
from gatepost.store.events import list_events
from gatepost.store.factors import (
    find_totp,
    list_recovery_codes,
    replace_recovery_codes,
    spend_recovery_code,
    spend_totp,
    turn_totp_off,
    turn_totp_on,
)
from gatepost.store.passkeys import find_passkey, keep_passkey, list_passkeys, remove_passkey, use_passkey
from gatepost.store.question import INSTANCE, Store
from gatepost.store.restored import note_restored

from .world import DAY, NOW, act, populate


async def test_the_second_step_is_turned_on_and_off(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert await store.read(find_totp(a.user)) is None
    assert not await store.ask(replace_recovery_codes(a.user, (b"x",), act()))
    assert await store.ask(turn_totp_on(a.user, b"sealed", 7, (b"one", b"two"), act()))
    assert not await store.ask(turn_totp_on(a.user, b"other", 8, (b"three",), act()))
    assert await store.read(find_totp(a.user)) == (b"sealed", 7)
    assert sorted(await store.read(list_recovery_codes(a.user))) == [b"one", b"two"]
    assert await store.read(find_totp(b.user)) is None
    assert await store.ask(turn_totp_off(a.user, act()))
    assert not await store.ask(turn_totp_off(a.user, act()))
    assert await store.read(find_totp(a.user)) is None
    assert await store.read(list_recovery_codes(a.user)) == []
    types = [event.type for event in await store.read(list_events(INSTANCE, 100, type="user"))]
    assert (types.count("user.totp_on"), types.count("user.totp_off")) == (1, 1)


async def test_a_code_uses_up_its_step_and_all_before(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert not await store.ask(spend_totp(a.user, 8, NOW)), "it is off"
    await store.ask(turn_totp_on(a.user, b"sealed", 7, (), act()))
    outcomes = [await store.ask(spend_totp(a.user, step, NOW)) for step in (6, 7, 9, 8, 9, 10)]
    assert outcomes == [False, False, True, False, False, True]
    assert not await store.ask(spend_totp(b.user, 11, NOW))
    await store.ask(note_restored(NOW - DAY, act(NOW + 60)))
    assert not await store.ask(spend_totp(a.user, 11, NOW + 30)), "perhaps it was used after the backup"
    assert await store.ask(spend_totp(a.user, 12, NOW + 60))


async def test_a_recovery_code_is_used_up(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    await store.ask(turn_totp_on(a.user, b"sealed", 7, (b"one", b"two"), act()))
    assert not await store.ask(spend_recovery_code(b.user, b"one", act()))
    assert [await store.ask(spend_recovery_code(a.user, b"one", act())) for _ in range(2)] == [True, False]
    assert await store.ask(replace_recovery_codes(a.user, (b"three",), act()))
    assert await store.read(list_recovery_codes(a.user)) == [b"three"]


def a_passkey(id: bytes, user_id: bytes, sign_count: int = 0) -> Passkey:
    return Passkey(id, user_id, "A phone", b"public", sign_count, NOW, None)


async def test_a_passkey_is_kept_once_and_is_one_persons(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    mine = a_passkey(b"one", a.user)
    assert await store.ask(keep_passkey(mine, act()))
    assert not await store.ask(keep_passkey(a_passkey(b"one", b.user), act()))
    assert await store.read(find_passkey(b"one")) == mine
    assert await store.read(list_passkeys(a.user)) == [mine]
    assert await store.read(list_passkeys(b.user)) == []
    assert not await store.ask(remove_passkey(b.user, b"one", act()))
    assert await store.ask(remove_passkey(a.user, b"one", act()))
    assert await store.read(find_passkey(b"one")) is None


async def test_a_passkey_counts_on(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(keep_passkey(a_passkey(b"counts", a.user, 5), act()))
    await store.ask(keep_passkey(a_passkey(b"never", a.user), act()))
    assert [await store.ask(use_passkey(b"counts", count, act(NOW + 1))) for count in (5, 4, 0, 6, 6, 9)] == [
        *(False, False, False, True, False, True)
    ]
    assert [await store.ask(use_passkey(b"never", 0, act(NOW + 1))) for _ in range(2)] == [True, True]
    assert not await store.ask(use_passkey(b"unknown", 1, act()))
    found = await store.read(find_passkey(b"counts"))
    assert found is not None
    assert (found.sign_count, found.last_used_at) == (9, NOW + 1)
    assert len(await store.read(list_events(INSTANCE, 100, type="request.passkey_refused"))) == 5
