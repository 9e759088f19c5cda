"""Changes over what somebody else changed meanwhile, of two at the same moment, and told again. RFC 9110 §13.1.1."""

import asyncio

import pytest

from gatepost.api.endpoints import ENDPOINTS
from gatepost.flows.webhook_signing import signers_of
from gatepost.flows.webhooks import webhooks_of

from .conftest import OpenWorld
from .staff import ask, hire, things
from .test_api import NEW
from .world import World


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """A world in which webhooks may be on this machine."""
    return await open_world({"outbound.allow_loopback": "true"})


async def test_a_change_over_what_one_has_not_seen_is_refused(world: World) -> None:
    staff = await hire(world)
    for path, change in (
        ("/apps/tool", {"name": "Another"}),
        ("/org", {"name": "Another"}),
        (f"/people/{staff.auditor.id}", {"role": "developer"}),
    ):
        seen = await ask(world, "GET", path, staff.owner)
        tag = {"if-match": seen.headers["etag"]}
        changed = await ask(world, "PATCH", path, staff.owner, json=change, headers=tag)
        assert changed.status_code == 200
        assert changed.headers["etag"] != seen.headers["etag"]
        late = await ask(world, "PATCH", path, staff.owner, json=change, headers=tag)
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
        tag = {"if-match": f'"other", {changed.headers["etag"]}'}
        assert (await ask(world, "PATCH", path, staff.owner, json=change, headers=tag)).status_code == 200
        assert (await ask(world, "PATCH", path, staff.owner, json=change)).status_code == 200
    late = await ask(world, "DELETE", "/apps/tool", staff.owner, headers={"if-match": '"old"'})
    assert late.status_code == 412


def test_what_can_be_seen_alone_has_a_tag_that_its_changes_heed() -> None:
    for path, methods in ENDPOINTS.items():
        seen = ENDPOINTS.get(path.removesuffix("/limit"), {}).get("GET")
        if "GET" in methods and methods["GET"].answer.__name__ != "Page" and path.endswith("}"):
            assert methods["GET"].tagged, path
        for method in {"PATCH", "PUT", "DELETE"} & set(methods):
            assert methods[method].edits == (seen is not None and seen.tagged), (method, path)


async def test_every_such_change_is_refused_over_what_has_changed(world: World) -> None:
    staff = await hire(world)
    names = await things(world, world.acme)
    changes = {
        "PATCH /webhooks/{webhook}": {"name": "Another"},
        "PUT /grants/{grant}/limit": {"rate_limit": 60},
        "PUT /apps/{client_id}/limit": {"rate_limit": 60},
        "DELETE /webhooks/{webhook}": None,
        "DELETE /grants/{grant}": None,
        "DELETE /keys/{key}": None,
    }
    for change, json in changes.items():
        method, _, path = change.partition(" ")
        url = path.format(**names)
        late = await ask(world, method, url, staff.owner, json=json, headers={"if-match": '"old"'})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed"), change
        seen = await ask(world, "GET", url.removesuffix("/limit"), staff.owner)
        tag = {"if-match": seen.headers["etag"]}
        changed = await ask(world, method, url, staff.owner, json=json, headers=tag)
        assert changed.status_code in (200, 204), changed.text
        if json:
            assert changed.headers["etag"] != seen.headers["etag"]
            assert (await ask(world, "GET", url.removesuffix("/limit"), staff.owner)).json() == changed.json()


async def test_a_renewed_secret_stays_when_the_webhook_is_changed_at_once(world: World) -> None:
    """Each writes all of a webhook that may change, so what one did must not be undone by the other."""
    other, path = await world.again(), f"/webhooks/{(await things(world, world.acme))['webhook']}"
    owner = (await hire(world)).owner
    for number in range(10):
        renewed, changed = await asyncio.gather(
            ask(world, "POST", f"{path}/secret", owner, json={"overlap": 0}),
            ask(other, "PATCH", path, owner, json={"name": f"Name {number}"}),
        )
        assert {renewed.status_code, changed.status_code} <= {200, 201, 409}
        (kept,) = await webhooks_of(world.instance, world.acme.org, world.operator)
        assert (kept.name == f"Name {number}") == (changed.status_code == 200)
        secret = renewed.json().get("secret")
        assert (signers_of(world.instance, kept)[0].secret.reveal() == secret) == (renewed.status_code == 201)


async def test_of_two_changes_at_once_one_is_told(world: World) -> None:
    """Both have seen the same and read the same; the write decides."""
    other = await world.again()
    app = (await ask(world, "POST", "/apps", world.acme, json=NEW)).json()["client_id"]
    for number in range(10):
        tag = {"if-match": (await ask(world, "GET", f"/apps/{app}", world.acme)).headers["etag"]}
        answers = await asyncio.gather(
            ask(world, "PATCH", f"/apps/{app}", world.acme, json={"name": f"one {number}"}, headers=tag),
            ask(other, "PATCH", f"/apps/{app}", world.acme, json={"scope": f"two{number}"}, headers=tag),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        won = next(answer.json() for answer in answers if answer.status_code == 200)
        assert (await ask(world, "GET", f"/apps/{app}", world.acme)).json() == won


async def test_what_is_changed_at_once_is_not_deleted_over_it(world: World) -> None:
    other, owner = await world.again(), (await hire(world)).owner
    hook = {"name": "Ours", "url": "http://127.0.0.1:59999/hook"}
    for _ in range(10):
        app = (await ask(world, "POST", "/apps", owner, json=NEW)).json()["client_id"]
        webhook = (await ask(world, "POST", "/webhooks", owner, json=hook)).json()["id"]
        for path in (f"/apps/{app}", f"/webhooks/{webhook}"):
            tag = {"if-match": (await ask(world, "GET", path, owner)).headers["etag"]}
            changed, deleted = await asyncio.gather(
                ask(world, "PATCH", path, owner, json={"name": "Another"}, headers=tag),
                ask(other, "DELETE", path, owner, headers=tag),
            )
            assert (changed.status_code, deleted.status_code) in ((200, 412), (404, 204), (412, 204))


async def test_an_answer_without_content_is_told_again_without_a_type(world: World) -> None:
    staff, names = await hire(world), await things(world, world.acme)
    path, key = "/webhooks/{webhook}/deliveries/{delivered}".format_map(names), {"idempotency-key": "one"}
    first, again = [await ask(world, "POST", path, staff.owner, headers=key) for _ in range(2)]
    assert (first.status_code, first.headers) == (again.status_code, again.headers)
    assert "content-type" not in again.headers
