"""The API's manners: pages, tags, requests sent again, other organizations, and what a caller does wrong."""

import asyncio
from typing import Any

import httpx
import pytest

from gatepost.api.asks import Metadata
from gatepost.api.endpoints import ENDPOINTS, PREFIX
from gatepost.api.problems import FIXES, in_problems
from gatepost.errors import CATALOGUE, GatepostError
from gatepost.flows.callers import POWERS
from gatepost.oauth.client_metadata import ClientMetadata
from gatepost.secrets import new_id, render_id
from gatepost.store.question import SQL, Steps, question
from gatepost.web.message import Request

from .conftest import OpenWorld
from .staff import Person, ask, hire, sign_in, things
from .world import DAY, ISSUER, World

NEW = {"name": "Shop", "redirect_uris": ["https://shop.test/cb"]}


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """A world in which webhooks may be on this machine."""
    return await open_world({"outbound.allow_loopback": "true"})


async def every(world: World, path: str, by: Any) -> list[dict[str, Any]]:
    """All of a list, part by part."""
    items: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        page = (await ask(world, "GET", following, by)).json()
        items += page["items"]
        following = page["next"] and page["next"].removeprefix(ISSUER + PREFIX)
    return items


# Other organizations.


async def test_what_is_another_organizations_is_as_unknown_as_what_never_was(world: World) -> None:
    """Case TN-1, for every path with a name in it and for both kinds of callers."""
    staff = await hire(world)
    everything = f"Bearer {(await world.make_key(world.acme.org, POWERS))[0]}"
    theirs, before = await things(world, world.beta), await snapshot(world)
    never = {name: _never(name) for name in theirs}
    for path, methods in ENDPOINTS.items():
        for method, endpoint in methods.items():
            if "{" not in path:
                continue
            body: dict[str, Any] = {"PATCH /apps/{client_id}": {"name": "x"}, "PATCH /people/{user}": {"role": "admin"}}
            body |= {"PATCH /webhooks/{webhook}": {"name": "x"}}
            body |= {f"PUT {each}/limit": {"rate_limit": 1} for each in ("/apps/{client_id}", "/grants/{grant}")}
            json = body.get(f"{method} {path}", {} if method == "POST" and endpoint.ask else None)
            for by in (staff.owner, everything):
                answers = [await ask(world, method, path.format(**names), by, json=json) for names in (theirs, never)]
                assert [answer.status_code for answer in answers] == [404, 404], (method, path)
                foreign, unknown = (
                    _without(answer, names) for answer, names in zip(answers, (theirs, never), strict=True)
                )
                assert foreign == unknown
    assert await snapshot(world) == before


PREFIXES = {
    "client_id": "app",
    "secret": "sec",
    "invitation": "inv",
    "grant": "gnt",
    "event": "evt",
    "delivered": "evt",
    "webhook": "whk",
    "user": "usr",
}


def _never(name: str) -> str:
    return render_id(PREFIXES.get(name, name), new_id())


def _without(answer: httpx.Response, names: dict[str, str]) -> dict[str, Any]:
    """A refusal without what must differ."""
    text = answer.text
    for name in names.values():
        text = text.replace(name, "…")
    return {key: value for key, value in httpx.Response(200, text=text).json().items() if key != "event_id"}


async def snapshot(world: World) -> list[Any]:
    """What Beta has, but for events."""

    @question
    def rows(org: bytes) -> Steps[list[Any]]:
        found: list[Any] = []
        for table in ("orgs", "apps", "app_secrets", "grants", "invitations", "api_keys", "memberships", "resources"):
            found += yield SQL(f"select * from {table} where org = ?", (org,))
        return found

    return await world.instance.store.read(rows(world.beta.org))


async def test_lists_hold_nothing_of_another_organization(world: World) -> None:
    staff = await hire(world)
    theirs = await things(world, world.beta)
    for path in (
        "/apps",
        "/grants",
        "/people",
        "/invitations",
        "/keys",
        "/events",
        f"/grants?app={theirs['client_id']}",
    ):
        text = str(await every(world, path, staff.owner))
        assert not [name for name in theirs.values() if name in text], path
    count = await ask(world, "POST", "/grants/revoke", staff.owner, json={"app": theirs["client_id"]})
    assert count.json() == {"revoked": 0}
    refused = await ask(
        world,
        *("POST", "/resources", staff.owner),
        json={"uri": "https://x.test/", "served_by": theirs["client_id"]},
    )
    assert refused.status_code == 404


async def test_a_cursor_is_good_for_its_list_and_whom_it_was_given(world: World) -> None:
    """Case TN-2."""
    staff = await hire(world)
    page = (await ask(world, "GET", "/apps?limit=1", staff.owner)).json()
    after = page["next"].rpartition("after=")[2]
    assert (await ask(world, "GET", f"/apps?after={after}", staff.owner)).status_code == 200
    for path, by in (
        (f"/apps?after={after}", staff.admin),
        (f"/apps?after={after}", world.beta),
        (f"/people?after={after}", staff.owner),
        (f"/apps?after={after[:-2]}", staff.owner),
        ("/apps?after=%27%20or%201=1", staff.owner),
        ("/apps?after=api-acme", staff.owner),
    ):
        refused = await ask(world, "GET", path, by)
        assert (refused.status_code, refused.json()["field"]) in ((400, "after"), (403, None)), path


# Pages.


@pytest.mark.parametrize("path", ["/apps", "/people", "/grants", "/events"])
async def test_the_parts_of_a_list_are_the_whole(world: World, path: str) -> None:
    staff = await hire(world)
    whole = (await ask(world, "GET", f"{path}?limit=1000", staff.owner)).json()
    assert whole["next"] is None
    assert len(whole["items"]) >= 4
    assert await every(world, f"{path}?limit=2", staff.owner) == whole["items"]


async def test_a_developer_pages_through_their_own_apps(world: World) -> None:
    staff = await hire(world)
    made = [(await ask(world, "POST", "/apps", staff.developer, json=NEW)).json()["client_id"] for _ in range(5)]
    assert [app["client_id"] for app in await every(world, "/apps?limit=2", staff.developer)] == sorted(made)


async def test_events_are_chosen_by_what_they_are_about(world: World) -> None:
    staff = await hire(world)
    app = (await ask(world, "POST", "/apps", staff.developer, json=NEW)).json()["client_id"]
    found = await every(world, f"/events?app={app}&type=app", staff.developer)
    assert [event["type"] for event in found] == ["app.secret_added", "app.redirect_uri_added", "app.made"]
    assert found[-1]["actor"] == staff.developer.id
    assert found[-1]["sentence"].startswith(f"{staff.developer.id} made the app {app}")
    assert not await every(world, f"/events?app={app}&since=2099-01-01T00:00:00Z", staff.owner)


# Changes.


async def test_an_app_changes_in_what_was_named(world: World) -> None:
    made = (await ask(world, "POST", "/apps", world.acme, json=NEW | {"scope": "read", "access_ttl": 60})).json()
    path = f"/apps/{made['client_id']}"
    change = {"access_ttl": None, "retry_window": "until_used", "metadata": {"client_uri": "https://shop.test/"}}
    changed = (await ask(world, "PATCH", path, world.acme, json=change)).json()
    assert (changed["access_ttl"], changed["retry_window"], changed["scope"]) == (None, "until_used", "read")
    assert changed["metadata"]["client_uri"] == "https://shop.test/"
    uris = ["https://shop.test/cb2", "https://shop.test/cb"]
    changed = (await ask(world, "PATCH", path, world.acme, json={"redirect_uris": uris})).json()
    assert set(changed["redirect_uris"]) == set(uris)
    assert changed["metadata"]["client_uri"] == "https://shop.test/"
    assert (await ask(world, "PATCH", path, world.acme, json={"redirect_uris": []})).json()["redirect_uris"] == []


async def test_secrets_are_told_once(world: World) -> None:
    made = (await ask(world, "POST", "/apps", world.acme, json=NEW)).json()
    path = f"/apps/{made['client_id']}"
    at = "2027-06-01T00:00:00Z"
    fresh = (await ask(world, "POST", f"{path}/secrets", world.acme, json={"expires_at": at})).json()
    assert fresh["expires_at"] == at
    for text in (
        str(await every(world, f"{path}/secrets", world.acme)),
        (await ask(world, "GET", path, world.acme)).text,
    ):
        assert made["client_secret"] not in text
        assert fresh["client_secret"] not in text
    assert (await ask(world, "DELETE", f"{path}/secrets/{fresh['id']}", world.acme)).status_code == 204


# Requests sent again.


async def test_a_request_sent_again_is_answered_the_same(world: World) -> None:
    key = {"idempotency-key": "one"}
    first = await ask(world, "POST", "/apps", world.acme, json=NEW, headers=key)
    again = await ask(world, "POST", "/apps", world.acme, json=NEW, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len([app for app in await every(world, "/apps", world.acme) if app["name"] == "Shop"]) == 1


async def test_a_key_is_for_one_request_of_one_caller(world: World) -> None:
    key = {"idempotency-key": "one"}
    first = await ask(world, "POST", "/apps", world.acme, json=NEW, headers=key)
    other = await ask(world, "POST", "/apps", world.acme, json=NEW | {"name": "Other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (await ask(world, "POST", "/keys", world.acme, json=NEW, headers=key)).status_code in (400, 422)
    someone = f"Bearer {(await world.make_key(world.acme.org))[0]}"
    for by in (someone, world.beta):
        assert (await ask(world, "POST", "/apps", by, json=NEW, headers=key)).json() != first.json()


async def test_a_refused_request_may_be_sent_again(world: World) -> None:
    key = {"idempotency-key": "one"}
    wanted = {"uri": "https://later.test/", "served_by": "later"}
    assert (await ask(world, "POST", "/resources", world.acme, json=wanted, headers=key)).status_code == 404
    await world.make_app(world.acme.org, client_id="later", kind="service")
    assert (await ask(world, "POST", "/resources", world.acme, json=wanted, headers=key)).status_code == 201


async def test_a_day_later_the_key_is_free(world: World) -> None:
    key = {"idempotency-key": "one"}
    first = await ask(world, "POST", "/apps", world.acme, json=NEW, headers=key)
    world.clock.forward(DAY)
    assert (await ask(world, "POST", "/apps", world.acme, json=NEW, headers=key)).json() != first.json()


async def test_of_many_at_once_with_one_key_one_is_carried_out(world: World) -> None:
    worlds = [world, await world.again()]
    key = {"idempotency-key": "one"}
    answers = await asyncio.gather(
        *(ask(worlds[n % 2], "POST", "/apps", world.acme, json=NEW, headers=key) for n in range(10))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["client_id"] for answer in answers if answer.status_code == 201}) == 1
    assert len([app for app in await every(world, "/apps", world.acme) if app["name"] == "Shop"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_cannot_be_is_refused(world: World, key: str) -> None:
    refused = await ask(world, "POST", "/apps", world.acme, json=NEW, headers={"idempotency-key": key})
    assert refused.status_code == 400


# What a caller does wrong.


def test_all_that_an_app_says_of_itself_can_be_said_here() -> None:
    assert Metadata.__struct_fields__ == ClientMetadata._fields


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/apps", {"json": NEW | {"org": "org_x"}}, 400),
        ("POST", "/apps", {"json": {"name": 1}}, 400),
        ("POST", "/apps", {"json": {}}, 400),
        ("POST", "/apps", {"json": NEW | {"kind": "toaster"}}, 400),
        ("POST", "/apps", {"json": NEW | {"redirect_uris": ["http://evil.test/"]}}, 400),
        ("POST", "/apps", {"json": NEW | {"client_id": "web-beta"}}, 409),
        ("POST", "/apps", {"content": b"name=x", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", "/apps", {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ("POST", "/apps?name=x", {"json": NEW}, 400),
        ("POST", "/apps", {"content": b" " * 70_000, "headers": {"content-type": "application/json"}}, 413),
        ("GET", "/apps?limit=0", {}, 400),
        ("GET", "/apps?limit=1001", {}, 400),
        ("GET", "/apps?limt=1", {}, 400),
        ("GET", "/grants?user=bob", {}, 400),
        ("GET", "/events?type=nonsense", {}, 400),
        ("GET", "/me?x=1", {}, 400),
        ("GET", "/events?since=0001-01-01T00:00:00", {}, 400),
        ("GET", "/events?until=2026-01-01T00:00:00", {}, 400),
        ("PUT", "/apps", {"json": NEW}, 405),
        ("POST", "/grants/revoke", {"json": {}}, 400),
        ("POST", "/grants/revoke", {"json": {"all": True, "app": "web-acme"}}, 400),
        ("POST", "/grants/revoke", {"json": {"app": "web-acme\0"}}, 400),
        ("POST", "/apps/web-acme/secrets", {"json": {"expires_at": "2020-01-01T00:00:00Z"}}, 400),
        ("POST", "/apps/native-acme/secrets", {"json": {}}, 400),
        ("PUT", "/scopes", {"json": {"scope": "read", "text": "x", "locale": "EN"}}, 400),
        ("DELETE", "/resources", {}, 400),
        ("POST", "/keys", {"json": {"scopes": ["signing:rotate"]}}, 400),
        ("POST", "/invitations", {"json": {"email": "nobody"}}, 400),
        ("POST", "/org/disable", {"json": {"force": True}}, 400),
    ],
)
async def test_what_is_wrong_is_refused(world: World, method: str, path: str, options: Any, status: int) -> None:
    answer = await ask(world, method, path, world.acme, **options)
    assert answer.status_code == status, answer.text


async def test_a_head_is_a_get_without_its_body(world: World) -> None:
    seen = await world.call("GET", "/api/v1/apps/web-acme", world.acme)
    head = await world.call("HEAD", "/api/v1/apps/web-acme", world.acme)
    assert (head.status_code, head.headers["etag"]) == (200, seen.headers["etag"])


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/apps/a/b/c/d", "/apps/", "/apps/a%00b", "/openapi.yaml"])
async def test_where_the_api_has_nothing_it_says_so_in_its_own_words(world: World, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        for accept in ("application/json", "text/html"):
            nothing = await ask(world, method, path, world.acme, headers={"accept": accept})
            assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    outside = await world.call("GET", "/api/v10", world.acme)
    assert outside.headers["content-type"] == "application/json"


async def test_code_of_other_origins_is_told_nothing(world: World) -> None:
    """An API key has no place in a page: there is no preflight that lets one in, and no answer that one may read."""
    asked = {"origin": "https://elsewhere.test", "access-control-request-method": "POST"}
    preflight = await ask(world, "OPTIONS", "/apps", None, headers=asked)
    assert (preflight.status_code, preflight.headers["allow"]) == (405, "GET, HEAD, POST")
    for answer in (preflight, await ask(world, "GET", "/apps", world.acme, headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_what_was_done_is_recorded_under_who_did_it(world: World) -> None:
    staff = await hire(world)
    dave = await sign_in(world, staff.tool, "member", "dave")
    await ask(world, "PATCH", f"/people/{dave.id}", staff.owner, json={"role": "auditor"})
    (event,) = await world.events(world.acme.org, "user.role_changed")
    assert (event.actor, render_id("usr", event.user_id or b"")) == (staff.owner.id, dave.id)


async def test_who_is_removed_loses_what_they_connected(world: World) -> None:
    staff = await hire(world)
    dave: Person = await sign_in(world, staff.tool, "developer", "dave")
    token = dave.bearer.removeprefix("Bearer ")
    assert await world.is_active(token)
    assert (await ask(world, "DELETE", f"/people/{dave.id}", staff.admin)).status_code == 204
    assert not await world.is_active(token)


async def test_the_owner_disables_the_organization_and_nobody_enables_it(world: World) -> None:
    staff = await hire(world)
    assert (await ask(world, "POST", "/org/disable", staff.owner)).status_code == 204
    for by in (staff.owner, world.acme):
        assert (await ask(world, "GET", "/me", by)).status_code == 401


# The document, and its page.


async def test_the_document_and_its_page_are_for_everybody_to_read(world: World) -> None:
    document = (await world.call("GET", f"{PREFIX}/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": f"{ISSUER}{PREFIX}"}]
    page = await world.call("GET", f"{PREFIX}/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path, methods in ENDPOINTS.items():
        for method, endpoint in methods.items():
            operation = document["paths"][path][method.lower()]
            assert operation["operationId"] in page.text
            assert operation["summary"]
            assert operation.get("x-gatepost-command", "") == (endpoint.command and f"gatepost {endpoint.command}")
    assert 'src="http' not in page.text


def test_a_refusal_says_how_to_mend_it() -> None:
    """In words, also where the verb names a command: who calls an API may have no command line."""
    assert set(FIXES) <= set(CATALOGUE)
    request = Request("GET", b"/api/v1/apps", b"", {}, "192.0.2.1", b"")
    for fix, said in (
        ("look again", "Look again."),
        ("gatepost app list", FIXES["not_found"]),
        ("", FIXES["not_found"]),
    ):
        reply = in_problems(request, GatepostError("not_found", "There is no such app.", fix=fix), "evt_1", ())
        assert f'"fix":"{said}"'.encode() in reply.body
        assert b'"detail":"There is no such app."' in reply.body


async def test_a_refusal_leads_to_where_it_is_explained(world: World) -> None:
    problem = (await ask(world, "GET", "/apps", None)).json()
    path, _, code = problem["type"].partition("#")
    assert f'id="{code}"' in (await world.call("GET", path)).text
