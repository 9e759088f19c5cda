"""What the questions about people at browsers promise when nobody interferes: sessions, consent, words of scopes."""

from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.records import Consent, Session, User
from gatepost.secrets import new_id, render_id
from gatepost.store.apps import set_app_disabled
from gatepost.store.consents import end_connection, find_consent, give_consent, list_consents, take_back_consents
from gatepost.store.events import list_events
from gatepost.store.grants import Gone, Made, Replayed, find_grant, make_grant, redeem
from gatepost.store.orgs import set_org_disabled
from gatepost.store.outbox import claim_letters
from gatepost.store.people import (
    bring_people,
    find_member,
    find_password_hash,
    find_user,
    list_memberships,
    replace_password_hash,
    replace_profile,
    set_password,
    set_user_disabled,
)
from gatepost.store.question import INSTANCE, Store
from gatepost.store.revocations import (
    is_token_revoked,
    revoke_app_grants,
    revoke_org_grants,
    revoke_token,
    tell,
)
from gatepost.store.scope_texts import find_scope_texts, set_scope_text
from gatepost.store.sessions import (
    SESSION_ENDED,
    change_password,
    end_session,
    end_sessions,
    find_session,
    list_apps_of_session,
    list_sessions,
    make_session,
    renew_session,
    touch_session,
)

from .world import DAY, EPOCH, NOW, World, act, dump, new_grant, populate


def a_session(user: bytes, **changes: Any) -> Session:
    session = Session(
        id=new_id(),
        user_id=user,
        salt=b"s" * 16,
        generation=1,
        rotated_at=NOW,
        created_at=NOW,
        last_seen_at=NOW,
        expires_at=NOW + DAY,
        auth_time=NOW,
        amr="pwd",
        address="192.0.2.1",
        agent="A browser",
        ended_at=None,
        email="",
        name=None,
        user_disabled_at=None,
    )
    return session._replace(**changes)


async def sign_in(store: Store, world: World, **changes: Any) -> Session:
    session = a_session(world.user, **changes)
    await store.ask(make_session(session, act()))
    return session._replace(email=world.email)


async def test_a_session_is_found_with_its_person(store: Store) -> None:
    a = await populate(store, "acme")
    session = await sign_in(store, a)
    assert await store.read(find_session(session.id)) == session
    assert await store.read(find_session(new_id())) is None
    await store.ask(set_user_disabled(a.user, True, act(NOW + 5)))
    found = await store.read(find_session(session.id))
    assert found is not None
    assert found.user_disabled_at == NOW + 5


async def test_sessions_are_listed_while_they_live(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    old, ended, live = [await sign_in(store, a, expires_at=NOW + seconds) for seconds in (5, DAY, DAY)]
    await sign_in(store, b)
    await store.ask(end_session(ended.id, act()))
    assert [each.id for each in await store.read(list_sessions(a.user, NOW))] == [live.id, old.id]
    assert [each.id for each in await store.read(list_sessions(a.user, NOW + 5))] == [live.id]


async def test_a_new_session_clears_expired_ones_away(store: Store) -> None:
    a = await populate(store, "acme")
    old = await sign_in(store, a, expires_at=NOW - 1)
    await sign_in(store, a)
    assert await store.read(find_session(old.id)) is None


async def test_a_session_moves_on_once(store: Store) -> None:
    a = await populate(store, "acme")
    session = await sign_in(store, a)
    assert await store.ask(touch_session(session.id, 1, NOW + 60, rotate=False))
    assert await store.ask(touch_session(session.id, 1, NOW + 899, rotate=False))
    assert await store.ask(touch_session(session.id, 1, NOW + 900, rotate=True))
    assert not await store.ask(touch_session(session.id, 1, NOW + 901, rotate=True))
    moved = await store.read(find_session(session.id))
    assert moved is not None
    assert (moved.generation, moved.rotated_at, moved.last_seen_at) == (2, NOW + 900, NOW + 900)
    assert moved.longest_rest == 839
    await store.ask(end_session(session.id, act()))
    assert not await store.ask(touch_session(session.id, 2, NOW + 902, rotate=True))


async def test_a_session_goes_on_with_another_salt(store: Store) -> None:
    a = await populate(store, "acme")
    session = await sign_in(store, a)
    surer = session._replace(salt=b"t" * 16, amr="pwd otp mfa", auth_time=NOW + 5, expires_at=NOW + 2 * DAY)
    assert await store.ask(renew_session(surer, act(NOW + 5))) == 2
    found = await store.read(find_session(session.id))
    assert found == surer._replace(generation=2, rotated_at=NOW + 5, last_seen_at=NOW + 5)
    await store.ask(end_session(session.id, act()))
    assert await store.ask(renew_session(surer, act(NOW + 6))) == 0


async def test_the_end_of_a_session_ends_the_grants_that_hang_on_it(store: Store) -> None:
    a = await populate(store, "acme")
    session = await sign_in(store, a)
    online, offline = (
        replace(new_grant(a, new_id()), session_id=session.id, ends_with_session=ends) for ends in (True, False)
    )
    for new in (online, offline):
        assert await store.ask(make_grant(a.org, new, act()))
    assert await store.read(list_apps_of_session(session.id)) == [(a.org, a.client_id, a.user)]
    assert await store.ask(end_session(session.id, act(NOW + 1))) == [(a.org, a.client_id)]
    [letter] = await store.ask(claim_letters(SESSION_ENDED, NOW + 1, 60, 10))
    assert (letter.kind, letter.target) == (SESSION_ENDED, render_id("ses", session.id))
    ended, lives = [await store.read(find_grant(a.org, new.id)) for new in (online, offline)]
    assert ended is not None
    assert lives is not None
    assert (ended.revoked_at, lives.revoked_at) == (NOW + 1, None)
    assert await store.ask(end_session(session.id, act(NOW + 2))) == []
    assert await store.ask(claim_letters(SESSION_ENDED, NOW + 2, 60, 10)) == []
    again = replace(new_grant(a, new_id()), session_id=session.id)
    assert not await store.ask(make_grant(a.org, again, act())), "nothing more comes of a session that ended"
    types = [event.type for event in await store.read(list_events(INSTANCE, 100))]
    assert types.count("request.signed_in") == types.count("request.signed_out") == 1


async def test_all_sessions_of_a_person_end_but_one(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    kept, ended = [await sign_in(store, a) for _ in range(2)]
    others = await sign_in(store, b)
    new = replace(new_grant(a, new_id()), session_id=ended.id, ends_with_session=True)
    assert await store.ask(make_grant(a.org, new, act()))
    await store.ask(end_sessions(a.user, kept.id, act(NOW + 1)))
    found = [await store.read(find_session(each.id)) for each in (kept, ended, others)]
    assert [each and each.ended_at for each in found] == [None, NOW + 1, None]
    grant = await store.read(find_grant(a.org, new.id))
    assert grant is not None
    assert grant.revoked_at == NOW + 1
    await store.ask(end_sessions(a.user, b"", act(NOW + 2)))
    assert await store.read(list_sessions(a.user, NOW)) == []


async def test_a_new_password_ends_the_other_sessions(store: Store) -> None:
    a = await populate(store, "acme")
    kept, _ = [await sign_in(store, a) for _ in range(2)]
    await store.ask(change_password(a.user, "a new hash", kept.id, act(NOW + 1)))
    assert await store.read(find_password_hash(a.user)) == "a new hash"
    assert [each.id for each in await store.read(list_sessions(a.user, NOW))] == [kept.id]


async def test_an_approval_becomes_one_grant(store: Store) -> None:
    a = await populate(store, "acme")
    new = new_grant(a, new_id())
    assert await store.ask(redeem(a.org, new, NOW, act())) == Made()
    replayed = await store.ask(redeem(a.org, new, NOW, act(NOW + 1)))
    assert isinstance(replayed, Replayed)
    grant = await store.read(find_grant(a.org, new.id))
    assert grant is not None
    assert grant.revoked_at == NOW + 1
    assert await store.ask(redeem(a.org, new, NOW, act(NOW + 2))) == Gone()
    events = await store.read(list_events(a.org, 100, type="grant.replayed"))
    assert [event.id for event in events] == [replayed.event]


async def test_nothing_becomes_of_an_approval_by_somebody_disabled(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(set_user_disabled(a.user, True, act()))
    assert await store.ask(redeem(a.org, new_grant(a, new_id()), NOW, act())) == Gone()


async def test_a_grant_for_another_organizations_app_stands_on_both(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    new = replace(new_grant(a, new_id(), key=False, resource=False), client_id=b.client_id, app_org=b.org)
    assert await store.ask(make_grant(a.org, new, act()))
    grant = await store.read(find_grant(a.org, new.id))
    assert grant is not None
    assert (grant.app_org, grant.app_disabled_at) == (b.org, None)
    await store.ask(set_org_disabled(b.org, True, act(NOW + 1)))
    grant = await store.read(find_grant(a.org, new.id))
    assert grant is not None
    assert (grant.org_disabled_at, grant.app_disabled_at) == (None, NOW + 1)


async def test_what_needs_a_consent_is_not_made_once_that_was_taken_back(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    for world in (a, b):
        consent = Consent(world.org, world.user, world.client_id, "read", b"d" * 32, NOW)
        assert await store.ask(give_consent(world.org, consent, world.org, NOW, NOW + 60, act()))
    first, second = (replace(new_grant(a, new_id()), needs_consent=True) for _ in range(2))
    assert await store.ask(redeem(a.org, first, NOW, act())) == Made()
    await store.ask(end_connection(a.org, a.user, a.client_id, act()))
    assert await store.ask(redeem(a.org, second, NOW, act())) == Gone()
    assert await store.read(find_grant(a.org, second.id)) is None
    assert await store.ask(redeem(a.org, replace(second, needs_consent=False), NOW, act())) == Made()


def consent_of(world: World, scope: str = "read", digest: bytes = b"d" * 32) -> Consent:
    return Consent(world.org, world.user, "fresh", scope, digest, NOW)


async def test_a_consent_is_given_once_for_each_flow(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(give_consent(a.org, consent_of(a), b"flow one", NOW, NOW + 60, act()))
    assert not await store.ask(give_consent(a.org, consent_of(a, "write"), b"flow one", NOW, NOW + 60, act()))
    assert await store.read(find_consent(a.org, a.user, "fresh")) == consent_of(a)


async def test_a_consent_widens_on_the_same_terms_and_starts_anew_on_others(store: Store) -> None:
    a = await populate(store, "acme")
    for flow, (scope, digest, kept) in enumerate(
        [("read", b"d" * 32, "read"), ("write", b"d" * 32, "read write"), ("write", b"e" * 32, "write")]
    ):
        await store.ask(give_consent(a.org, consent_of(a, scope, digest), bytes([flow]), NOW, NOW + 60, act()))
        found = await store.read(find_consent(a.org, a.user, "fresh"))
        assert found is not None
        assert (found.scope, found.digest) == (kept, digest)


async def test_what_is_disconnected_is_gone_with_its_grants(store: Store) -> None:
    a = await populate(store, "acme")
    ours, others = new_grant(a, new_id()), new_grant(a, new_id(), user=False)
    for new in (ours, others):
        assert await store.ask(make_grant(a.org, new, act()))
    given = consent_of(a)._replace(client_id=a.client_id)
    await store.ask(give_consent(a.org, given, b"flow", NOW, NOW + 60, act()))
    assert await store.read(list_consents(a.org, a.user)) == [given]
    assert await store.ask(end_connection(a.org, a.user, a.client_id, act(NOW + 1))) == 2
    assert await store.read(list_consents(a.org, a.user)) == []
    ended, lives = [await store.read(find_grant(a.org, new.id)) for new in (ours, others)]
    assert ended is not None
    assert lives is not None
    assert (ended.revoked_at, lives.revoked_at) == (NOW + 1, None)
    assert await store.ask(end_connection(a.org, a.user, a.client_id, act(NOW + 2))) == 0


@pytest.mark.parametrize("of_one", [True, False])
async def test_what_an_app_was_let_do_is_taken_back_from_it(store: Store, of_one: bool) -> None:
    a = await populate(store, "acme")
    given = [
        consent_of(a)._replace(user_id=user, client_id=app) for user in (a.user, new_id()) for app in ("one", "two")
    ]
    for consent in given:
        await store.ask(give_consent(a.org, consent, new_id(), NOW, NOW + 60, act()))
    await store.ask(take_back_consents(a.org, "one", a.user if of_one else None))
    left = [await store.read(find_consent(a.org, each.user_id, each.client_id)) for each in given]
    assert left == [None, given[1], given[2] if of_one else None, given[3]]


async def test_scopes_have_words(store: Store) -> None:
    a = await populate(store, "acme")
    before = await store.read(find_scope_texts(a.org))
    await store.ask(set_scope_text(a.org, "agents:read", "en", "See your agents", act()))
    await store.ask(set_scope_text(a.org, "agents:read", "ar", "عرض الوكلاء", act()))
    await store.ask(set_scope_text(a.org, "agents:read", "en", "See agents", act()))
    assert await store.read(find_scope_texts(a.org)) == before | {
        "agents:read": {"ar": "عرض الوكلاء", "en": "See agents"}
    }
    for locale in ("en", "ar"):
        await store.ask(set_scope_text(a.org, "agents:read", locale, "", act()))
    assert await store.read(find_scope_texts(a.org)) == before


async def test_a_person_knows_where_they_belong(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.read(list_memberships(a.user)) == [(a.org, "acme", None)]
    await store.ask(set_org_disabled(a.org, True, act(NOW + 1)))
    assert await store.read(list_memberships(a.user)) == [(a.org, "acme", NOW + 1)]
    assert await store.read(list_memberships(new_id())) == []


async def test_a_password_hash_is_found(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.read(find_password_hash(a.user)) is None
    await store.ask(set_password(a.user, "a hash", act()))
    assert await store.read(find_password_hash(a.user)) == "a hash"
    assert await store.read(find_password_hash(new_id())) is None


async def test_a_service_token_is_revoked_itself_or_with_its_app(store: Store) -> None:
    a = await populate(store, "acme")

    async def is_revoked(jti: str, issued_at: int = NOW) -> bool:
        return await store.read(is_token_revoked(a.org, ((jti, a.client_id),), issued_at))

    assert not await is_revoked("one")
    await store.ask(revoke_token(a.org, "one", act(NOW + 1)))
    assert (await is_revoked("one"), await is_revoked("two")) == (True, False)
    await store.ask(revoke_app_grants(a.org, a.client_id, act(NOW + 5)))
    assert await is_revoked("two", NOW + 5)
    assert not await is_revoked("two", NOW + 6), "issued after that"
    await store.ask(revoke_org_grants(a.org, act(NOW + 9)))
    assert await is_revoked("two", NOW + 9)


async def test_a_token_is_revoked_with_any_that_it_came_from(store: Store) -> None:
    a = await populate(store, "acme")

    async def is_revoked() -> bool:
        return await store.read(is_token_revoked(a.org, (("three", "c"), ("two", "b"), ("one", "a")), NOW))

    await store.ask(revoke_token(a.org, "four", act()))
    assert not await is_revoked()
    await store.ask(revoke_token(a.org, "one", act()))
    assert await is_revoked()


async def test_a_service_token_outlives_that_its_app_was_disabled_for_a_while(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(set_app_disabled(a.org, a.client_id, True, act()))
    await store.ask(set_org_disabled(a.org, True, act()))
    assert not await store.read(is_token_revoked(a.org, (("one", a.client_id),), NOW))


async def test_verifiers_are_told(store: Store) -> None:
    a = await populate(store, "acme")
    before = len((await store.read(dump(a.org)))["revocations"])
    await store.ask(tell(a.org, "grant", "gnt_1", NOW))
    lines = (await store.read(dump(a.org)))["revocations"]
    assert len(lines) == before + 1
    assert ("grant", "gnt_1", NOW) in [line[2:5] for line in lines]


async def test_people_are_brought_and_those_who_are_known_keep_what_they_have(store: Store) -> None:
    a = await populate(store, "acme")
    new = User(new_id(), "new@acme.example", NOW + 5, NOW, "New", NOW, '{"locale":"de"}')
    known = await store.read(find_user(a.user))
    assert known is not None
    again = User(new_id(), known.email, NOW, NOW, "Other", None, '{"locale":"ar"}')
    await store.ask(bring_people(a.org, ((new, "$foreign$hash"), (again, "$foreign$other")), EPOCH, act()))
    assert await store.read(find_user(new.id)) == new
    member = await store.read(find_member(a.org, new.id))
    assert member is not None
    assert member.role == "member"
    assert await store.read(find_user(a.user)) == known


async def test_what_is_said_of_a_person_changes_unless_somebody_was_faster(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    before, other = await store.read(find_user(a.user)), await store.read(find_user(b.user))
    assert before is not None
    named = before._replace(name="Ana", profile='{"nickname":"A","updated_at":5}')
    assert await store.ask(replace_profile(before, named, act(NOW + 5)))
    assert await store.read(find_user(a.user)) == named
    assert await store.read(find_user(b.user)) == other
    for late in (before, named._replace(name=None), named._replace(name="Ann"), named._replace(profile="{}")):
        assert not await store.ask(replace_profile(late, before._replace(name="Eve"), act()))
    assert await store.read(find_user(a.user)) == named
    nobody = before._replace(id=new_id())
    assert not await store.ask(replace_profile(nobody, nobody._replace(name="Eve"), act()))
    told = await store.read(list_events(INSTANCE, 10, user_id=a.user, type="user.profile_changed"))
    assert [(each.at, each.detail) for each in told] == [(NOW + 5, "{}")]


async def test_a_better_hash_is_kept_unless_the_password_changed_meanwhile(store: Store) -> None:
    a = await populate(store, "acme")
    new = User(new_id(), "new@acme.example", None, NOW)
    await store.ask(bring_people(a.org, ((new, "$foreign$hash"),), EPOCH, act()))
    for before, after in (("$foreign$hash", "$better"), ("$foreign$hash", "$late")):
        await store.ask(replace_password_hash(new.id, before, after))
    assert await store.read(find_password_hash(new.id)) == "$better"
