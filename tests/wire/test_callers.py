"""Who may call the routes of the seed: an organization's API key, and nobody else."""

import pytest

from gatepost.store.orgs import set_org_disabled
from gatepost.store.question import INSTANCE

from .world import RESOURCE, World

ROUTES = (("GET", "/auth_token"), ("POST", "/"), ("POST", "/verify"))
PREFIXES = ("", "/api/auth")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_without_a_key_there_is_no_caller(world: World, method: str, path: str, prefix: str) -> None:
    response = await world.call(method, prefix + path, json={})
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_token"
    assert response.headers["www-authenticate"] == 'Bearer realm="gatepost"'


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer gp_key_",
        "Bearer gp_key_AAAA",
        "Bearer {key}=",
        "Bearer {key}A",
        "Bearer {short}",
        "Bearer {changed}",
        "Bearer {key}, Bearer {key}",
        "Bearer\t{key}",
        "Basic {key}",
        "{key}",
        "Token {key}",
        'Bearer token="{key}"',
    ],
)
async def test_a_wrong_key_is_no_caller(world: World, header: str) -> None:
    key = world.acme.key
    sent = header.format(key=key, short=key[:-1], changed=key[:-10] + ("A" if key[-10] != "A" else "B") + key[-9:])
    for method, path in ROUTES:
        response = await world.call(method, path, sent, json={})
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_token"
        assert response.headers["www-authenticate"].startswith('Bearer realm="gatepost"')


async def test_a_key_that_is_wrong_is_told_so_in_the_header(world: World) -> None:
    response = await world.call("GET", "/auth_token", "Bearer gp_key_nonsense")
    assert response.headers["www-authenticate"] == 'Bearer realm="gatepost", error="invalid_token"'


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
async def test_the_scheme_has_no_case(world: World, scheme: str) -> None:
    assert (await world.call("GET", "/auth_token", f"{scheme} {world.acme.key}")).status_code == 200


async def test_tokens_are_no_keys(world: World) -> None:
    pair = await world.tokens()
    for token in (*pair, world.acme.web.secret):
        assert (await world.call("GET", "/auth_token", f"Bearer {token}")).status_code == 401


async def test_an_expired_key_is_refused_from_its_second_on(world: World) -> None:
    key, _ = await world.make_key(world.acme.org, expires_at=world.clock.now + 60)
    world.clock.forward(59)
    assert (await world.call("GET", "/auth_token", f"Bearer {key}")).status_code == 200
    world.clock.forward(1)
    assert (await world.call("GET", "/auth_token", f"Bearer {key}")).status_code == 401


async def test_all_wrong_keys_get_one_answer(world: World) -> None:
    expired, _ = await world.make_key(world.acme.org, expires_at=world.clock.now)
    answers = [
        await world.call("GET", "/auth_token", f"Bearer {key}")
        for key in (expired, world.acme.key[:-1] + "_", "gp_key_x", "x")
    ]
    await world.instance.store.ask(set_org_disabled(world.beta.org, True, world.act))
    answers.append(await world.call("GET", "/auth_token", world.beta))
    bodies = [{**answer.json(), "event_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize(
    ("method", "path", "power"),
    [("POST", "/", "apps:write"), ("POST", "/verify", "tokens:issue")],
)
async def test_a_key_without_the_power_may_not(world: World, method: str, path: str, power: str) -> None:
    others = {"apps:read", "apps:write", "tokens:issue", "tokens:introspect", "users:act"} - {power}
    key, _ = await world.make_key(world.acme.org, tuple(sorted(others)))
    pair = {"client_id": world.acme.web.client_id, "redirection_url": world.acme.web.redirect}
    response = await world.call(method, path, f"Bearer {key}", json=pair)
    assert response.status_code == 403
    assert response.json()["error"] == "insufficient_scope"
    assert power in response.json()["message"]
    assert f'error="insufficient_scope", scope="{power}"' in response.headers["www-authenticate"]


async def test_a_key_without_the_power_learns_nothing_of_the_body(world: World) -> None:
    key, _ = await world.make_key(world.acme.org, ("grants:read",))
    for client_id in (world.acme.web.client_id, "unknown"):
        pair = {"client_id": client_id, "redirection_url": "https://app.test/cb"}
        assert (await world.call("POST", "/verify", f"Bearer {key}", json=pair)).status_code == 403


async def test_a_key_of_the_whole_instance_has_no_organization_to_act_in(world: World) -> None:
    key, _ = await world.make_key(INSTANCE)
    pair = {"client_id": world.acme.web.client_id, "redirection_url": world.acme.web.redirect, "resource": RESOURCE}
    for method, path in ROUTES:
        response = await world.call(method, path, f"Bearer {key}", json=pair)
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"


async def test_two_authorization_headers_are_refused(world: World) -> None:
    sent = [("authorization", f"Bearer {key}") for key in (world.acme.key, world.beta.key)]
    response = await world.call("GET", "/auth_token", headers=sent)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


async def test_a_key_in_the_url_or_the_body_is_not_looked_at(world: World) -> None:
    response = await world.call("GET", f"/auth_token?access_token={world.acme.key}&api_key={world.acme.key}")
    assert response.status_code == 401
    response = await world.call("POST", "/verify", json={"access_token": world.acme.key})
    assert response.status_code == 401
