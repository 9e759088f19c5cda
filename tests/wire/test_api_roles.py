"""Who may do what through the API, cell by cell: the matrix as it is promised, against the server. Cases CO-1, CO-2."""

from typing import Any

import httpx
import pytest

from gatepost.api.endpoints import ENDPOINTS
from gatepost.errors import GatepostError
from gatepost.flows.callers import POWERS
from gatepost.flows.claims import set_claims
from gatepost.flows.roles import MATRIX, Actor, operator
from gatepost.secrets import parse_id
from gatepost.store.people import find_user

from .browser import Browser, connected, give_password
from .conftest import OpenWorld
from .staff import HOOK, Person, ask, hire, sign_in, things
from .world import World

OWN, OTHERS = "own", "others'"

CELLS = """
GET    /me                               + + + + +
GET    /roles                            + + + + -
GET    /org                              + + + + -
PATCH  /org                              + + - - -
GET    /health                           + + + + -
POST   /org/disable                      + - - - -
GET    /apps                             + + + + -
POST   /apps                             + + + - -
GET    /apps/{client_id}                 + + o + -
PATCH  /apps/{client_id}                 + + o - -
DELETE /apps/{client_id}                 + + o - -
GET    /apps/{client_id}/use             + + o + -
POST   /apps/{client_id}/disable         + + o - -
POST   /apps/{client_id}/enable          + + - - -
PUT    /apps/{client_id}/limit           + + - - -
GET    /apps/{client_id}/secrets         + + o + -
POST   /apps/{client_id}/secrets         + + o - -
DELETE /apps/{client_id}/secrets/{secret} + + o - -
GET    /grants                           + + o + -
GET    /grants/{grant}                   + + o + -
DELETE /grants/{grant}                   + + o - -
PUT    /grants/{grant}/limit             + + - - -
POST   /grants/revoke                    + + o - -
GET    /requests                         + + + + -
GET    /requests/{request}               + + + + -
POST   /requests/{request}/approve       + + - - -
POST   /requests/{request}/refuse        + + - - -
GET    /people                           + + - + -
GET    /people/{user}                    + + - + -
PATCH  /people/{user}                    + + - - -
DELETE /people/{user}                    + + - - -
GET    /invitations                      + + - + -
POST   /invitations                      + + - - -
DELETE /invitations/{invitation}         + + - - -
GET    /keys                             + + - + -
POST   /keys                             + + - - -
GET    /keys/{key}                       + + - + -
DELETE /keys/{key}                       + + - - -
GET    /resources                        + + + + -
POST   /resources                        + + - - -
DELETE /resources                        + + - - -
GET    /scopes                           + + + + -
PUT    /scopes                           + + - - -
DELETE /scopes                           + + - - -
GET    /trusted-issuers                  + + + + -
POST   /trusted-issuers                  + - - - -
DELETE /trusted-issuers                  + - - - -
GET    /webhooks                         + + - + -
POST   /webhooks                         + + - - -
GET    /webhooks/{webhook}               + + - + -
PATCH  /webhooks/{webhook}               + + - - -
DELETE /webhooks/{webhook}               + + - - -
POST   /webhooks/{webhook}/secret        + + - - -
POST   /webhooks/{webhook}/test          + + - - -
GET    /webhooks/{webhook}/deliveries    + + - + -
POST   /webhooks/{webhook}/deliveries/{delivered} + + - - -
GET    /usage                            + + + + -
GET    /usage/apps                       + + + + -
GET    /signing-keys                     + + + + -
POST   /signing-keys/rotate              - - - - -
GET    /events                           + + o + -
GET    /events/{event}                   + + o + -
"""
"""For owner, admin, developer, auditor and member: they may, they may not, or they may to apps that they made."""

ASKS: dict[str, Any] = {
    "PATCH /org": {"name": "The company"},
    "POST /apps": {"name": "Another"},
    "PATCH /apps/{client_id}": {"name": "Renamed"},
    "POST /apps/{client_id}/secrets": {},
    "GET /grants": {"app": "{client_id}"},
    "POST /webhooks": {"url": HOOK},
    "PATCH /webhooks/{webhook}": {"name": "Another"},
    "POST /webhooks/{webhook}/secret": {},
    "PUT /apps/{client_id}/limit": {"rate_limit": 60},
    "PUT /grants/{grant}/limit": {"rate_limit": None},
    "POST /trusted-issuers": {"issuer": "https://idp.test/{client_id}", "jwks_uri": "https://idp.test/jwks"},
    "DELETE /trusted-issuers": {"issuer": "{issuer}"},
    "POST /grants/revoke": {"app": "{client_id}"},
    "POST /requests/{request}/refuse": {"reason": "No"},
    "PATCH /people/{user}": {"role": "auditor"},
    "POST /invitations": {"email": "somebody@else.test"},
    "POST /keys": {"scopes": ["apps:read"]},
    "POST /resources": {"uri": "https://{client_id}.test/"},
    "DELETE /resources": {"uri": "{resource}"},
    "PUT /scopes": {"scope": "write", "text": "Write it"},
    "DELETE /scopes": {"scope": "read"},
    "POST /signing-keys/rotate": {},
    "GET /events": {"app": "{client_id}"},
}
"""What is asked, where something must be."""


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """A world in which webhooks may be on this machine."""
    return await open_world({"outbound.allow_loopback": "true"})


def rows() -> list[tuple[str, str, list[str]]]:
    split = [line.split() for line in CELLS.strip().splitlines()]
    return [(method, path, cells) for method, path, *cells in split]


async def tried(world: World, method: str, path: str, by: Person | str, names: dict[str, str]) -> httpx.Response:
    """The endpoint, asked about these things."""
    wanted = {key: _filled(value, names) for key, value in ASKS.get(f"{method} {path}", {}).items()}
    url = path.format(**names)
    if method in ("GET", "DELETE"):
        return await ask(world, method, f"{url}?{httpx.QueryParams(wanted)}" if wanted else url, by)
    is_asked = f"{method} {path}" in ASKS
    return await ask(world, method, url, by, json=wanted if is_asked else None)


def _filled(value: Any, names: dict[str, str]) -> Any:
    return value.format(**names) if isinstance(value, str) else value


def test_the_table_names_every_endpoint() -> None:
    there = {f"{method} {path}" for path, methods in ENDPOINTS.items() for method in methods}
    assert there == {f"{method} {path}" for method, path, _ in rows()}


async def test_every_cell(world: World) -> None:
    staff = await hire(world)
    faults: list[str] = []
    # What ends it all comes last.
    for method, path, cells in sorted(rows(), key=lambda row: row[1] == "/org/disable"):
        for person, cell in reversed(list(zip(staff[1:], cells, strict=True))):
            for whose in (OWN, OTHERS) if path != "/org/disable" else (OWN,):
                names = await things(world, world.acme, staff.developer.id if whose == OWN else "")
                answer = await tried(world, method, path, person, names)
                wanted = {"+": True, "-": False, "o": whose == OWN}[cell]
                is_right = answer.status_code < 400 if wanted else answer.status_code == 403
                if not is_right:
                    faults.append(f"{person.role} {method} {path} of {whose}: {answer.status_code} {answer.text}")
    assert not faults, "\n".join(faults)


async def test_a_key_does_what_its_scopes_say_and_nothing_else(world: World) -> None:
    faults: list[str] = []
    for path, methods in ENDPOINTS.items():
        for method, endpoint in methods.items():
            if endpoint.deed is None or endpoint.deed.name == "SIGNING_ROTATE":
                continue
            scopes = MATRIX[endpoint.deed].scopes
            others = tuple(power for power in POWERS if power not in scopes)
            names = await things(world, world.acme)
            refused = await tried(world, method, path, await bearer(world, others), names)
            if refused.status_code != 403:
                faults.append(f"{method} {path} without {scopes}: {refused.status_code}")
            for scope in set(scopes).intersection(POWERS):
                # To limit an app one has to see it, and nobody makes people who may do more.
                more: tuple[str, ...] = ("apps:read",) if path == "/apps/{client_id}/limit" else ()
                more = POWERS if scope == "people:write" and method != "GET" else more
                allowed = await tried(world, method, path, await bearer(world, (scope, *more)), names)
                needs_more = method == "POST" and path == "/keys"
                if (allowed.status_code >= 400) is not needs_more:
                    faults.append(f"{method} {path} with {scope}: {allowed.status_code} {allowed.text}")
    assert not faults, "\n".join(faults)


async def bearer(world: World, scopes: tuple[str, ...]) -> str:
    return f"Bearer {(await world.make_key(world.acme.org, scopes))[0]}"


async def test_signing_keys_are_rotated_by_a_key_of_the_whole_server_alone(world: World) -> None:
    everything = await bearer(world, POWERS)
    assert (await ask(world, "POST", "/signing-keys/rotate", everything, json={})).status_code == 403
    key, _ = await world.make_key(bytes(16), ("signing:read", "signing:rotate"))
    world.clock.forward(1000)
    rotated = await ask(world, "POST", "/signing-keys/rotate", f"Bearer {key}", json={})
    assert rotated.status_code == 200
    assert {"next", "active", "retired"} == {each["state"] for each in rotated.json()["items"]}
    assert (await ask(world, "GET", "/apps", f"Bearer {key}")).status_code == 403


async def test_an_admin_has_no_way_to_owners(world: World) -> None:
    """Not by a role, an invitation, a removal, nor a key that acts for people."""
    staff = await hire(world)
    admin, owner = staff.admin, staff.owner
    for method, path, json in (
        ("PATCH", f"/people/{admin.id}", {"role": "owner"}),
        ("PATCH", f"/people/{owner.id}", {"role": "member"}),
        ("DELETE", f"/people/{owner.id}", None),
        ("POST", "/invitations", {"email": "x@acme.test", "role": "owner"}),
        ("POST", "/keys", {"scopes": ["users:act"]}),
    ):
        assert (await ask(world, method, path, admin, json=json)).status_code == 403, path
    everything = await bearer(world, POWERS)
    assert (await ask(world, "PATCH", f"/people/{admin.id}", everything, json={"role": "owner"})).status_code == 403


async def test_a_token_that_a_key_got_for_a_person_is_not_theirs(world: World) -> None:
    staff = await hire(world)
    tool, owner = staff.tool, staff.owner
    pair = await world.tokens(tool, user_id=owner.id, scope="gatepost")
    assert (await ask(world, "GET", "/me", f"Bearer {pair.access_token}")).status_code == 401


async def test_a_token_without_the_scope_is_refused(world: World) -> None:
    staff = await hire(world)
    await give_password(world, world.acme.bob)
    content = await connected(world, Browser(world), staff.tool, scope="read")
    answer = await ask(world, "GET", "/me", f"Bearer {content['access_token']}")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_a_role_counts_as_it_is_now(world: World) -> None:
    staff = await hire(world)
    dave = await sign_in(world, staff.tool, "admin", "dave")
    assert (await ask(world, "GET", "/keys", dave)).status_code == 200
    await ask(world, "PATCH", f"/people/{dave.id}", staff.owner, json={"role": "member"})
    assert (await ask(world, "GET", "/keys", dave)).status_code == 403
    await ask(world, "DELETE", f"/people/{dave.id}", staff.owner)
    assert (await ask(world, "GET", "/me", dave)).status_code == 401


async def test_the_last_owner_stays(world: World) -> None:
    staff = await hire(world)
    owner = staff.owner
    for method, json in (("PATCH", {"role": "admin"}), ("DELETE", None)):
        answer = await ask(world, method, f"/people/{owner.id}", owner, json=json)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    await ask(world, "PATCH", f"/people/{staff.admin.id}", owner, json={"role": "owner"})
    assert (await ask(world, "DELETE", f"/people/{owner.id}", owner)).status_code == 204


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", "Bearer gp_key_x", "Basic eDp5"])
async def test_nobody_is_let_in(world: World, authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization else {}
    for path in ("/me", "/apps", "/apps/web-acme"):
        answer = await ask(world, "GET", path, None, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_what_apps_are_told_of_a_person_is_no_organizations_to_see_or_say(world: World) -> None:
    """Case AC-7: a person may belong to several."""
    staff = await hire(world)
    path, owner = f"/people/{staff.auditor.id}", Actor(world.act, world.acme.org, "owner")
    before = await world.instance.store.read(find_user(parse_id("usr", staff.auditor.id) or b""))
    assert before is not None
    for more in ({"claims": {"name": "Eve"}}, {"name": "Eve"}, {"email_verified": True}):
        refused = await ask(world, "PATCH", path, staff.owner, json={"role": "auditor", **more})
        assert refused.status_code == 400
        assert next(iter(more)) in refused.json()["detail"]
    with pytest.raises(GatepostError, match="There is no such thing here"):
        await set_claims(world.instance, before, {"name": "Eve"}, owner)
    assert await world.instance.store.read(find_user(before.id)) == before
    await set_claims(world.instance, before, {"name": "Ann", "locale": "de"}, operator(world.act))
    assert not {"name", "locale", "claims"} & (await ask(world, "GET", path, staff.owner)).json().keys()
