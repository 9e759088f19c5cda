"""`POST /introspect`: whether a token is good now, told to whom it concerns. RFC 7662; RI-* of what must not happen."""

from collections.abc import Callable

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost import base64url
from gatepost.jose import SigningKey
from gatepost.store.question import INSTANCE

from .world import ISSUER, RESOURCE, Pair, World, claims_of

INACTIVE = {"active": False}


async def test_a_live_access_token_is_described_by_its_claims(world: World) -> None:
    pair = await world.tokens(resource=RESOURCE, scope="read")
    response = await world.introspect(pair.access_token)
    assert response.json() == {"active": True, "token_type": "Bearer", **claims_of(pair.access_token)}
    assert response.headers["cache-control"] == "no-store"


async def test_a_live_refresh_token_is_described_too(world: World) -> None:
    pair = await world.tokens(user_id=world.acme.ann)
    claims = claims_of(pair.access_token)
    content = (await world.introspect(pair.refresh_token)).json()
    assert content == {
        "active": True,
        "token_use": "refresh_token",
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": world.acme.ann,
        "exp": world.clock.now + 30 * 86_400,
        "iat": world.clock.now,
        "client_id": world.acme.web.client_id,
        "scope": "read write",
        "org": world.acme.id,
        "gid": claims["gid"],
    }


async def test_a_previous_refresh_token_is_good_as_long_as_it_would_be_answered(world: World) -> None:
    first = await world.tokens(world.acme.native)
    second = await world.refreshed(first.refresh_token)
    assert await world.is_active(first.refresh_token)
    world.clock.forward(61)
    assert not await world.is_active(first.refresh_token)
    assert await world.is_active(second.refresh_token), "asking is not using: the grant has not ended"
    await world.refreshed(second.refresh_token)


async def test_an_access_token_ends_at_its_second(world: World) -> None:
    pair = await world.tokens()
    world.clock.forward(599)
    assert await world.is_active(pair.access_token)
    world.clock.forward(1)
    assert not await world.is_active(pair.access_token)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "", "nonsense", "id_token"])
async def test_a_hint_is_only_a_hint(world: World, hint: str) -> None:
    for token in await world.tokens():
        response = await world.introspect(token, token_type_hint=hint)
        assert response.json()["active"]


async def test_it_is_asked_by_post_and_in_the_body_alone(world: World) -> None:
    token = (await world.tokens()).access_token
    assert (await world.call("GET", f"/introspect?token={token}", world.acme)).status_code == 405
    for form in ({}, {"token": "x"}):
        response = await world.call("POST", f"/introspect?token={token}", world.acme, form=form)
        assert response.status_code == 400


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"access_token": "x"}])
async def test_without_a_token_there_is_nothing_to_say(world: World, form: dict[str, str]) -> None:
    response = await world.call("POST", "/introspect", world.acme, form=form)
    assert response.status_code == 400
    assert (response.json()["error"], response.json()["field"]) == ("invalid_request", "token")


async def test_nobody_learns_anything(world: World) -> None:
    pair = await world.tokens()
    for by in (None, f"Bearer {pair.access_token}", f"Bearer {pair.refresh_token}", "Bearer gp_key_x", "Bearer "):
        response = await world.call("POST", "/introspect", by, form={"token": pair.access_token})
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
        assert "active" not in response.json()


async def test_a_public_app_may_not_ask(world: World) -> None:
    pair = await world.tokens(world.acme.native)
    response = await world.introspect(pair.access_token, world.acme.native)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


async def test_an_app_sees_its_own_tokens(world: World) -> None:
    for token in await world.tokens():
        assert await world.is_active(token, world.acme.web)


async def test_an_app_sees_the_access_tokens_for_the_api_it_is(world: World) -> None:
    pair = await world.tokens(resource=RESOURCE)
    assert await world.is_active(pair.access_token, world.acme.api)
    assert not await world.is_active(pair.refresh_token, world.acme.api), "a refresh token is for this server alone"


async def test_an_app_sees_nothing_else(world: World) -> None:
    other = await world.make_app(world.acme.org)
    for token in (*await world.tokens(), *await world.tokens(resource=RESOURCE), *await world.tokens(other)):
        for by in (world.beta.web, world.beta.api, world.beta):
            assert not await world.is_active(token, by)
    for token in (*await world.tokens(), *await world.tokens(resource=RESOURCE)):
        assert not await world.is_active(token, other)
    for token in await world.tokens():
        assert not await world.is_active(token, world.acme.api)


async def test_a_signed_answer_is_not_made_for_anyone(world: World) -> None:
    pair = await world.tokens()
    form = {"token": pair.access_token}
    headers = {"accept": "application/token-introspection+jwt"}
    response = await world.call("POST", "/introspect", world.beta, form=form, headers=headers)
    assert response.json() == INACTIVE


async def test_a_key_needs_the_power(world: World) -> None:
    pair = await world.tokens()
    key, _ = await world.make_key(world.acme.org, ("apps:read", "tokens:issue", "grants:read", "grants:revoke"))
    response = await world.introspect(pair.access_token, f"Bearer {key}")
    assert response.status_code == 403
    assert response.json()["error"] == "insufficient_scope"
    assert 'scope="tokens:introspect"' in response.headers["www-authenticate"]
    key, _ = await world.make_key(world.acme.org, ("tokens:introspect",))
    assert await world.is_active(pair.access_token, f"Bearer {key}")


async def test_a_key_of_the_whole_instance_sees_every_organization(world: World) -> None:
    key, _ = await world.make_key(INSTANCE)
    for tenant in (world.acme, world.beta):
        for token in await world.tokens(tenant.web, tenant):
            assert await world.is_active(token, f"Bearer {key}")


# What is no token of ours, in every way: the answer is the same.


def changed(token: str, part: int, change: Callable[[bytes], bytes]) -> str:
    parts = token.split(".")
    parts[part] = base64url.encode(change(base64url.decode(parts[part].encode()))).decode()
    return ".".join(parts)


def with_claims(**claims: object) -> Callable[[bytes], bytes]:
    return lambda raw: orjson.dumps(orjson.loads(raw) | claims)


def misshapen(pair: Pair) -> dict[str, str]:
    """Texts that are no token, or not quite one."""
    access, refresh = pair
    head, payload, signature = access.split(".")
    return {
        "nothing but dots": "." * 5000,
        "garbage": "garbage-garbage-garbage",
        "one character": "x",
        "not ASCII": "é" * 100,
        "leading space": f" {access}",
        "trailing space": f"{access} ",
        "line end": f"{access}\n",
        "padded": f"{access}=",
        "cut": access[:-1],
        "long": access + "A" * 9000,
        "other last character": access[:-1] + ("Q" if access[-1] != "Q" else "g"),
        "spare bits": access[:-1] + chr(ord(access[-1]) + 1),
        "two parts": f"{head}.{payload}",
        "four parts": f"{access}.x",
        "five parts": ".".join([head] * 5),
        "no signature": f"{head}.{payload}.",
        "no payload": f"{head}..{signature}",
        "no head": f".{payload}.{signature}",
        "refresh token cut": refresh[:-1],
        "refresh token with more": refresh + "A",
        "refresh token in another case": refresh.upper(),
        "refresh token of another version": "gp_rt_" + "B" + refresh[7:],
        "refresh prefix alone": "gp_rt_",
        "refresh token as a key": "gp_key_" + refresh[6:],
    }


def forged(access: str) -> dict[str, str]:
    """Tokens that say what we did not sign."""
    head, payload, _ = access.split(".")
    other = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    theirs = other.mint(claims_of(access))
    by_head: dict[str, dict[str, object]] = {
        "alg none": {"alg": "none"},
        "alg HS256": {"alg": "HS256"},
        "alg RS256": {"alg": "RS256"},
        "typ JWT": {"typ": "JWT"},
        "crit": {"crit": ["x"]},
        "b64": {"b64": False},
        "jwk": {"jwk": other.public.jwk},
        "jku": {"jku": "https://evil.test/jwks"},
        "kid of another": {"kid": other.kid},
        "kid as a path": {"kid": "../../etc/passwd"},
        "kid as a number": {"kid": 7},
    }
    by_payload: dict[str, dict[str, object]] = {
        "more life": {"exp": 2**40},
        "exp as text": {"exp": "x"},
        "other scope": {"scope": "admin"},
        "other organization": {"org": "org_" + "0" * 32},
    }
    return {
        "signed by another": theirs,
        "signed by another under our head": head + theirs[theirs.index(".") :],
        "alg none and no signature": changed(access, 0, with_claims(alg="none")).rpartition(".")[0] + ".",
        "head in another order": changed(
            access, 0, lambda raw: orjson.dumps(dict(reversed(orjson.loads(raw).items())))
        ),
        "payload is an array": changed(access, 1, lambda _: b"[]"),
        "signature of zeros": f"{head}.{payload}." + base64url.encode(bytes(64)).decode(),
        "signature of another length": f"{head}.{payload}." + base64url.encode(b"x" * 65).decode(),
        **{name: changed(access, 0, with_claims(**claims)) for name, claims in by_head.items()},
        **{name: changed(access, 1, with_claims(**claims)) for name, claims in by_payload.items()},
    }


async def test_what_is_no_token_of_ours_is_inactive_and_nothing_else(world: World) -> None:
    pair = await world.tokens()
    for name, token in (misshapen(pair) | forged(pair.access_token)).items():
        response = await world.introspect(token)
        assert (response.status_code, response.json()) == (200, INACTIVE), name
    for token in pair:
        assert await world.is_active(token)


async def test_a_token_of_another_issuer_with_our_own_keys_is_inactive(world: World) -> None:
    claims = claims_of((await world.tokens()).access_token)
    key = await world.instance.signing.active()
    for issuer in (ISSUER + "/", "https://GATE.test", "https://gate.test.evil.test", "https://gate", ""):
        assert not await world.is_active(world.canary.watch(key.mint({**claims, "iss": issuer})))
    assert await world.is_active(world.canary.watch(key.mint(claims)))


async def test_the_same_wherever_a_token_is_inactive(world: World) -> None:
    """Unknown, not yours and expired are one answer, to the byte."""
    pair = await world.tokens()
    answers: list[httpx.Response] = [await world.introspect(pair.access_token, world.beta)]
    answers.append(await world.introspect("unknown"))
    world.clock.forward(600)
    answers.append(await world.introspect(pair.access_token))
    await world.revoke(pair.access_token)
    answers.append(await world.introspect(pair.refresh_token))
    assert {answer.content for answer in answers} == {b'{"active":false}'}
    assert len({str(answer.headers) for answer in answers}) == 1
