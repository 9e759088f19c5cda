"""`/check`: what a reverse proxy is told of the token in its client's request. RFC 6750 §3."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gatepost.endpoints.check import WANTED, Check
from gatepost.errors import OAuthError
from gatepost.flows.apps import change_app, get_app
from gatepost.flows.introspect import VerifiedTokens
from gatepost.secrets import parse_id
from gatepost.store.apps import delete_app, set_app_disabled
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled
from gatepost.store.question import Question
from gatepost.web.limits import NoMinuteBuckets
from gatepost.web.message import Request

from .door import Door, request
from .test_introspect import forged
from .world import ISSUER, RESOURCE, World, claims_of

IDENTITY = ("x-auth-subject", "x-auth-org", "x-auth-client", "x-auth-scope", "x-auth-grant")


async def check(world: World, token: str, *, method: str = "GET", **options: Any) -> httpx.Response:
    query = str(httpx.QueryParams({name: options.pop(name) for name in ("audience", "scope") if name in options}))
    headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
    return await world.call(method, f"/check?{query}", headers=headers, **options)


def why_not(response: httpx.Response) -> tuple[int, str, str]:
    """A refusal's status, code and challenge; it must say nothing of anybody."""
    assert not [name for name in IDENTITY if name in response.headers]
    return response.status_code, response.json()["error"], response.headers["www-authenticate"]


INVALID = (401, "invalid_token", 'Bearer realm="gatepost", error="invalid_token"')


async def test_a_live_token_passes_and_says_who_it_is(world: World) -> None:
    token = (await world.tokens(user_id=world.acme.ann, scope="read write")).access_token
    response = await check(world, token)
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    assert {name: response.headers[name] for name in IDENTITY} == {
        "x-auth-subject": world.acme.ann,
        "x-auth-org": world.acme.id,
        "x-auth-client": "web-acme",
        "x-auth-scope": "read write",
        "x-auth-grant": claims_of(token)["gid"],
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_any_method_and_whatever_else_the_request_says(world: World, method: str) -> None:
    token = (await world.tokens()).access_token
    own = {
        "content-type": "application/grpc",
        "content-encoding": "gzip",
        "cookie": "a=b",
        "accept": "text/html",
        "x-forwarded-method": "POST",
    }
    assert (await check(world, token, method=method, headers=own)).status_code == 204


async def test_an_identity_that_the_client_made_up_is_overwritten_whole(world: World) -> None:
    made_up = dict.fromkeys(IDENTITY, "usr_evil")
    form = {"grant_type": "client_credentials"}
    service = (await world.call("POST", "/token", world.acme.api, form=form)).json()["access_token"]
    response = await check(world, service, headers=made_up)
    assert response.status_code == 204
    assert [response.headers[name] for name in IDENTITY] == ["api-acme", world.acme.id, "api-acme", "", ""]


async def test_without_a_token_the_proxy_is_told_to_ask_for_one(world: World) -> None:
    for headers in ({}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer "}, {"authorization": "Bearer"}):
        response = await world.call("GET", "/check", headers=headers)
        assert why_not(response) == (401, "invalid_token", 'Bearer realm="gatepost"')
    for query in ("?access_token=x", ""):
        response = await world.call("POST", f"/check{query}", form={"access_token": "x"})
        assert response.status_code == 401


async def test_the_scheme_is_written_in_any_case(world: World) -> None:
    token = (await world.tokens()).access_token
    response = await world.call("GET", "/check", headers={"authorization": f"bEARER {token}"})
    assert response.status_code == 204


async def test_what_is_no_access_token_of_ours_does_not_pass(world: World) -> None:
    pair = await world.tokens()
    key = await world.instance.signing.active()
    foreign = world.canary.watch(key.mint({**claims_of(pair.access_token), "iss": "https://other.test"}))
    wrong = {"refresh": pair.refresh_token, "key": world.acme.key, "long": "x" * 10_000, "issuer": foreign}
    for name, token in (wrong | forged(pair.access_token)).items():
        assert why_not(await check(world, token)) == INVALID, name
    assert (await check(world, pair.access_token)).status_code == 204


async def test_an_expired_token_does_not_pass(world: World) -> None:
    token = (await world.tokens()).access_token
    world.clock.forward(599)
    assert (await check(world, token)).status_code == 204
    world.clock.forward(1)
    assert why_not(await check(world, token)) == INVALID


async def test_a_token_passes_for_its_own_audience_alone(world: World) -> None:
    ours = (await world.tokens()).access_token
    theirs = (await world.tokens(resource=RESOURCE)).access_token
    for audience in (RESOURCE, "HTTPS://API.test/v1"):
        assert (await check(world, theirs, audience=audience)).status_code == 204
        assert why_not(await check(world, ours, audience=audience)) == INVALID
    for audience in ("https://api.test/v1/", "https://api.test", "https://api.test/V1", ISSUER, "x"):
        assert why_not(await check(world, theirs, audience=audience)) == INVALID
    # Without a word it is for this server: a token for somebody else never passes by an omission.
    assert why_not(await check(world, theirs)) == INVALID
    assert (await check(world, ours, audience=ISSUER)).status_code == 204


async def test_a_missing_scope_is_another_matter(world: World) -> None:
    token = (await world.tokens(scope="read")).access_token
    assert (await check(world, token, scope="read")).status_code == 204
    for scope in ("write", "read write", "READ", "rea"):
        status, code, challenge = why_not(await check(world, token, scope=scope))
        assert (status, code) == (403, "insufficient_scope")
        assert 'error="insufficient_scope"' in challenge
        assert f'scope="{" ".join(sorted(scope.split()))}"' in challenge
    # Identity before policy: whose token is dead is not told what it lacks.
    await world.revoke(token)
    assert why_not(await check(world, token, scope="write")) == INVALID


async def test_a_scope_that_the_app_lost_is_lost_here(world: World) -> None:
    token = (await world.tokens(scope="read write")).access_token
    app = await get_app(world.instance, "web-acme")
    await change_app(world.instance, app, {"scope": "read"}, (), (), world.operator)
    response = await check(world, token)
    assert (response.status_code, response.headers["x-auth-scope"]) == (204, "read")
    assert (await check(world, token, scope="write")).status_code == 403


@pytest.mark.parametrize("query", ["scope=a&scope=b", "scope=%zz", "scope=a%22b", "audience=%ff"])
async def test_a_configuration_that_is_wrong_lets_nobody_pass(world: World, query: str) -> None:
    token = (await world.tokens()).access_token
    for _ in range(2):
        response = await world.call("GET", f"/check?{query}", headers={"authorization": f"Bearer {token}"})
        assert response.status_code == 400


async def test_whatever_is_revoked_or_disabled_is_refused_at_once(world: World) -> None:
    ask = world.instance.store.ask
    org, ann = world.acme.org, parse_id("usr", world.acme.ann) or b""
    token = (await world.tokens(user_id=world.acme.ann)).access_token
    disablings: tuple[Callable[[bool], Question[bool]], ...] = (
        lambda disabled: set_app_disabled(org, "web-acme", disabled, world.act),
        lambda disabled: set_org_disabled(org, disabled, world.act),
        lambda disabled: set_user_disabled(ann, disabled, world.act),
    )
    for disable in disablings:
        await ask(disable(True))
        assert why_not(await check(world, token)) == INVALID
        await ask(disable(False))
        assert (await check(world, token)).status_code == 204
    other = (await world.tokens()).access_token
    await world.revoke(token)
    assert why_not(await check(world, token)) == INVALID
    assert (await check(world, other)).status_code == 204
    await ask(delete_app(org, "web-acme", world.act))
    assert why_not(await check(world, other)) == INVALID


async def test_what_another_process_revokes_is_refused_here_at_once(world: World) -> None:
    token = (await world.tokens()).access_token
    assert (await check(world, token)).status_code == 204
    await (await world.again()).revoke(token)
    assert why_not(await check(world, token)) == INVALID


async def test_a_proxy_is_held_to_no_limit_of_its_address(open_world: Any) -> None:
    world = await open_world({"limits.enabled": "true", "limits.address_rate": "1"})
    token = (await world.tokens()).access_token
    assert {(await check(world, token)).status_code for _ in range(50)} == {204}


async def test_the_answer_has_no_body_on_the_wire(world: World, door: Door) -> None:
    token = (await world.tokens()).access_token
    line = await door.line()
    for method in ("GET", "HEAD", "POST"):
        await line.send(request(method, "/check", f"Authorization: Bearer {token}", "Upgrade: websocket"))
        answer = await line.answer()
        assert (answer.status, answer.headers["x-auth-client"]) == (204, "web-acme")
        assert "content-length" not in answer.headers


async def test_what_strangers_ask_is_not_remembered_without_end(world: World) -> None:
    checks = Check(world.instance, VerifiedTokens(), NoMinuteBuckets())
    tracemalloc.start()
    try:
        for number in range(2 * WANTED):
            query = "scope=" + "+".join(f"{number}.{word}" for word in range(200))
            with pytest.raises(OAuthError):
                await checks.check(Request("GET", b"/check", query.encode(), {}, "", b""))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
