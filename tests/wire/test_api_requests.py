"""The approval queue through the API."""

from typing import Any

from gatepost.api.endpoints import PREFIX

from .asking import ask as ask_admin
from .asking import bob_of_acme, of_others, queue, review
from .staff import ask
from .world import World


async def test_the_policy_is_a_member_of_the_organization(world: World) -> None:
    shown = await ask(world, "GET", "/org", world.acme)
    assert shown.json()["apps_need_approval"] is False
    changed = await ask(world, "PATCH", "/org", world.acme, json={"apps_need_approval": True})
    assert (changed.json()["apps_need_approval"], changed.json()["name"]) == (True, "The company")
    assert (await ask(world, "GET", "/org", world.acme)).json() == changed.json()
    for wrong in ({"apps_need_approval": "yes"}, {"needs": True}):
        assert (await ask(world, "PATCH", "/org", world.acme, json=wrong)).status_code == 400


async def test_requests_are_listed_approved_as_they_were_seen_and_refused(world: World) -> None:
    await review(world, world.acme)
    browser = await bob_of_acme(world)
    app = await of_others(world)
    await ask_admin(browser, app, scope="read")
    (listed,) = (await ask(world, "GET", "/requests", world.acme)).json()["items"]
    assert (listed["client_id"], listed["scope"], listed["asked_by"]) == (app.client_id, "read", world.acme.bob)
    path = f"/requests/{listed['id']}"
    seen = await ask(world, "GET", path, world.acme)
    assert seen.json() == listed
    await ask_admin(browser, app, scope="read write")
    stale = {"if-match": seen.headers["etag"]}
    assert (await ask(world, "POST", path + "/approve", world.acme, headers=stale)).status_code == 412
    fresh = {"if-match": (await ask(world, "GET", path, world.acme)).headers["etag"]}
    approved = await ask(world, "POST", path + "/approve", world.acme, headers=fresh)
    assert (approved.json()["state"], approved.json()["approved_scope"]) == ("approved", "read write")
    assert (await ask(world, "POST", path + "/approve", world.acme)).status_code == 409
    refused = await ask(world, "POST", path + "/refuse", world.acme, json={"reason": "No"})
    assert (refused.json()["state"], refused.json()["reason"]) == ("refused", "No")
    assert (await ask(world, "GET", "/requests?state=refused", world.acme)).json()["items"] == [refused.json()]
    assert (await ask(world, "GET", "/requests?state=lost", world.acme)).status_code == 400


async def test_another_organization_has_no_such_request(world: World) -> None:
    await review(world, world.acme)
    for _ in range(2):
        await ask_admin(await bob_of_acme(world), await of_others(world))
    assert (await ask(world, "GET", "/requests", world.beta)).json()["items"] == []
    first = (await ask(world, "GET", "/requests?limit=1", world.acme)).json()
    assert first["next"].startswith("https://")
    second = await ask(world, "GET", first["next"].partition(PREFIX)[2], world.acme)
    path = f"/requests/{second.json()['items'][0]['id']}"
    assert path != f"/requests/{first['items'][0]['id']}"
    for method, end in (("GET", ""), ("POST", "/approve"), ("POST", "/refuse")):
        body: dict[str, Any] = {"json": {}} if end == "/refuse" else {}
        assert (await ask(world, method, path + end, world.beta, **body)).status_code == 404
    assert len(await queue(world)) == 2


async def test_a_key_decides_that_may_change_the_organization(world: World) -> None:
    await review(world, world.acme)
    await ask_admin(await bob_of_acme(world), await of_others(world))
    reader, writer = [
        f"Bearer {(await world.make_key(world.acme.org, (scope,)))[0]}" for scope in ("org:read", "org:write")
    ]
    (listed,) = (await ask(world, "GET", "/requests", reader)).json()["items"]
    path = f"/requests/{listed['id']}/approve"
    assert (await ask(world, "POST", path, reader)).status_code == 403
    assert (await ask(world, "POST", path, writer)).status_code == 200
