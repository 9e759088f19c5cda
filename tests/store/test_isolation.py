"""Organizations cannot reach each other: every question, asked in one organization with the ids of another.

Whatever a question answers then, nothing of the other organization may be in the answer, and nothing of it may change.
"""

from collections.abc import Callable
from typing import Any

import pytest

from gatepost.errors import GatepostError
from gatepost.records import AGREED, WAITING, Consent, Org, Resource, TrustedIssuer
from gatepost.secrets import new_id
from gatepost.store import (
    app_requests,
    apps,
    browsing,
    consents,
    device_requests,
    events,
    grants,
    idempotency,
    invitations,
    keys,
    limits,
    orgs,
    people,
    resources,
    revocations,
    scope_texts,
    seals,
    trusted_issuers,
    usage,
    webhooks,
)
from gatepost.store.question import INSTANCE, Question, Store
from gatepost.store.trusted_issuers import Identity

from .world import (
    DAY,
    EPOCH,
    NOW,
    OTHERS_APP,
    World,
    a_delivery,
    a_letter,
    a_seal,
    a_webhook,
    act,
    an_app_request,
    an_invitation,
    app,
    device_request,
    dump,
    key,
    new_grant,
    populate,
    secret,
)


def named(org: bytes, name: str) -> Org:
    """An organization as the world made it, by this name."""
    return Org(org, name, None, None, NOW)


OTHERS_URI = "https://other.example/cb"

NOTHING: Any = (None, False, [], {}, b"", grants.Gone(), apps.Taken())

FOUND_NOTHING = object()
OWN = object()
"""Expected of a question that acts on the asking organization itself: its own answer, whatever the ids."""

Probe = Callable[[bytes, World], Question[Any]]

PROBES: dict[str, tuple[object, Probe]] = {
    "ask_for_app": (OWN, lambda org, a: app_requests.ask_for_app(org, an_app_request(a, a.client_id), (), act())),
    "browse_app_requests": (OWN, lambda org, a: app_requests.browse_app_requests(org, WAITING, None, 10)),
    "count_waiting": (OWN, lambda org, a: app_requests.count_waiting(org, 10, a.user)),
    "decide_app_request": (
        FOUND_NOTHING,
        lambda org, a: app_requests.decide_app_request(org, an_app_request(a), AGREED, "", (), act()),
    ),
    "find_app_request": (OWN, lambda org, a: app_requests.find_app_request(org, OTHERS_APP)),
    "get_app_request": (FOUND_NOTHING, lambda org, a: app_requests.get_app_request(org, a.request)),
    "list_active_as": (OWN, lambda org, a: people.list_active_as(org, ("member",), 10)),
    "browse_apps": (OWN, lambda org, a: browsing.browse_apps(org, None, 10)),
    "uses_of_apps": (OWN, lambda org, a: browsing.uses_of_apps(org, (a.client_id,), NOW, 10)),
    "browse_events": (OWN, lambda org, a: browsing.browse_events(org, None, 10, client_id=a.client_id)),
    "browse_grants": (OWN, lambda org, a: browsing.browse_grants(org, None, 10, client_id=a.client_id)),
    "find_names": (FOUND_NOTHING, lambda org, a: browsing.find_names(org, [a.client_id], [a.user], [a.key])),
    "list_expiring_of": (OWN, lambda org, a: browsing.list_expiring_of(org, NOW * 2, 10)),
    "accept_invitation": (
        FOUND_NOTHING,
        lambda org, a: invitations.accept_invitation(org, a.invitation, new_id(), None, EPOCH, act()),
    ),
    "find_invitation": (FOUND_NOTHING, lambda org, a: invitations.find_invitation(org, a.invitation)),
    "limit_app": (FOUND_NOTHING, lambda org, a: limits.limit_app(org, a.client_id, None, 60, act())),
    "limit_grant": (FOUND_NOTHING, lambda org, a: limits.limit_grant(org, a.grant, None, 60, act())),
    "limit_org": (OWN, lambda org, a: limits.limit_org(org, 60, act())),
    "list_invitations": (OWN, lambda org, a: invitations.list_invitations(org, NOW)),
    "make_invitation": (OWN, lambda org, a: invitations.make_invitation(org, an_invitation(new_id()), act())),
    "withdraw_invitation": (FOUND_NOTHING, lambda org, a: invitations.withdraw_invitation(org, a.invitation, act())),
    "add_redirect_uri": (FOUND_NOTHING, lambda org, a: apps.add_redirect_uri(org, a.client_id, OTHERS_URI, act())),
    "add_secret": (FOUND_NOTHING, lambda org, a: apps.add_secret(org, a.client_id, secret(new_id()), act())),
    "delete_app": (FOUND_NOTHING, lambda org, a: apps.delete_app(org, a.client_id, act())),
    "delete_resource": (FOUND_NOTHING, lambda org, a: resources.delete_resource(org, a.resource, act())),
    "delete_secret": (FOUND_NOTHING, lambda org, a: apps.delete_secret(org, a.client_id, a.secret, act())),
    "end_connection": (OWN, lambda org, a: consents.end_connection(org, a.user, a.client_id, act())),
    "take_back_consents": (OWN, lambda org, a: consents.take_back_consents(org, a.client_id, a.user)),
    "find_app": (FOUND_NOTHING, lambda org, a: apps.find_app(org, a.client_id)),
    "find_consent": (FOUND_NOTHING, lambda org, a: consents.find_consent(org, a.user, a.client_id)),
    "epoch_of": (OWN, lambda org, a: grants.epoch_of(org, a.org, a.client_id, a.user)),
    "find_grant": (FOUND_NOTHING, lambda org, a: grants.find_grant(org, a.grant)),
    "find_key": (FOUND_NOTHING, lambda org, a: keys.find_key(org, a.key)),
    "find_member": (FOUND_NOTHING, lambda org, a: people.find_member(org, a.user)),
    "find_org": (OWN, lambda org, a: orgs.find_org(org)),
    "find_pair": (FOUND_NOTHING, lambda org, a: apps.find_pair(org, a.client_id, a.uri)),
    "find_scope_texts": (OWN, lambda org, a: scope_texts.find_scope_texts(org)),
    "give_consent": (OWN, lambda org, a: consents.give_consent(org, _consent(org, a), new_id(), NOW, NOW + 60, act())),
    "give_auth_token": (OWN, lambda org, a: orgs.give_auth_token(org, a.auth_token, act())),
    "is_served_by": (FOUND_NOTHING, lambda org, a: resources.is_served_by(org, a.resource, a.client_id)),
    "list_apps": (OWN, lambda org, a: apps.list_apps(org)),
    "list_consents": (FOUND_NOTHING, lambda org, a: consents.list_consents(org, a.user)),
    "list_events": (OWN, lambda org, a: events.list_events(org, 1000)),
    "list_grants": (OWN, lambda org, a: grants.list_grants(org)),
    "keep_apps": (FOUND_NOTHING, lambda org, a: apps.keep_apps(org, (_draft(org, a),), act())),
    "end_free_app": (OWN, lambda org, a: apps.end_free_app(app(org, "https://a.test/c"), (a.uri,), EPOCH, act())),
    "keep_free_app": (OWN, lambda org, a: apps.keep_free_app(app(org, "https://a.test/c"), (a.uri,), EPOCH, act())),
    "list_keys": (OWN, lambda org, a: keys.list_keys(org)),
    "list_members": (OWN, lambda org, a: people.list_members(org)),
    "list_redirect_uris": (FOUND_NOTHING, lambda org, a: apps.list_redirect_uris(org, a.client_id)),
    "list_resources": (OWN, lambda org, a: resources.list_resources(org)),
    "list_secrets": (FOUND_NOTHING, lambda org, a: apps.list_secrets(org, a.client_id)),
    "make_app": (FOUND_NOTHING, lambda org, a: apps.make_app(app(org, a.client_id), (a.uri,), EPOCH, act())),
    "make_grant": (FOUND_NOTHING, lambda org, a: grants.make_grant(org, new_grant(a, new_id()), act())),
    "make_key": (OWN, lambda org, a: keys.make_key(key(org, a.key), EPOCH, act())),
    "make_member": (
        OWN,
        lambda org, a: people.make_member(org, new_id(), "new@other.example", None, "owner", 1, act()),
    ),
    "make_org": (OWN, lambda org, a: orgs.make_org(new_id(), "Another", EPOCH, act())),
    "make_resource": (OWN, lambda org, a: resources.make_resource(org, _resource(a), act())),
    "note_secret_used": (FOUND_NOTHING, lambda org, a: apps.note_secret_used(org, a.client_id, a.secret, NOW + 9999)),
    "change_role": (FOUND_NOTHING, lambda org, a: people.change_role(org, a.user, "member", "admin", act())),
    "remove_member": (FOUND_NOTHING, lambda org, a: people.remove_member(org, a.user, "member", act())),
    "change_org": (OWN, lambda org, a: orgs.change_org(org, named(org, "acme"), named(org, "Mine"), act())),
    "find_event": (FOUND_NOTHING, lambda org, a: events.find_event(org, a.event)),
    "claim_request": (OWN, lambda org, a: idempotency.claim_request(org, b"key", b"digest", NOW, NOW + DAY)),
    "keep_answer": (FOUND_NOTHING, lambda org, a: idempotency.keep_answer(org, a.org, b"other")),
    "forget_request": (FOUND_NOTHING, lambda org, a: idempotency.forget_request(org, a.org)),
    "record": (OWN, lambda org, a: events.record(org, "test.probe", act())),
    "redeem": (FOUND_NOTHING, lambda org, a: grants.redeem(org, new_grant(a, new_id()), NOW, act())),
    "redeem_device_request": (
        FOUND_NOTHING,
        lambda org, a: device_requests.redeem_device_request(org, device_request(a), new_grant(a, new_id()), act()),
    ),
    "remove_redirect_uri": (FOUND_NOTHING, lambda org, a: apps.remove_redirect_uri(org, a.client_id, a.uri, act())),
    "replace_app": (FOUND_NOTHING, lambda org, a: apps.replace_app(app(org, a.client_id), act())),
    "revoke_app_grants": (FOUND_NOTHING, lambda org, a: revocations.revoke_app_grants(org, a.client_id, act())),
    "revoke_grant": (FOUND_NOTHING, lambda org, a: revocations.revoke_grant(org, a.grant, act())),
    "revoke_key": (FOUND_NOTHING, lambda org, a: revocations.revoke_key(org, a.key, act(), keep_grants=False)),
    "revoke_org_grants": (OWN, lambda org, a: revocations.revoke_org_grants(org, act())),
    "is_token_revoked": (OWN, lambda org, a: revocations.is_token_revoked(org, (("jti", a.client_id),), NOW)),
    "revoke_token": (OWN, lambda org, a: revocations.revoke_token(org, "jti", act())),
    "revoke_user_grants": (FOUND_NOTHING, lambda org, a: revocations.revoke_user_grants(org, a.user, act())),
    "make_trusted_issuer": (
        OWN,
        lambda org, a: trusted_issuers.make_trusted_issuer(
            org, TrustedIssuer("https://new.test", "https://k", NOW), act()
        ),
    ),
    "list_trusted_issuers": (OWN, lambda org, a: trusted_issuers.list_trusted_issuers(org)),
    "find_trusted_issuer": (FOUND_NOTHING, lambda org, a: trusted_issuers.find_trusted_issuer(org, a.issuer)),
    "delete_trusted_issuer": (
        FOUND_NOTHING,
        lambda org, a: trusted_issuers.delete_trusted_issuer(org, a.issuer, act()),
    ),
    "find_identity": (FOUND_NOTHING, lambda org, a: trusted_issuers.find_identity(org, a.issuer, "ann")),
    "redeem_assertion": (
        FOUND_NOTHING,
        lambda org, a: trusted_issuers.redeem_assertion(
            org, Identity(a.issuer, "sub", a.user), (new_id(), NOW, NOW + 60), new_grant(a, new_id()), act()
        ),
    ),
    "rotate": (FOUND_NOTHING, lambda org, a: grants.rotate(org, a.grant, 1, 60, act())),
    "save_pair": (FOUND_NOTHING, lambda org, a: apps.save_pair(app(org, a.client_id), a.uri, EPOCH, act())),
    "set_app_disabled": (FOUND_NOTHING, lambda org, a: apps.set_app_disabled(org, a.client_id, True, act())),
    "tell": (OWN, lambda org, a: revocations.tell(org, "grant", "gnt_0", NOW)),
    "set_scope_text": (OWN, lambda org, a: scope_texts.set_scope_text(org, "read", "en", "Read", act())),
    "events_between": (OWN, lambda org, a: seals.events_between(org, b"", b"\xff", 1000)),
    "keep_seal": (OWN, lambda org, a: seals.keep_seal(org, a_seal(2), "kid", b"key")),
    "list_seals": (OWN, lambda org, a: seals.list_seals(org)),
    "newest_seal": (OWN, lambda org, a: seals.newest_seal(org)),
    "make_webhook": (OWN, lambda org, a: webhooks.make_webhook(org, a_webhook(new_id()), act())),
    "list_webhooks": (OWN, lambda org, a: webhooks.list_webhooks(org)),
    "find_webhook": (FOUND_NOTHING, lambda org, a: webhooks.find_webhook(org, a.webhook)),
    "replace_webhook": (
        FOUND_NOTHING,
        lambda org, a: webhooks.replace_webhook(org, a_webhook(a.webhook), a_webhook(a.webhook), act()),
    ),
    "delete_webhook": (FOUND_NOTHING, lambda org, a: webhooks.delete_webhook(org, a_webhook(a.webhook), act())),
    "feed": (FOUND_NOTHING, lambda org, a: webhooks.feed(org, a.webhook, new_id(), "test.probe", a_letter())),
    "note_fed": (OWN, lambda org, a: webhooks.note_fed(org, new_id())),
    "find_delivery": (FOUND_NOTHING, lambda org, a: webhooks.find_delivery(org, a.webhook, a.event)),
    "list_deliveries": (FOUND_NOTHING, lambda org, a: webhooks.list_deliveries(org, a.webhook, 10)),
    "note_attempt": (OWN, lambda org, a: webhooks.note_attempt(org, a_delivery(a), NOW)),
    "send_again": (FOUND_NOTHING, lambda org, a: webhooks.send_again(org, a_delivery(a), a_letter(), act())),
    "start_test": (FOUND_NOTHING, lambda org, a: webhooks.start_test(org, a.webhook, act())),
    "list_used_apps": (OWN, lambda org, a: usage.list_used_apps(org, 0, "", 10)),
    "usage_sums": (OWN, lambda org, a: usage.usage_sums(org, ("issued",), 0, (a.client_id, usage.ALL))),
    "usage_series": (OWN, lambda org, a: usage.usage_series(org, ("issued",), usage.HOUR, 0, NOW + DAY, DAY)),
    "set_org_disabled": (OWN, lambda org, a: orgs.set_org_disabled(org, True, act())),
}

ACROSS = {
    **dict.fromkeys(
        (
            *("begin", "count_rows", "drop_rows", "find_place", "find_rows"),
            *("finish", "is_empty", "put_page", "read_page"),
        ),
        "a copy moves whole databases",
    ),
    "add_usage": "a node writes what it counted of all organizations at once",
    "sign_up": "makes an organization of its own",
    "hold_ways_in": "people belong to the instance",
    "verify_email": "people belong to the instance",
    "prove_email": "people belong to the instance",
    "enter_by_mail": "people belong to the instance",
    "reset_password": "people belong to the instance",
    "remove_passkey": "people belong to the instance",
    "use_passkey": "people belong to the instance",
    "list_passkeys": "people belong to the instance",
    "find_passkey": "people belong to the instance",
    "keep_passkey": "people belong to the instance",
    "turn_totp_on": "people belong to the instance",
    "turn_totp_off": "people belong to the instance",
    "spend_totp": "people belong to the instance",
    "spend_recovery_code": "people belong to the instance",
    "replace_recovery_codes": "people belong to the instance",
    "renew_session": "sessions are people's, and people belong to the instance",
    "list_recovery_codes": "people belong to the instance",
    "find_totp": "people belong to the instance",
    "answer_device_request": "whoever reads a device's code may answer it; the grant is made for a member alone",
    "apply_all": "the schema is the instance's",
    "apply_next": "the schema is the instance's",
    "claim_letters": "the outbox is the instance's",
    "claim_name": "names are the instance's; whose one is, is the answer",
    "drop_letter": "the outbox is the instance's",
    "change_password": "people belong to the instance",
    "end_sessions": "sessions are people's, and people belong to the instance",
    "end_session": "sessions are people's, and people belong to the instance",
    "give_up_letter": "the outbox is the instance's; the organization is told",
    "find_device_request": "a device's code says nothing of an organization",
    "find_owner": "leads from a name to the organization that owns it",
    "find_password_hash": "people belong to the instance",
    "find_session": "sessions are people's, and people belong to the instance",
    "find_user": "people belong to the instance",
    "list_revocations": "the feed is the instance's: whoever verifies tokens reads all of it",
    "longest_access_ttl": "one number for the whole instance",
    "newest_revocation": "one number for the whole instance",
    "list_memberships": "where one person is a member",
    "list_organizations_of": "where one person is a member",
    "list_applied": "the schema is the instance's",
    "list_expiring": "asked by the operator's checkup alone",
    "list_orgs": "asked by commands alone",
    "list_apps_of_session": "sessions are people's, and people belong to the instance",
    "list_sessions": "sessions are people's, and people belong to the instance",
    "list_listening": "asked by what feeds the webhooks of every organization",
    "bring_people": "makes people, who belong to the instance, members of the organization",
    "replace_password_hash": "people belong to the instance",
    "replace_profile": "people belong to the instance",
    "list_seal_keys": "the instance's",
    "list_unsealed": "asked by what seals the events of every organization",
    "list_signing_keys": "the instance's",
    "make_device_request": "a device's code is unique in the instance",
    "make_session": "sessions are people's, and people belong to the instance",
    "make_first_keys": "the instance's",
    "next_due_at": "the outbox is the instance's",
    "newest_instant": "asked by the operator's checkup alone",
    "note_poll": "a device's code says nothing of an organization",
    "note_restored": "asked by a restore alone, of the whole database",
    "postpone_letter": "the outbox is the instance's",
    "put_letter": "the outbox is the instance's",
    "policy_version": "one number for the whole instance",
    "prepare": "the schema is the instance's",
    "rehearse": "the schema is the instance's",
    "restored_at": "the instance's",
    "rotate_keys": "the instance's",
    "schema_version": "the schema is the instance's",
    "set_password": "people belong to the instance",
    "set_user_disabled": "people belong to the instance",
    "touch_session": "sessions are people's, and people belong to the instance",
    "spend": "ids that may be used once are unique in the instance",
    "spend_for": "asks another question, which is probed by itself",
}


def _draft(org: bytes, a: World) -> apps.Draft:
    return apps.Draft(app(org, a.client_id), False, EPOCH, (OTHERS_URI,), (a.uri,), secret(new_id()))


def _consent(org: bytes, a: World) -> Consent:
    return Consent(org, a.user, a.client_id, "read", b"x" * 32, NOW)


def _resource(a: World) -> Resource:
    return Resource(a.resource, "read", None, NOW)


def _traces(world: World) -> list[str]:
    """How the things of a world would show in an answer."""
    owned = (world.org, world.secret, world.user, world.grant, world.revoked_grant, world.request)
    return [repr(id) for id in owned] + [id.hex() for id in owned] + [world.auth_token, world.email]


@pytest.mark.parametrize("asking", ["another", "instance", "nobody"])
@pytest.mark.parametrize("name", sorted(PROBES))
async def test_nothing_is_found_and_nothing_changes(store: Store, name: str, asking: str) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    org = {"another": b.org, "instance": INSTANCE, "nobody": new_id()}[asking]
    before, asker, shared = [await store.read(dump(each)) for each in (a.org, org, INSTANCE)]
    expected, probe = PROBES[name]

    try:
        outcome = await store.ask(probe(org, a))
    except GatepostError:
        outcome = None

    if expected is FOUND_NOTHING:
        assert outcome in NOTHING
        assert await store.read(dump(org)) == asker
    assert not [trace for trace in _traces(a) if trace in repr(outcome)]
    assert await store.read(dump(a.org)) == before
    after = await store.read(dump(INSTANCE))
    del shared["versions"]  # The one number that any change of policy moves, for everybody.
    assert not [row for table, rows in shared.items() for row in rows if row not in after[table]]


@pytest.mark.parametrize("name", sorted(name for name, (expected, _) in PROBES.items() if expected is FOUND_NOTHING))
async def test_the_same_question_finds_it_at_home(store: Store, name: str) -> None:
    """The probes above would prove nothing if they named what is not there."""
    a = await populate(store, "acme")
    before = await store.read(dump(a.org))
    outcome = await store.ask(PROBES[name][1](a.org, a))
    assert outcome not in NOTHING or await store.read(dump(a.org)) != before


async def test_every_table_of_organizations_is_in_the_comparison(store: Store) -> None:
    a = await populate(store, "acme")
    own, shared = await store.read(dump(a.org)), await store.read(dump(INSTANCE))
    of_the_instance = {
        *("names", "users", "signing_keys", "spent", "versions", "sessions", "passkeys", "recovery_codes"),
        *("device_requests", "outbox", "seal_keys"),
    }
    of_the_version_before = {"usage"}
    assert {table for table, rows in own.items() if not rows} == of_the_instance | of_the_version_before
    assert shared["names"]
    assert shared["users"]


@pytest.mark.parametrize("foreign", ["user", "key"])
async def test_a_grant_cannot_name_somebody_of_another_organization(store: Store, foreign: str) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    mixed = b._replace(user=a.user) if foreign == "user" else b._replace(key=a.key)
    assert await store.ask(grants.make_grant(b.org, new_grant(mixed, new_id()), act())) is False


async def test_a_grant_for_another_organizations_resource_is_dead(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    id = new_id()
    await store.ask(grants.make_grant(b.org, new_grant(b._replace(resource=a.resource), id), act()))
    grant = await store.read(grants.find_grant(b.org, id))
    assert grant is not None
    assert not grant.resource_exists


async def test_a_person_of_two_organizations_is_revoked_in_one(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    await store.ask(people.make_member(b.org, new_id(), a.email, None, "member", 3 * EPOCH, act()))
    id = new_id()
    assert await store.ask(grants.make_grant(b.org, new_grant(b._replace(user=a.user), id), act()))
    await store.ask(revocations.revoke_user_grants(b.org, a.user, act()))
    at_home, abroad = (
        await store.read(grants.find_grant(a.org, a.grant)),
        await store.read(grants.find_grant(b.org, id)),
    )
    assert at_home is not None
    assert abroad is not None
    assert (at_home.unbroken, abroad.unbroken) == (1, 0)
