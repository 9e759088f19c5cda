"""The matrix of roles and deeds, asked of the verbs themselves; `tests/api` asks it from outside, cell by cell."""

from collections.abc import Awaitable

import pytest

from gatepost.errors import GatepostError
from gatepost.flows.actors import person
from gatepost.flows.api_keys import create_key, end_key
from gatepost.flows.apps import NewApp, change_app, create_app, create_secret
from gatepost.flows.callers import Caller
from gatepost.flows.clients import save_client
from gatepost.flows.joining import invite
from gatepost.flows.limits import set_app_limit, set_grant_limit, set_org_limit
from gatepost.flows.members import end_membership, member_of, set_role
from gatepost.flows.organizations import get_org, set_disabled
from gatepost.flows.owned_apps import app_of, apps_of, end_app, redirect_uris_of
from gatepost.flows.owned_apps import set_disabled as set_app_disabled
from gatepost.flows.people import create_user
from gatepost.flows.roles import MATRIX, ROLES, Actor, Deed
from gatepost.flows.scopes import ScopeText, describe_scope
from gatepost.records import App
from gatepost.secrets import parse_id, render_id
from gatepost.store.events import Act
from gatepost.store.orgs import find_org
from gatepost.store.people import set_user_disabled

from .world import ADDRESS, World, claims_of


async def somebody(world: World, role: str, email: str = "") -> Actor:
    """A person of Acme with this role."""
    email = email or f"{role}@acme.test"
    user = await create_user(world.instance, world.acme.org, email, role, None, world.operator)
    return await person(world.instance, world.acme.org, user.id, ADDRESS)


async def an_app(world: World, actor: Actor) -> App:
    return (await create_app(world.instance, world.acme.org, NewApp("Theirs"), actor))[0]


async def refusal(work: Awaitable[object]) -> str:
    """The code of the refusal that this ends in."""
    with pytest.raises(GatepostError) as refused:
        await work
    return refused.value.code


def test_every_deed_has_its_row() -> None:
    assert set(MATRIX) == set(Deed)
    assert {role for rule in MATRIX.values() for role in (*rule.roles, *rule.own)} == set(ROLES) - {"member"}


async def test_a_developer_has_the_apps_that_they_made(world: World) -> None:
    dev, other = await somebody(world, "developer"), await somebody(world, "developer", "other@acme.test")
    app, theirs = await an_app(world, dev), await an_app(world, other)
    assert [each.client_id for each in await apps_of(world.instance, world.acme.org, dev, "", 100)] == [app.client_id]
    await create_secret(world.instance, app, None, dev)
    changed = await change_app(world.instance, app, {"name": "Mine"}, (), (), dev)
    assert (changed.name, changed.created_by) == ("Mine", dev.user_id)
    assert await refusal(app_of(world.instance, world.acme.org, theirs.client_id, dev)) == "not_allowed"
    assert await refusal(change_app(world.instance, theirs, {"name": "Mine"}, (), (), dev)) == "not_allowed"
    assert await refusal(create_secret(world.instance, theirs, None, dev)) == "not_allowed"
    assert await refusal(end_app(world.instance, theirs, dev)) == "not_allowed"
    await end_app(world.instance, changed, dev)


@pytest.mark.parametrize("flag", ["first_party", "skip_consent", "open_to_others"])
async def test_a_developer_cannot_make_an_app_that_asks_nobody(world: World, flag: str) -> None:
    dev, admin = await somebody(world, "developer"), await somebody(world, "admin")
    new = NewApp("Silent", metadata={"first_party": True, flag: True})
    assert await refusal(create_app(world.instance, world.acme.org, new, dev)) == "not_allowed"
    app = await an_app(world, dev)
    change = {"metadata": {"first_party": True, flag: True}}
    assert await refusal(change_app(world.instance, app, change, (), (), dev)) == "not_allowed"
    await change_app(world.instance, app, change, (), (), admin)


async def test_a_developer_changes_no_app_that_others_let_ask_nobody(world: World) -> None:
    """Trust was given to the app as it was: its maker must not lead people's tokens elsewhere, whom nobody asks."""
    dev, admin = await somebody(world, "developer"), await somebody(world, "admin")
    app = await an_app(world, dev)
    trust = {"metadata": {"first_party": True, "skip_consent": True}}
    app = await change_app(world.instance, app, trust, (), (), admin)
    there = "https://elsewhere.test/cb"
    assert await refusal(change_app(world.instance, app, {"scope": "read"}, (there,), (), dev)) == "not_allowed"
    caller = Caller(world.acme.org, None, None, dev)
    assert await refusal(save_client(world.instance, caller, app.client_id, there, None, ADDRESS)) == "not_allowed"
    assert await redirect_uris_of(world.instance, app) == []
    app = await change_app(world.instance, app, {"metadata": {"skip_consent": False}}, (), (), admin)
    await change_app(world.instance, app, {"scope": "read"}, (there,), (), dev)


async def test_an_auditor_changes_nothing(world: World) -> None:
    auditor = await somebody(world, "auditor")
    assert len(await apps_of(world.instance, world.acme.org, auditor, "", 100)) == 3
    assert await refusal(an_app(world, auditor)) == "not_allowed"
    assert await refusal(end_key(world.instance, world.acme.org, world.acme.key_id, auditor, keep_grants=True)) == (
        "not_allowed"
    )


async def test_a_member_has_no_business_here(world: World) -> None:
    member = await somebody(world, "member")
    assert not any(member.may_own(deed) for deed in Deed)
    assert await refusal(apps_of(world.instance, world.acme.org, member, "", 100)) == "not_allowed"


async def test_an_admin_makes_no_owner_and_ends_no_organization(world: World) -> None:
    admin, owner = await somebody(world, "admin"), await somebody(world, "owner")
    assert await refusal(invite(world.instance, world.acme.org, "x@acme.test", "owner", admin)) == "not_allowed"
    await invite(world.instance, world.acme.org, "x@acme.test", "owner", owner)
    await invite(world.instance, world.acme.org, "y@acme.test", "admin", admin)
    org = await world.instance.store.read(find_org(world.acme.org))
    assert org is not None
    assert await refusal(set_disabled(world.instance, org, True, admin)) == "not_allowed"
    await set_disabled(world.instance, org, True, owner)
    assert await refusal(set_disabled(world.instance, org, False, owner)) == "not_allowed"


async def test_nobody_gives_a_key_more_than_they_may_do(world: World) -> None:
    """A key that may act for people could act for an owner."""
    admin, owner = await somebody(world, "admin"), await somebody(world, "owner")
    org, scopes = world.acme.org, ("users:act",)
    assert await refusal(create_key(world.instance, org, "A key", scopes, None, admin)) == "not_allowed"
    await create_key(world.instance, org, "A key", scopes, None, owner)
    key = Actor(world.act, org, scopes=frozenset(("keys:write", "apps:read")))
    assert await refusal(create_key(world.instance, org, "A key", ("apps:write",), None, key)) == "not_allowed"
    await create_key(world.instance, org, "A key", ("apps:read",), None, key)


async def test_a_developer_enables_no_app_that_was_disabled_against_them(world: World) -> None:
    dev, admin = await somebody(world, "developer"), await somebody(world, "admin")
    app = await an_app(world, dev)
    await set_app_disabled(world.instance, app, True, dev)
    assert await refusal(set_app_disabled(world.instance, app, False, dev)) == "not_allowed"
    await set_app_disabled(world.instance, app, False, admin)


async def test_a_key_makes_and_changes_nobody_who_may_do_more(world: World) -> None:
    org = world.acme.org
    key = Actor(Act(0, "key_1"), org, scopes=frozenset(("people:write",)))
    all_of_it = {scope for rule in MATRIX.values() for scope in rule.scopes}
    mighty = Actor(Act(0, "key_2"), org, scopes=frozenset(all_of_it))
    admin = await somebody(world, "admin")
    member = await member_of(world.instance, org, render_id("usr", admin.user_id or b""), world.operator)
    assert await refusal(invite(world.instance, org, "new@acme.test", "admin", key)) == "insufficient_scope"
    assert await refusal(set_role(world.instance, org, member, "member", key)) == "insufficient_scope"
    assert await refusal(end_membership(world.instance, org, member, key)) == "insufficient_scope"
    await invite(world.instance, org, "new@acme.test", "member", key)
    await invite(world.instance, org, "newer@acme.test", "admin", mighty)
    assert await refusal(invite(world.instance, org, "newest@acme.test", "owner", mighty)) == "not_allowed"


async def test_nobody_says_in_other_words_what_power_over_the_organization_is(world: World) -> None:
    owner = await somebody(world, "owner")
    words = ScopeText("gatepost", "en", "See your name")
    assert await refusal(describe_scope(world.instance, world.acme.org, words, owner)) == "invalid_scope"


async def test_the_role_ends_at_the_border(world: World) -> None:
    owner = await somebody(world, "owner")
    assert await refusal(create_app(world.instance, world.beta.org, NewApp("Mine"), owner)) == "not_found"
    assert owner.user_id is not None
    assert await refusal(person(world.instance, world.beta.org, owner.user_id, ADDRESS)) == "not_found"


async def test_who_is_disabled_or_gone_is_nobody(world: World) -> None:
    bob = parse_id("usr", world.acme.bob) or b""
    await person(world.instance, world.acme.org, bob, ADDRESS)
    await world.instance.store.ask(set_user_disabled(bob, True, world.act))
    assert await refusal(person(world.instance, world.acme.org, bob, ADDRESS)) == "not_found"


async def test_two_who_change_an_app_at_once_do_not_overwrite_each_other(world: World) -> None:
    app = await an_app(world, world.operator)
    await change_app(world.instance, app, {"name": "First"}, (), (), world.operator)
    assert await refusal(change_app(world.instance, app, {"scope": "read"}, (), (), world.operator)) == "overtaken"
    kept = await app_of(world.instance, world.acme.org, app.client_id, world.operator)
    assert (kept.name, kept.scope) == ("First", "")


async def test_nobody_lifts_a_limit_that_was_set_for_them(world: World) -> None:
    developer, admin = await somebody(world, "developer"), await somebody(world, "admin")
    app, org = await an_app(world, developer), await get_org(world.instance, world.acme.id)
    grant = claims_of((await world.tokens()).access_token)["gid"]
    assert await refusal(set_app_limit(world.instance, app, None, developer)) == "not_allowed"
    assert await refusal(set_org_limit(world.instance, org, None, admin)) == "not_allowed"
    assert await refusal(set_grant_limit(world.instance, grant, [world.beta.org], 60, admin)) == "not_found"
    await set_app_limit(world.instance, app, 60, admin)
    assert (await set_grant_limit(world.instance, grant, [world.acme.org], 60, admin)).rate_limit == 60
    await set_org_limit(world.instance, org, 60, world.operator)
