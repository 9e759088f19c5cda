"""What each question promises when nobody interferes. Races, revocations and isolation have files of their own."""

from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.errors import GatepostError
from gatepost.records import LOAN_SECONDS, MAX_ACCESS_TTL, UNTIL_USED, ApiKey, Org, Resource, Revocation
from gatepost.secrets import new_id
from gatepost.store.apps import (
    Draft,
    Saved,
    Taken,
    add_redirect_uri,
    add_secret,
    delete_app,
    delete_secret,
    find_app,
    find_pair,
    keep_apps,
    list_apps,
    list_redirect_uris,
    list_secrets,
    longest_access_ttl,
    make_app,
    note_secret_used,
    remove_redirect_uri,
    replace_app,
    save_pair,
    set_app_disabled,
)
from gatepost.store.checkup import list_expiring, newest_instant
from gatepost.store.events import list_events, policy_version, record
from gatepost.store.grants import (
    SWEEP_AFTER,
    Gone,
    Replayed,
    Retried,
    Rotated,
    epoch_of,
    find_grant,
    list_grants,
    make_grant,
    rotate,
)
from gatepost.store.keys import find_key, list_keys, make_key
from gatepost.store.migrating import (
    RehearsedError,
    apply_all,
    apply_next,
    list_applied,
    prepare,
    rehearse,
    schema_version,
)
from gatepost.store.migrations import NEWEST
from gatepost.store.orgs import claim_name, find_org, find_owner, give_auth_token, list_orgs, make_org, set_org_disabled
from gatepost.store.people import (
    find_member,
    find_user,
    list_members,
    list_organizations_of,
    make_member,
    set_password,
    set_user_disabled,
)
from gatepost.store.question import INSTANCE, Store
from gatepost.store.resources import delete_resource, is_served_by, list_resources, make_resource
from gatepost.store.restored import note_restored, restored_at
from gatepost.store.revocations import (
    NUMBERS_A_SECOND,
    list_revocations,
    newest_revocation,
    revoke_app_grants,
    revoke_grant,
    revoke_key,
    revoke_org_grants,
    revoke_user_grants,
)
from gatepost.store.signing_keys import list_signing_keys, make_first_keys, rotate_keys
from gatepost.store.spent import Spent, spend, spend_for

from .conftest import Database
from .world import DAY, EPOCH, NOW, act, app, dump, key, new_grant, populate, secret

NOBODY = bytes(range(16))


async def events_of(store: Store, org: bytes) -> list[str]:
    return [event.type for event in await store.read(list_events(org, 1000))]


# Organizations and names


async def test_organizations(store: Store) -> None:
    first, second = new_id(), new_id()
    made = await store.ask(make_org(first, "Acme", EPOCH, act()))
    assert made == Org(first, "Acme", None, None, NOW) == await store.read(find_org(first))
    await store.ask(make_org(second, "Acme", EPOCH, act()))
    assert [org.id for org in await store.read(list_orgs())] == [first, second]
    assert [org.id for org in await store.read(list_orgs(after=first))] == [second]
    assert [org.id for org in await store.read(list_orgs(limit=1))] == [first]
    assert await store.read(find_org(NOBODY)) is None


async def test_an_organization_is_disabled_and_enabled(store: Store) -> None:
    org = new_id()
    await store.ask(make_org(org, "Acme", EPOCH, act()))
    assert await store.ask(set_org_disabled(org, True, act(NOW + 5)))
    disabled = await store.read(find_org(org))
    assert disabled is not None
    assert disabled.disabled_at == NOW + 5
    assert await store.ask(set_org_disabled(org, False, act()))
    enabled = await store.read(find_org(org))
    assert enabled is not None
    assert enabled.disabled_at is None
    assert not await store.ask(set_org_disabled(NOBODY, True, act()))
    assert await events_of(store, org) == ["org.made", "org.disabled", "org.enabled"]
    assert await events_of(store, NOBODY) == []


async def test_the_first_auth_token_stays(store: Store) -> None:
    org, other = new_id(), new_id()
    for each in (org, other):
        await store.ask(make_org(each, "Acme", EPOCH, act()))
    assert await store.ask(give_auth_token(org, "first", act())) == "first"
    assert await store.ask(give_auth_token(org, "second", act())) == "first"
    assert await store.ask(give_auth_token(other, "first", act())) is None
    assert await store.ask(give_auth_token(NOBODY, "third", act())) is None
    assert await store.read(find_owner("auth_token", "first")) == org
    assert await store.read(find_owner("auth_token", "third")) is None
    assert (await events_of(store, org)).count("org.auth_token_made") == 1


async def test_a_name_is_never_given_back(store: Store) -> None:
    assert await store.ask(claim_name("client_id", "it", b"one")) == b"one"
    assert await store.ask(claim_name("client_id", "it", b"two")) == b"one"
    assert await store.ask(claim_name("email", "it", b"two")) == b"two"
    assert await store.read(find_owner("client_id", "it")) == b"one"
    assert await store.read(find_owner("client_id", "IT")) is None


# API keys


async def test_keys(store: Store) -> None:
    a = await populate(store, "acme")
    id = new_id()
    made = ApiKey(a.org, id, "Second", "apps:read", b"h" * 32, 2, NOW + 1, NOW + 9, None, None)
    await store.ask(make_key(made, EPOCH, act(NOW + 1)))
    assert await store.read(find_key(a.org, id)) == made
    assert [each.id for each in await store.read(list_keys(a.org))] == [a.key, id]
    await store.ask(set_org_disabled(a.org, True, act(NOW + 2)))
    found = await store.read(find_key(a.org, id))
    assert found is not None
    assert found.org_disabled_at == NOW + 2


async def test_an_instance_key_needs_no_organization(store: Store) -> None:
    id = new_id()
    await store.ask(make_key(key(INSTANCE, id), EPOCH, act()))
    found = await store.read(find_key(INSTANCE, id))
    assert found is not None
    assert (found.org, found.org_disabled_at) == (INSTANCE, None)


async def test_a_key_is_revoked_once(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(revoke_key(a.org, a.key, act(NOW + 1), keep_grants=True))
    assert not await store.ask(revoke_key(a.org, a.key, act(NOW + 2), keep_grants=False))
    found = await store.read(find_key(a.org, a.key))
    assert found is not None
    assert found.revoked_at == NOW + 1
    assert (await events_of(store, a.org)).count("key.revoked") == 1


# Apps


async def test_an_app_is_found_as_it_was_made(store: Store) -> None:
    a = await populate(store, "acme")
    made = replace(app(a.org, "fresh", retry_window=UNTIL_USED), scope="x", access_ttl=60, auth_method="none")
    assert await store.ask(make_app(made, ("https://a.example/1", "https://a.example/2"), EPOCH, act())) == (True, True)
    assert await store.read(find_app(a.org, "fresh")) == made
    assert [each.client_id for each in await store.read(list_apps(a.org))] == [a.client_id, "fresh"]
    assert [each.client_id for each in await store.read(list_apps(a.org, after=a.client_id))] == ["fresh"]
    assert [each.client_id for each in await store.read(list_apps(a.org, limit=1))] == [a.client_id]
    assert await store.read(list_redirect_uris(a.org, "fresh")) == ["https://a.example/1", "https://a.example/2"]


async def test_making_an_app_again_changes_nothing(store: Store) -> None:
    a = await populate(store, "acme")
    before = await store.read(dump(a.org))
    again = replace(app(a.org, a.client_id), name="Other")
    outcome = await store.ask(make_app(again, ("https://a.example/new",), 9, act()))
    assert outcome == Saved(app_is_new=False, uri_is_new=False)
    assert await store.read(dump(a.org)) == before


async def test_a_pair_is_saved_once(store: Store) -> None:
    a = await populate(store, "acme")
    fresh = app(a.org, "fresh")
    assert await store.ask(save_pair(fresh, "https://a.example/1", EPOCH, act())) == Saved(True, True)
    assert await store.ask(save_pair(fresh, "https://a.example/1", EPOCH, act())) == Saved(False, False)
    assert await store.ask(save_pair(fresh, "https://a.example/2", EPOCH, act())) == Saved(False, True)
    b = await populate(store, "beta")
    assert isinstance(await store.ask(save_pair(app(b.org, "fresh"), "https://b.example/", EPOCH, act())), Taken)


@pytest.mark.parametrize(
    ("uri", "registered"),
    [("https://acme.example/cb", True), ("https://acme.example/cb/", False), ("https://acme.example/CB", False)],
)
async def test_a_pair_is_found_byte_for_byte(store: Store, uri: str, registered: bool) -> None:
    a = await populate(store, "acme")
    assert await store.read(find_pair(a.org, a.client_id, uri)) == (app(a.org, a.client_id), registered)
    assert await store.read(find_pair(a.org, "nobody", uri)) is None


async def test_an_app_is_changed(store: Store) -> None:
    a = await populate(store, "acme")
    changed = replace(
        app(a.org, a.client_id), name="New", scope="read", access_ttl=5, retry_window=7, auth_method="none"
    )
    assert await store.ask(replace_app(changed, act()))
    assert await store.read(find_app(a.org, a.client_id)) == changed
    assert not await store.ask(replace_app(app(a.org, "nobody"), act()))


async def test_several_apps_are_made_and_changed_in_one_act(store: Store) -> None:
    a = await populate(store, "acme")
    fresh, changed = app(a.org, "fresh"), replace(app(a.org, a.client_id), name="New")
    one, other = secret(new_id()), secret(new_id())
    drafts = (
        Draft(fresh, True, EPOCH, ("https://a.example/1",), (), one),
        Draft(changed, False, 0, ("https://a.example/2",), (a.uri,), other),
    )
    await store.ask(keep_apps(a.org, drafts, act()))
    assert await store.read(find_app(a.org, "fresh")) == fresh
    assert await store.read(find_app(a.org, a.client_id)) == replace(changed, version=1)
    assert await store.read(list_redirect_uris(a.org, "fresh")) == ["https://a.example/1"]
    assert await store.read(list_redirect_uris(a.org, a.client_id)) == ["https://a.example/2"]
    assert await store.read(list_secrets(a.org, "fresh")) == [one]
    assert other in await store.read(list_secrets(a.org, a.client_id))


async def test_nobody_changes_an_app_over_a_change_that_they_have_not_seen(store: Store) -> None:
    a = await populate(store, "acme")
    seen = await store.read(find_app(a.org, a.client_id))
    assert seen is not None
    await store.ask(set_app_disabled(a.org, a.client_id, True, act()))
    before = await store.read(dump(a.org))
    with pytest.raises(GatepostError) as refused:
        await store.ask(keep_apps(a.org, (Draft(replace(seen, name="New"), False, 0),), act()))
    assert refused.value.code == "overtaken"
    assert await store.read(dump(a.org)) == before


@pytest.mark.parametrize("culprit", ["exists", "another's", "not there", "no such uri"])
async def test_one_app_that_cannot_be_kept_keeps_all_of_them_out(store: Store, culprit: str) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    wrong = {
        "exists": Draft(app(a.org, a.client_id), True, EPOCH),
        "another's": Draft(app(a.org, b.client_id), True, EPOCH),
        "not there": Draft(app(a.org, "nobody"), False, 0),
        "no such uri": Draft(app(a.org, a.client_id), False, 0, (), ("https://a.example/never",)),
    }[culprit]
    changed = Draft(
        replace(app(a.org, a.client_id), name="New"), False, 0, ("https://a.example/2",), (), secret(new_id())
    )
    before = await store.read(dump(a.org))
    with pytest.raises(GatepostError):
        await store.ask(keep_apps(a.org, (Draft(app(a.org, "fresh"), True, EPOCH), changed, wrong), act()))
    assert await store.read(dump(a.org)) == before
    assert isinstance(await store.ask(make_app(app(b.org, "fresh"), (), EPOCH, act())), Saved)


async def test_an_app_is_disabled_and_enabled(store: Store) -> None:
    a = await populate(store, "acme")
    for disabled, expected in ((True, NOW), (False, None)):
        assert await store.ask(set_app_disabled(a.org, a.client_id, disabled, act()))
        found = await store.read(find_app(a.org, a.client_id))
        assert found is not None
        assert found.disabled_at == expected
    assert not await store.ask(set_app_disabled(a.org, "nobody", True, act()))


async def test_a_deleted_app_leaves_its_name_to_the_organization(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert not await store.ask(delete_app(a.org, a.client_id, act(), version=5)), "it is not in that version"
    assert await store.ask(delete_app(a.org, a.client_id, act(), version=0))
    assert not await store.ask(delete_app(a.org, a.client_id, act()))
    assert await store.read(find_app(a.org, a.client_id)) is None
    assert await store.read(list_redirect_uris(a.org, a.client_id)) == []
    assert await store.read(list_secrets(a.org, a.client_id)) == []
    assert isinstance(await store.ask(make_app(app(b.org, a.client_id), (), EPOCH, act())), Taken)
    assert await store.ask(make_app(app(a.org, a.client_id), (), EPOCH, act())) == Saved(True, False)


async def test_nothing_is_added_to_an_app_that_is_gone(store: Store) -> None:
    """Else a URI or a secret added too late would come to life with the next app of that name."""
    a = await populate(store, "acme")
    await store.ask(delete_app(a.org, a.client_id, act()))
    assert not await store.ask(add_redirect_uri(a.org, a.client_id, a.uri, act()))
    assert not await store.ask(add_secret(a.org, a.client_id, secret(new_id()), act()))
    assert await store.ask(make_app(app(a.org, a.client_id), (), EPOCH, act())) == Saved(True, False)
    assert await store.read(list_redirect_uris(a.org, a.client_id)) == []
    assert await store.read(list_secrets(a.org, a.client_id)) == []


async def test_redirect_uris(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(add_redirect_uri(a.org, a.client_id, "https://a.example/later", act(NOW + 1)))
    assert not await store.ask(add_redirect_uri(a.org, a.client_id, "https://a.example/later", act(NOW + 2)))
    assert await store.read(list_redirect_uris(a.org, a.client_id)) == [a.uri, "https://a.example/later"]
    assert await store.ask(remove_redirect_uri(a.org, a.client_id, a.uri, act()))
    assert not await store.ask(remove_redirect_uri(a.org, a.client_id, a.uri, act()))
    assert await store.read(list_redirect_uris(a.org, a.client_id)) == ["https://a.example/later"]


async def test_secrets_live_side_by_side(store: Store) -> None:
    a = await populate(store, "acme")
    second = replace(secret(new_id()), expires_at=NOW + DAY)
    assert await store.ask(add_secret(a.org, a.client_id, second, act()))
    assert await store.read(list_secrets(a.org, a.client_id)) == [secret(a.secret), second]
    assert await store.ask(delete_secret(a.org, a.client_id, a.secret, act()))
    assert not await store.ask(delete_secret(a.org, a.client_id, a.secret, act()))
    assert await store.read(list_secrets(a.org, a.client_id)) == [second]


async def test_a_lent_secret_that_is_over_goes_with_the_next_one(store: Store) -> None:
    a = await populate(store, "acme")
    lent = replace(secret(new_id()), expires_at=NOW + LOAN_SECONDS)
    kept = replace(secret(new_id()), expires_at=NOW + LOAN_SECONDS + 1)
    for each in (lent, kept):
        assert await store.ask(add_secret(a.org, a.client_id, each, act()))
    for later, left in ((LOAN_SECONDS - 1, [lent, kept]), (LOAN_SECONDS, [kept]), (DAY, [kept])):
        newest = secret(new_id())
        assert await store.ask(add_secret(a.org, a.client_id, newest, act(NOW + later)))
        found = await store.read(list_secrets(a.org, a.client_id))
        assert [each for each in found if each.expires_at] == left
        assert found[-1] == newest


@pytest.mark.parametrize(("later", "noted"), [(0, NOW), (3600, NOW), (3601, NOW + 3601)])
async def test_the_use_of_a_secret_is_noted_to_the_hour(store: Store, later: int, noted: int) -> None:
    a = await populate(store, "acme")
    for at in (NOW, NOW + later):
        await store.ask(note_secret_used(a.org, a.client_id, a.secret, at))
    assert [each.last_used_at for each in await store.read(list_secrets(a.org, a.client_id))] == [noted]


# Resources


async def test_resources(store: Store) -> None:
    a = await populate(store, "acme")
    second = Resource("https://second.example/", "x y", None, NOW)
    assert await store.ask(make_resource(a.org, second, act()))
    assert not await store.ask(make_resource(a.org, second._replace(scopes="other"), act()))
    known = [Resource(a.resource, "read write", a.client_id, NOW), second]
    assert await store.read(list_resources(a.org)) == known
    assert await store.read(is_served_by(a.org, a.resource, a.client_id))
    assert not await store.read(is_served_by(a.org, second.uri, a.client_id))
    assert await store.ask(delete_resource(a.org, a.resource, act()))
    assert not await store.ask(delete_resource(a.org, a.resource, act()))
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert not grant.resource_exists


# People


async def test_a_new_email_makes_a_person(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    joined = await store.ask(make_member(b.org, new_id(), a.email, "other hash", "admin", EPOCH, act()))
    assert joined == (a.user, False)
    member, home = await store.read(find_member(b.org, a.user)), await store.read(find_member(a.org, a.user))
    assert member is not None
    assert home is not None
    assert (member.email, member.role, home.role) == (a.email, "admin", "member")
    assert sorted(await store.read(list_organizations_of(a.user))) == sorted([(a.org, "member"), (b.org, "admin")])
    assert {each.id for each in await store.read(list_members(b.org))} == {a.user, b.user}
    assert [each.id for each in await store.read(list_members(b.org, after=a.user))] == [b.user]
    assert [each.id for each in await store.read(list_members(b.org, limit=1))] == [a.user]


async def test_a_member_keeps_their_place_and_gets_the_role(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(make_member(a.org, new_id(), a.email, None, "owner", 9 * EPOCH, act()))
    member, grant = await store.read(find_member(a.org, a.user)), await store.read(find_grant(a.org, a.grant))
    assert member is not None
    assert member.role == "owner"
    assert grant is not None
    assert grant.unbroken, "joining again is no revocation"


async def test_a_person_is_disabled_everywhere(store: Store) -> None:
    a = await populate(store, "acme")
    for disabled, expected in ((True, NOW), (False, None)):
        assert await store.ask(set_user_disabled(a.user, disabled, act()))
        user, grant = await store.read(find_user(a.user)), await store.read(find_grant(a.org, a.grant))
        assert user is not None
        assert grant is not None
        assert user.disabled_at == grant.user_disabled_at == expected
    assert not await store.ask(set_user_disabled(NOBODY, True, act()))
    assert await store.read(find_user(NOBODY)) is None


async def test_a_password_is_set(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(set_password(a.user, "$argon2id$new", act()))
    assert not await store.ask(set_password(NOBODY, "$argon2id$new", act()))
    assert "$argon2id$new" in repr((await store.read(dump(INSTANCE)))["users"])
    assert "user.password_set" in await events_of(store, INSTANCE)


async def test_an_id_is_spent_once_until_it_has_expired(store: Store) -> None:
    assert await store.ask(spend("jti", b"a", NOW, NOW + 60, NOW))
    assert not await store.ask(spend("jti", b"a", NOW, NOW + 60, NOW + 60))
    assert await store.ask(spend("code", b"a", NOW, NOW + 60, NOW))
    assert await store.ask(spend("jti", b"h", NOW, NOW + 99, NOW + 61))
    assert [row[2] for row in (await store.read(dump(INSTANCE)))["spent"] if row[1] == "jti"] == [b"h"]


async def test_a_question_counts_only_if_its_id_was_not_spent_before(store: Store) -> None:
    a = await populate(store, "acme")
    turn = rotate(a.org, a.grant, 1, UNTIL_USED, act())
    assert await store.ask(spend_for(turn, "dpop", b"a", NOW, NOW + 60, NOW)) == Rotated(2)
    assert await store.ask(spend_for(turn, "dpop", b"a", NOW, NOW + 60, NOW)) == Spent()
    ended = revoke_grant(a.org, a.grant, act())
    assert await store.ask(spend_for(ended, "dpop", b"a", NOW, NOW + 60, NOW)) == Spent()
    found = await store.read(find_grant(a.org, a.grant))
    assert found is not None
    assert (found.generation, found.uses, found.revoked_at) == (2, 1, None)
    assert await store.ask(spend_for(turn, "dpop", b"b", NOW, NOW + 60, NOW)) == Retried(2)


async def test_what_was_made_before_a_restore_cannot_be_spent_after_it(store: Store) -> None:
    assert await store.read(restored_at()) == 0
    await store.ask(note_restored(NOW - 600, act()))
    assert await store.read(restored_at()) == NOW
    assert not await store.ask(spend("link", b"a", NOW - 1, NOW + 60, NOW + 1))
    assert await store.ask(spend("link", b"b", NOW, NOW + 60, NOW + 1))
    await store.ask(note_restored(NOW - 600, act(NOW + 9)))
    assert not await store.ask(spend("link", b"c", NOW + 8, NOW + 60, NOW + 9))


async def test_the_time_between_a_backup_and_its_restore_is_not_idle(store: Store) -> None:
    a = await populate(store, "acme")
    backup, restored = NOW + 30 * DAY - 1, NOW + 60 * DAY
    await store.ask(note_restored(backup, act(restored)))
    kept, revoked = await store.read(list_grants(a.org))
    assert kept.last_used_at == NOW + restored - backup
    assert kept.last_used_at + kept.idle_ttl == restored + 1, "one second is left, as there was at the backup"
    assert revoked.last_used_at == NOW


async def test_a_grant_that_was_idle_too_long_before_the_backup_stays_dead(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(note_restored(NOW + 30 * DAY, act(NOW + 60 * DAY)))
    assert [grant.last_used_at for grant in await store.read(list_grants(a.org))] == [NOW, NOW]


async def test_a_backup_from_the_future_moves_no_grant_back(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(note_restored(NOW + 60, act(NOW)))
    assert [grant.last_used_at for grant in await store.read(list_grants(a.org))] == [NOW, NOW]


async def test_every_administrative_act_moves_the_policy_version_and_no_token_request_does(store: Store) -> None:
    a = await populate(store, "acme")
    start = await store.read(policy_version())
    await store.ask(make_grant(a.org, new_grant(a, new_id()), act()))
    await store.ask(rotate(a.org, a.grant, 1, UNTIL_USED, act()))
    await store.ask(record(a.org, "request.refused", act()))
    await store.ask(revoke_grant(a.org, a.grant, act()))
    assert await store.read(policy_version()) == start
    for each in (
        set_app_disabled(a.org, a.client_id, True, act()),
        set_org_disabled(a.org, True, act()),
        set_user_disabled(a.user, True, act()),
        remove_redirect_uri(a.org, a.client_id, a.uri, act()),
        delete_resource(a.org, a.resource, act()),
        revoke_key(a.org, a.key, act(), keep_grants=True),
        delete_app(a.org, a.client_id, act()),
    ):
        assert await store.ask(each)
        start += 1
        assert await store.read(policy_version()) == start


# Grants


async def test_a_grant_is_found_as_it_was_made(store: Store) -> None:
    a = await populate(store, "acme")
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert (grant.org, grant.id, grant.client_id, grant.user_id, grant.key_id) == (
        a.org,
        a.grant,
        a.client_id,
        a.user,
        a.key,
    )
    assert (grant.scope, grant.resource, grant.generation, grant.uses) == ("read", a.resource, 1, 0)
    assert grant.created_at == grant.rotated_at == grant.last_used_at == NOW
    assert (grant.idle_ttl, grant.expires_at, grant.revoked_at) == (30 * DAY, NOW + 90 * DAY, None)
    assert grant.unbroken
    assert grant.is_member
    assert grant.resource_exists
    assert await store.read(find_grant(a.org, NOBODY)) is None


@pytest.mark.parametrize("named", ["user", "key", "resource"])
async def test_a_grant_may_do_without(store: Store, named: str) -> None:
    a = await populate(store, "acme")
    id = new_id()
    assert await store.ask(make_grant(a.org, new_grant(a, id, **{named: False}), act()))
    grant = await store.read(find_grant(a.org, id))
    assert grant is not None
    assert grant.unbroken
    assert grant.is_member
    assert grant.resource_exists


@pytest.mark.parametrize("gone", ["client_id", "user", "key", "org"])
async def test_no_grant_is_made_for_what_does_not_exist(store: Store, gone: str) -> None:
    a = await populate(store, "acme")
    missing = {
        "client_id": a._replace(client_id="nobody"),
        "user": a._replace(user=NOBODY),
        "key": a._replace(key=NOBODY),
        "org": a._replace(org=NOBODY),
    }[gone]
    id = new_id()
    assert await store.ask(make_grant(missing.org, new_grant(missing, id), act())) is False
    assert await store.read(find_grant(missing.org, id)) is None


async def test_no_grant_is_made_for_what_is_disabled_or_revoked(store: Store) -> None:
    for refuse in ("org", "app", "key"):
        a = await populate(store, refuse)
        question = {
            "org": set_org_disabled(a.org, True, act()),
            "app": set_app_disabled(a.org, a.client_id, True, act()),
            "key": revoke_key(a.org, a.key, act(), keep_grants=True),
        }[refuse]
        assert await store.ask(question)
        assert await store.ask(make_grant(a.org, new_grant(a, new_id()), act())) is False, refuse


async def test_a_grant_is_made_as_long_as_nothing_was_revoked_since_its_approval(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    early = await store.read(epoch_of(a.org, a.org, a.client_id, a.user))
    assert early == 6 * EPOCH
    assert await store.read(epoch_of(b.org, a.org, a.client_id, a.user)) == 0, "nobody there is meant"
    await store.ask(revoke_app_grants(a.org, a.client_id, act()))
    late = await store.read(epoch_of(a.org, a.org, a.client_id, a.user))
    made = [
        await store.ask(make_grant(a.org, replace(new_grant(a, new_id(), key=False), epoch=epoch), act()))
        for epoch in (early, late, None)
    ]
    assert made == [False, True, True]


async def test_expired_grants_are_swept_by_new_ones(store: Store) -> None:
    a = await populate(store, "acme")
    later = NOW + 91 * DAY + SWEEP_AFTER
    for _ in range(200):
        fresh = replace(new_grant(a, new_id()), expires_at=later + DAY)
        assert await store.ask(make_grant(a.org, fresh, act(later)))
        if await store.read(find_grant(a.org, a.grant)) is None:
            break
    assert await store.read(find_grant(a.org, a.grant)) is None
    assert all(grant.expires_at >= later for grant in await store.read(list_grants(a.org)))


async def test_grants_are_listed_in_pages(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(make_app(app(a.org, "fresh"), (), EPOCH, act()))
    third = new_id()
    await store.ask(make_grant(a.org, new_grant(a._replace(client_id="fresh"), third, user=False), act()))

    async def ids(**filters: Any) -> list[bytes]:
        return [grant.id for grant in await store.read(list_grants(a.org, **filters))]

    assert await ids() == [a.grant, a.revoked_grant, third]
    assert await ids(limit=2) == [a.grant, a.revoked_grant]
    assert await ids(after=a.revoked_grant) == [third]
    assert await ids(client_id="fresh") == [third]
    assert await ids(user_id=a.user) == [a.grant, a.revoked_grant]
    assert await ids(user_id=a.user, client_id="fresh") == []


@pytest.mark.parametrize(
    ("window", "after", "outcome"),
    [
        (UNTIL_USED, 10**6, Retried(2)),
        (60, 0, Retried(2)),
        (60, 60, Retried(2)),
        (60, 61, Replayed(b"")),
        (0, 0, Retried(2)),
        (0, 1, Replayed(b"")),
    ],
)
async def test_the_previous_generation_answers_within_the_window(
    store: Store, window: int, after: int, outcome: Retried | Replayed
) -> None:
    a = await populate(store, "acme")
    assert await store.ask(rotate(a.org, a.grant, 1, window, act())) == Rotated(2)
    again = await store.ask(rotate(a.org, a.grant, 1, window, act(NOW + after)))
    assert type(again) is type(outcome)
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert (grant.revoked_at is None) == isinstance(outcome, Retried)


async def test_a_retry_does_not_prolong_the_window(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(rotate(a.org, a.grant, 1, 60, act()))
    assert isinstance(await store.ask(rotate(a.org, a.grant, 1, 60, act(NOW + 59))), Retried)
    assert isinstance(await store.ask(rotate(a.org, a.grant, 1, 60, act(NOW + 61))), Replayed)


async def test_the_use_of_the_successor_ends_the_retry(store: Store) -> None:
    a = await populate(store, "acme")
    for generation in (1, 2):
        await store.ask(rotate(a.org, a.grant, generation, UNTIL_USED, act()))
    replayed = await store.ask(rotate(a.org, a.grant, 1, UNTIL_USED, act()))
    assert isinstance(replayed, Replayed)
    told = [event for event in await store.read(list_events(a.org, 100)) if event.id == replayed.event]
    assert [(event.type, event.result, event.grant_id) for event in told] == [("grant.replayed", "refused", a.grant)]
    for generation in (1, 2, 3, 4):
        assert isinstance(await store.ask(rotate(a.org, a.grant, generation, UNTIL_USED, act())), Gone)


async def test_a_generation_ahead_is_caught_up_with(store: Store) -> None:
    """A database restored from a backup forgot it; whoever holds the token goes on."""
    a = await populate(store, "acme")
    assert await store.ask(rotate(a.org, a.grant, 40, 60, act())) == Rotated(41)
    assert isinstance(await store.ask(rotate(a.org, a.grant, 39, 60, act())), Replayed)


async def test_a_refresh_is_counted_and_only_the_first_is_told(store: Store) -> None:
    a = await populate(store, "acme")
    for generation in (1, 1, 2, 3):
        await store.ask(rotate(a.org, a.grant, generation, UNTIL_USED, act(NOW + generation)))
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert (grant.uses, grant.last_used_at, grant.rotated_at) == (4, NOW + 3, NOW + 3)
    assert (await events_of(store, a.org)).count("grant.first_used") == 1


# Revocation; what it does to grants stands in test_revocation.py


async def test_a_grant_is_revoked_once(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(revoke_grant(a.org, a.grant, act(NOW + 1)))
    assert await store.ask(revoke_grant(a.org, a.grant, act(NOW + 2))) == b""
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert grant.revoked_at == NOW + 1


async def test_revocations_of_many_say_whether_there_was_anything(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(revoke_app_grants(a.org, a.client_id, act()))
    assert await store.ask(revoke_user_grants(a.org, a.user, act()))
    assert await store.ask(revoke_org_grants(a.org, act()))
    assert not await store.ask(revoke_app_grants(a.org, "nobody", act()))
    assert not await store.ask(revoke_user_grants(a.org, NOBODY, act()))
    assert not await store.ask(revoke_org_grants(NOBODY, act()))
    told = [(row[2], row[3]) for row in (await store.read(dump(a.org)))["revocations"]][1:]
    assert told == [("app", a.client_id), ("user", f"usr_{a.user.hex()}"), ("org", f"org_{a.org.hex()}")]


async def test_the_feed_forgets_what_no_token_can_outlive(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(revoke_grant(a.org, a.grant, act(NOW + 2 * MAX_ACCESS_TTL + 1)))
    assert [row[3] for row in (await store.read(dump(a.org)))["revocations"]] == [f"gnt_{a.grant.hex()}"]


async def test_the_feed_has_every_line_in_order_behind_a_number(store: Store) -> None:
    before = await store.read(newest_revocation())
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert before == 0
    start = await store.read(newest_revocation())
    await store.ask(revoke_grant(a.org, a.grant, act(NOW + 5)))
    await store.ask(revoke_app_grants(b.org, b.client_id, act(NOW + 3)))
    await store.ask(revoke_key(a.org, a.key, act(NOW + 6), keep_grants=False))
    lines = await store.read(list_revocations(start, 9))
    first = (NOW + 5) * NUMBERS_A_SECOND
    assert lines == [
        Revocation(first, a.org, "grant", f"gnt_{a.grant.hex()}", NOW + 5),
        Revocation(first + 1, b.org, "app", b.client_id, NOW + 3),
        Revocation((NOW + 6) * NUMBERS_A_SECOND, a.org, "key", f"key_{a.key.hex()}", NOW + 6),
    ]
    assert await store.read(list_revocations(start, 2)) == lines[:2]
    assert await store.read(list_revocations(lines[0].seq, 9)) == lines[1:]
    assert await store.read(newest_revocation()) == lines[-1].seq


async def test_the_feed_is_told_what_is_disabled_and_deleted(store: Store) -> None:
    a = await populate(store, "acme")
    start = await store.read(newest_revocation())
    for disabled in (True, False):
        await store.ask(set_app_disabled(a.org, a.client_id, disabled, act()))
        await store.ask(set_org_disabled(a.org, disabled, act()))
        await store.ask(set_user_disabled(a.user, disabled, act()))
    await store.ask(delete_app(a.org, a.client_id, act()))
    assert [line[1:4] for line in await store.read(list_revocations(start, 9))] == [
        (a.org, "app", a.client_id),
        (a.org, "org", f"org_{a.org.hex()}"),
        (a.org, "app", a.client_id),  # Its apps hold tokens of other organizations.
        (INSTANCE, "user", f"usr_{a.user.hex()}"),
        (a.org, "app", a.client_id),
    ]


async def test_the_longest_life_of_any_apps_tokens(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.read(longest_access_ttl()) == 0
    await store.ask(replace_app(replace(app(a.org, a.client_id), access_ttl=900), act()))
    assert await store.read(longest_access_ttl()) == 900


# Events


async def test_events(store: Store) -> None:
    a = await populate(store, "acme")
    about = replace(act(NOW + 1), client_id="c", user_id=a.user, grant_id=a.grant)
    id = await store.ask(record(a.org, "test.made", about, result="refused", detail='{"x":1}'))
    newest = (await store.read(list_events(a.org, 1, newest_first=True)))[0]
    assert newest == (id, NOW + 1, "test.made", "refused", about.actor, "c", a.user, a.grant, about.address, '{"x":1}')
    assert await store.read(list_events(a.org, 9, after=id)) == []
    assert [event.id for event in await store.read(list_events(a.org, 9, client_id="c"))] == [id]
    assert [event.id for event in await store.read(list_events(a.org, 9, type="test.made"))] == [id]
    everything = [event.id for event in await store.read(list_events(a.org, 1000))]
    assert everything == sorted(everything)
    for wanted in (
        {"type": "test"},
        {"result": "refused"},
        {"user_id": a.user, "since": NOW + 1, "until": NOW + 2},
        {"client_id": "c", "user_id": a.user, "type": "test.made", "result": "refused", "since": NOW, "until": NOW + 9},
    ):
        assert [event.id for event in await store.read(list_events(a.org, 9, **wanted))] == [id]
    for unwanted in ({"type": "tes"}, {"result": "ok", "type": "test"}, {"since": NOW + 2}, {"until": NOW}):
        assert await store.read(list_events(a.org, 9, **unwanted)) == []
    by_her = await store.ask(record(a.org, "test.made", replace(act(), actor=f"usr_{a.user.hex()}")))
    assert [event.id for event in await store.read(list_events(a.org, 9, user_id=a.user, type="test"))] == [id, by_her]
    chosen = new_id()
    assert await store.ask(record(a.org, "test.made", act(), id=chosen)) == chosen


# Signing keys


async def test_signing_keys_move_through_their_states(store: Store) -> None:
    assert await store.ask(make_first_keys(("one", b"1"), ("two", b"2"), act()))
    assert not await store.ask(make_first_keys(("x", b"x"), ("y", b"y"), act()))
    assert await store.ask(rotate_keys("two", ("three", b"3"), NOW + 700, act(NOW + 1)))
    keys = {key.kid: key for key in await store.read(list_signing_keys())}
    assert {kid: key.state for kid, key in keys.items()} == {"one": "retired", "two": "active", "three": "next"}
    assert (keys["one"].retired_at, keys["one"].remove_at) == (NOW + 1, NOW + 700)
    assert (keys["two"].activated_at, keys["two"].remove_at) == (NOW + 1, None)
    assert keys["three"].published_at == NOW + 1


@pytest.mark.parametrize("expected", ["one", "two", "nobody"])
async def test_only_the_next_key_is_activated(store: Store, expected: str) -> None:
    await store.ask(make_first_keys(("one", b"1"), ("two", b"2"), act()))
    await store.ask(rotate_keys("two", ("three", b"3"), NOW + 700, act(NOW + 1)))
    before = await store.read(list_signing_keys())
    assert not await store.ask(rotate_keys(expected, ("four", b"4"), NOW + 700, act(NOW + 2)))
    assert await store.read(list_signing_keys()) == before


async def test_a_retired_key_goes_when_its_tokens_have_expired(store: Store) -> None:
    await store.ask(make_first_keys(("one", b"1"), ("two", b"2"), act()))
    await store.ask(rotate_keys("two", ("three", b"3"), NOW + 700, act()))
    await store.ask(rotate_keys("three", ("four", b"4"), NOW + 1400, act(NOW + 701)))
    assert [key.kid for key in await store.read(list_signing_keys())] == ["three", "two", "four"]


# The checkup


async def test_what_expires_is_found_in_every_organization_the_first_to_end_first(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert await store.read(list_expiring(NOW + 99 * DAY, 9)) == []
    for end in (NOW + 3, NOW + 1):
        await store.ask(make_key(replace(key(a.org, new_id()), expires_at=end), EPOCH, act()))
    await store.ask(add_secret(b.org, b.client_id, replace(secret(new_id()), expires_at=NOW + 2), act()))
    revoked = replace(key(b.org, new_id()), expires_at=NOW)
    await store.ask(make_key(revoked, EPOCH, act()))
    await store.ask(revoke_key(b.org, revoked.id, act(), keep_grants=True))
    found = await store.read(list_expiring(NOW + 5, 9))
    assert [each.expires_at for each in found] == [NOW + 1, NOW + 2, NOW + 3]
    assert [each.name.partition("_")[0] for each in found] == ["key", "sec", "key"]
    assert await store.read(list_expiring(NOW + 3, 9)) == found[:2]
    assert await store.read(list_expiring(NOW + 5, 1)) == found[:1]


async def test_the_newest_instant_is_of_an_event_or_of_a_use(store: Store) -> None:
    assert await store.read(newest_instant()) == 0
    a = await populate(store, "acme")
    assert await store.read(newest_instant()) == NOW
    assert isinstance(await store.ask(rotate(a.org, a.grant, 2, 60, act(NOW + 7))), Rotated)
    assert await store.read(newest_instant()) == NOW + 7
    await store.ask(record(a.org, "test.made", act(NOW + 9)))
    assert await store.read(newest_instant()) == NOW + 9


# The schema


async def test_a_new_database_gets_the_schema_at_once(empty_database: Database) -> None:
    store = empty_database.open()
    await store.ask(prepare(empty_database.dialect))
    assert [await store.ask(apply_all(empty_database.dialect, NOW)) for _ in range(2)] == [NEWEST] * 2


async def test_the_schema_grows_step_by_step(empty_database: Database) -> None:
    store = empty_database.open()
    assert await store.ask(prepare(empty_database.dialect)) == 0
    assert [await store.ask(apply_next(empty_database.dialect, NOW)) for _ in range(NEWEST)] == list(
        range(1, NEWEST + 1)
    )
    assert await store.ask(apply_next(empty_database.dialect, NOW)) == NEWEST == await store.read(schema_version())
    applied = await store.read(list_applied())
    assert [(each.version, each.applied_at) for each in applied] == [(number, NOW) for number in range(1, NEWEST + 1)]


async def test_a_rehearsal_applies_everything_and_keeps_nothing(empty_database: Database) -> None:
    store = empty_database.open()
    with pytest.raises(RehearsedError) as over:
        await store.ask(rehearse(empty_database.dialect, NOW))
    assert over.value.applied == []
    assert await store.ask(prepare(empty_database.dialect)) == 0
    assert await store.ask(apply_next(empty_database.dialect, NOW)) == 1
    with pytest.raises(RehearsedError) as over:
        await store.ask(rehearse(empty_database.dialect, NOW))
    assert [each.version for each in over.value.applied] == [1]
