"""DPoP where tokens are used: at /userinfo and, through a proxy, at APIs. RFC 9449 §4.3, §7, §9; DP-* of the cases."""

from typing import Any, NamedTuple

import httpx
import pytest

from gatepost.flows.dpop import REMEMBERED, SeenProofs
from gatepost.oauth.dpop import Proof

from .browser import Browser, give_password
from .conftest import OpenWorld
from .prover import BOB, own, prove, redeemed
from .signer import EC, OTHER, Key
from .world import ISSUER, NOW, RESOURCE, Client, World

USERINFO = ISSUER + "/userinfo"
PATH = "/v1/agents?page=2"
CALL = "https://api.test/v1/agents"
ALGS = 'algs="PS256 ES256 EdDSA Ed25519 RS256"'
REFUSED_PROOF = (401, "invalid_dpop_proof", f'DPoP realm="gatepost", error="invalid_dpop_proof", {ALGS}')
REFUSED_TOKEN = (401, "invalid_token", f'DPoP realm="gatepost", error="invalid_token", {ALGS}')
REFUSED_BEARER = (401, "invalid_token", 'Bearer realm="gatepost", error="invalid_token"')


class Held(NamedTuple):
    """A token that is bound to a key, and one that is not."""

    bound: str
    bearer: str


@pytest.fixture
async def job(world: World) -> Client:
    return await make_job(world)


async def make_job(world: World) -> Client:
    return await world.make_app(world.acme.org, kind="service", scope="read")


@pytest.fixture
async def held(world: World, job: Client) -> Held:
    """Tokens of an app for the API behind the proxy."""
    answers = [await own(world, job, proof, resource=RESOURCE) for proof in (prove(), "")]
    return Held(*(each.json()["access_token"] for each in answers))


@pytest.fixture
async def login(world: World) -> str:
    """A token of a person for userinfo, bound to a key."""
    await give_password(world, world.acme.bob)
    app = await world.make_app(world.acme.org, scope="openid")
    code = (await Browser(world).allow(app, BOB))["code"]
    token: str = (await redeemed(world, app, code, prove())).json()["access_token"]
    return token


def proof_of(token: str, key: Key = EC, **changes: Any) -> str:
    return prove(key, token=token, **{"htm": "GET", "htu": CALL, **changes})


async def check(world: World, token: str, proof: str = "", scheme: str = "DPoP", **changes: Any) -> httpx.Response:
    """A proxy asks; a change to a header that is None leaves it out."""
    usual = {"authorization": f"{scheme} {token}", "x-forwarded-method": "GET", "x-forwarded-uri": PATH, "dpop": proof}
    sent = {name: value for name, value in {**usual, **changes.pop("headers", {})}.items() if value}
    query = str(httpx.QueryParams({"audience": RESOURCE, **changes}))
    return await world.call("GET", f"/check?{query}", headers=sent)


async def ask_who(world: World, token: str, proof: str, scheme: str = "DPoP", method: str = "GET") -> httpx.Response:
    return await world.call(method, "/userinfo", headers={"authorization": f"{scheme} {token}", "dpop": proof})


def why_not(response: httpx.Response) -> tuple[int, str, str]:
    return response.status_code, response.json()["error"], response.headers["www-authenticate"]


async def test_a_bound_token_passes_with_its_proof(world: World, held: Held) -> None:
    for scheme in ("DPoP", "dpop", "DPOP"):
        passed = await check(world, held.bound, proof_of(held.bound), scheme)
        assert (passed.status_code, passed.headers["x-auth-scope"]) == (204, "read")
    assert (await check(world, held.bearer, scheme="Bearer")).status_code == 204


async def test_a_token_is_used_as_what_it_is(world: World, held: Held) -> None:
    """DP-11."""
    for proof in ("", proof_of(held.bound)):
        assert why_not(await check(world, held.bound, proof, "Bearer")) == REFUSED_TOKEN
    assert why_not(await check(world, held.bearer, proof_of(held.bearer))) == REFUSED_BEARER
    assert why_not(await check(world, "x", proof_of("x"))) == REFUSED_TOKEN


async def test_the_key_is_the_tokens(world: World, held: Held) -> None:
    """DP-10."""
    assert why_not(await check(world, held.bound, proof_of(held.bound, OTHER))) == REFUSED_TOKEN


BAD: dict[str, dict[str, Any]] = {
    "another method": {"htm": "POST"},
    "another path": {"htu": CALL + "/7"},
    "another host": {"htu": "https://evil.test/v1/agents"},
    "this server": {"htu": ISSUER + "/check"},
    "another token": {"ath": "x" * 43},
    "no token": {"ath": None},
    "old": {"iat": NOW - 61},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_proof_is_of_one_request_and_one_token(world: World, held: Held, bad: dict[str, Any]) -> None:
    assert why_not(await check(world, held.bound, proof_of(held.bound, **bad))) == REFUSED_PROOF


async def test_two_proofs_are_none_and_none_is_not_enough(world: World, held: Held) -> None:
    assert why_not(await check(world, held.bound)) == REFUSED_PROOF
    both = f"{proof_of(held.bound)}, {proof_of(held.bound)}"
    assert why_not(await check(world, held.bound, both)) == REFUSED_PROOF


async def test_which_request_it_is_the_proxy_has_to_say(world: World, held: Held) -> None:
    """DP-15. What could name another host is no path."""
    assert (await check(world, held.bound, proof_of(held.bound), headers={"x-forwarded-host": "evil.test"})).is_success
    for name, value in (
        ("x-forwarded-uri", None),
        ("x-forwarded-method", None),
        ("x-forwarded-uri", "evil.test/v1/agents"),
        ("x-forwarded-uri", f"{PATH}, {PATH}"),
        ("x-forwarded-method", "GET, GET"),
    ):
        refused = await check(world, held.bound, proof_of(held.bound), headers={name: value})
        assert why_not(refused) == REFUSED_PROOF, (name, value)
    evil = proof_of(held.bound, htu="https://api.test.evil.test/v1/agents")
    refused = await check(world, held.bound, evil, headers={"x-forwarded-uri": ".evil.test/v1/agents"})
    assert why_not(refused) == REFUSED_PROOF


async def test_an_api_may_be_found_elsewhere_than_it_is_called(world: World, held: Held) -> None:
    place = "https://gateway.test:8443"
    proof = proof_of(held.bound, htu=f"{place}/v1/agents")
    assert why_not(await check(world, held.bound, proof)) == REFUSED_PROOF
    assert (await check(world, held.bound, proof, origin=f"{place}/")).status_code == 204
    assert why_not(await check(world, held.bound, proof_of(held.bound), origin="urn:x")) == REFUSED_PROOF


async def test_a_proof_passes_once(world: World, held: Held) -> None:
    proof = proof_of(held.bound)
    assert (await check(world, held.bound, proof)).status_code == 204
    assert why_not(await check(world, held.bound, proof)) == REFUSED_PROOF
    missing = await check(world, held.bound, proof_of(held.bound), scope="write")
    assert why_not(missing)[:2] == (403, "insufficient_scope")
    assert missing.headers["www-authenticate"].startswith('DPoP realm="gatepost", error="insufficient_scope"')


async def test_a_dead_token_does_not_pass_whatever_the_proof(world: World, held: Held) -> None:
    await world.revoke(held.bound)
    assert why_not(await check(world, held.bound, proof_of(held.bound))) == REFUSED_TOKEN


def test_what_was_seen_is_remembered_as_long_as_it_could_be_sent_and_no_longer() -> None:
    """DP-7: in bounds, however many there are."""
    seen = SeenProofs()

    def proof(number: int) -> Proof:
        return Proof("key", number.to_bytes(32, "little"), None, NOW, NOW + 60)

    assert seen.take(proof(0), NOW)
    assert not seen.take(proof(0), NOW + 120)
    for number in range(1, REMEMBERED):
        assert seen.take(proof(number), NOW)
    assert not seen.take(proof(0), NOW), "full is not forgotten"
    for number in range(REMEMBERED, 3 * REMEMBERED):
        seen.take(proof(number), NOW)
    assert len(seen) <= 2 * REMEMBERED
    later = NOW + 1000
    assert seen.take(proof(3 * REMEMBERED), later)
    assert seen.take(proof(3 * REMEMBERED + 1), later + 1000)
    assert len(seen) == 2


async def test_userinfo_takes_a_proof(world: World, login: str) -> None:
    for method in ("GET", "POST"):
        said = await ask_who(world, login, prove(htm=method, htu=USERINFO, token=login), method=method)
        assert said.json()["sub"] == world.acme.bob


async def test_userinfo_refuses_what_is_no_proof_of_this(world: World, login: str) -> None:
    proof = prove(htm="GET", htu=USERINFO, token=login)
    assert why_not(await ask_who(world, login, proof, "Bearer")) == REFUSED_TOKEN
    assert why_not(await ask_who(world, login, prove(OTHER, htm="GET", htu=USERINFO, token=login))) == REFUSED_TOKEN
    for bad in (
        prove(htm="POST", htu=USERINFO, token=login),
        prove(htm="GET", htu=ISSUER, token=login),
        prove(htm="GET", htu=USERINFO),
        "x",
        "",
    ):
        assert why_not(await ask_who(world, login, bad)) == REFUSED_PROOF
    in_body = await world.call("POST", "/userinfo", form={"access_token": login}, headers={"dpop": proof})
    assert why_not(in_body) == REFUSED_TOKEN
    assert (await ask_who(world, login, proof)).status_code == 200, "no refusal spent it"
    for node in (world, await world.again()):
        assert why_not(await ask_who(node, login, proof)) == REFUSED_PROOF


async def test_apis_ask_for_the_nonce_too(open_world: OpenWorld) -> None:
    world = await open_world({"dpop.nonce": "required"})
    job = await make_job(world)
    nonce = (await own(world, job, prove())).headers["dpop-nonce"]
    token = (await own(world, job, prove(nonce=nonce), resource=RESOURCE)).json()["access_token"]
    asked = await check(world, token, proof_of(token))
    assert why_not(asked) == (401, "use_dpop_nonce", f'DPoP realm="gatepost", error="use_dpop_nonce", {ALGS}')
    passed = await check(world, token, proof_of(token, nonce=asked.headers["dpop-nonce"]))
    assert (passed.status_code, passed.headers["dpop-nonce"]) == (204, nonce)
