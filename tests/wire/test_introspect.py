"""`POST /introspect`: whether a token is good now, told to whom it concerns. RFC 7662; RI-* of what must not happen."""

import base64
import hashlib
from collections.abc import Callable

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.jose import SigningKey, decode_segment, encode_segment
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
    parts[part] = encode_segment(change(decode_segment(parts[part].encode()))).decode()
    return ".".join(parts)


def with_claims(**claims: object) -> Callable[[bytes], bytes]:
    return lambda raw: orjson.dumps(orjson.loads(raw) | claims)


def forgeries(pair: Pair) -> dict[str, str]:
    access, refresh = pair
    head, payload, signature = access.split(".")
    other = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    signed_by_other = other.mint(claims_of(access))
    last = access[-1]
    return {
        "nothing but dots": "." * 5000,
        "garbage": "garbage-garbage-garbage",
        "one character": "x",
        "not ASCII": "é" * 100,
        "spaces": f" {access}",
        "trailing space": f"{access} ",
        "line end": f"{access}\n",
        "padded": f"{access}=",
        "cut": access[:-1],
        "long": access + "A" * 9000,
        "other last character": access[:-1] + ("B" if last != "B" else "C"),
        "spare bits": access[:-1] + chr(ord(last) + 1),
        "two parts": f"{head}.{payload}",
        "four parts": f"{access}.x",
        "no signature": f"{head}.{payload}.",
        "no payload": f"{head}..{signature}",
        "no head": f".{payload}.{signature}",
        "signed by another": signed_by_other,
        "signed by another under our head": head + signed_by_other[signed_by_other.index(".") :],
        "alg none": changed(access, 0, with_claims(alg="none")),
        "alg none and no signature": changed(access, 0, with_claims(alg="none")).rpartition(".")[0] + ".",
        "alg HS256": changed(access, 0, with_claims(alg="HS256")),
        "alg RS256": changed(access, 0, with_claims(alg="RS256")),
        "typ JWT": changed(access, 0, with_claims(typ="JWT")),
        "crit": changed(access, 0, with_claims(crit=["x"])),
        "b64": changed(access, 0, with_claims(b64=False)),
        "jwk": changed(access, 0, with_claims(jwk=other.public.jwk)),
        "jku": changed(access, 0, with_claims(jku="https://evil.test/jwks")),
        "kid of another": changed(access, 0, with_claims(kid=other.kid)),
        "kid as a path": changed(access, 0, with_claims(kid="../../etc/passwd")),
        "kid as a number": changed(access, 0, with_claims(kid=7)),
        "head in another order": changed(access, 0, lambda raw: orjson.dumps(dict(reversed(orjson.loads(raw).items())))),
        "more life": changed(access, 1, with_claims(exp=2**40)),
        "exp as text": changed(access, 1, with_claims(exp="x")),
        "other scope": changed(access, 1, with_claims(scope="admin")),
        "payload is an array": changed(access, 1, lambda _: b"[]"),
        "five parts": ".".join([head] * 5),
        "signature in DER": f"{head}.{payload}." + base64.urlsafe_b64encode(hashlib.sha512(b"").digest() + b"x").decode(),
        "zero signature": f"{head}.{payload}." + encode_segment(bytes(64)).decode(),
        "refresh token cut": refresh[:-1],
        "refresh token with more": refresh + "A",
        "refresh token in another case": refresh.upper(),
        "refresh token of another version": "gp_rt_" + "B" + refresh[7:],
        "prefix alone": "gp_rt_",
        "key prefix": "gp_key_" + refresh[6:],
    }  # fmt: skip


async def test_what_is_no_token_of_ours_is_inactive_and_nothing_else(world: World) -> None:
    pair = await world.tokens()
    for name, token in forgeries(pair).items():
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
