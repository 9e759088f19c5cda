"""Signing keys in turn: published before use, retired until the last token has expired. RFC 7517, RFC 7638."""

import asyncio
import hashlib
import json

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet

from gatepost import base64url
from gatepost.errors import GatepostError
from gatepost.flows.signing import rotate
from gatepost.records import MAX_ACCESS_TTL
from gatepost.store.signing_keys import list_signing_keys

from .world import ISSUER, World, claims_of, header_of


async def turn(world: World, *, force: bool = True) -> None:
    """Rotate as the command does, and let the half second pass in which a server notices."""
    await rotate(world.instance.store, world.instance.keyring, world.operator, max_age=300, force=force)
    await world.instance.signing.look()


async def published(world: World) -> list[str]:
    return [key["kid"] for key in (await world.call("GET", "/jwks.json")).json()["keys"]]


async def states(world: World, alg: str = "") -> dict[str, str]:
    keys = await world.instance.store.read(list_signing_keys())
    return {key.kid: key.state for key in keys if alg in ("", key.alg)}


async def verifies(world: World, token: str) -> bool:
    """What somebody else's library makes of a token and of the JWKS as it is now."""
    keys = KeySet.import_key_set((await world.call("GET", "/jwks.json")).json())
    try:
        claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
    except (BadSignatureError, InvalidKeyIdError, ValueError):
        return False
    assert claims["iss"] == ISSUER
    return True


async def test_a_new_instance_has_an_active_key_and_the_next_one(world: World) -> None:
    assert sorted((await states(world)).values()) == ["active", "active", "next", "next"]
    assert sorted(await published(world)) == sorted(await states(world))


async def test_a_kid_is_the_thumbprint_of_its_key(world: World) -> None:
    keys = (await world.call("GET", "/jwks.json")).json()["keys"]
    assert sorted(key["alg"] for key in keys) == ["ES256", "ES256", "RS256", "RS256"]
    for key in keys:
        # RFC 7638 §3.2: the members that count, in this order and without a space.
        members = {name: key[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in key}
        canonical = json.dumps(members, separators=(",", ":"))
        assert key["kid"] == base64url.encode(hashlib.sha256(canonical.encode()).digest()).decode()


async def test_tokens_are_signed_by_the_active_key_and_anyone_can_verify_them(world: World) -> None:
    token = (await world.tokens()).access_token
    active = next(kid for kid, state in (await states(world, "ES256")).items() if state == "active")
    assert header_of(token)["kid"] == active
    assert await verifies(world, token)


async def test_tokens_that_are_due_at_once_are_each_signed_and_wait_for_one_turn(world: World) -> None:
    ring, turns = world.instance.signing, 0
    minting = [asyncio.ensure_future(ring.mint({"iss": ISSUER, "jti": str(number)})) for number in range(20)]
    while not minting[0].done():
        turns += 1
        await asyncio.sleep(0)
    # To begin, to be signed, and to go on.
    assert turns <= 3
    assert all(each.done() for each in minting)
    tokens = [each.result() for each in minting]
    assert [claims_of(token)["jti"] for token in tokens] == [str(number) for number in range(20)]
    assert [await verifies(world, token) for token in tokens] == [True] * 20


async def test_a_token_that_nobody_waits_for_any_more_costs_the_others_nothing(world: World) -> None:
    given_up, kept = (asyncio.ensure_future(world.instance.signing.mint({"iss": ISSUER})) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await verifies(world, await asyncio.wait_for(kept, 5))
    assert await verifies(world, await world.instance.signing.mint({"iss": ISSUER}))


async def test_a_rotation_activates_what_was_published_and_publishes_the_next(world: World) -> None:
    for alg in ("ES256", "RS256"):
        before = await states(world, alg)
        await turn(world)
        after = await states(world, alg)
        assert {before[kid]: state for kid, state in after.items() if before.get(kid, "retired") != "retired"} == {
            "active": "retired",
            "next": "active",
        }
        assert sorted(after.values()).count("next") == 1
    assert sorted(await published(world)) == sorted(await states(world))


async def test_no_token_fails_across_rotations(world: World) -> None:
    tokens = []
    for _ in range(5):
        tokens.append((await world.tokens()).access_token)
        await turn(world)
        for token in tokens:
            assert await verifies(world, token)
            assert await world.is_active(token)
    assert len({header_of(token)["kid"] for token in tokens}) == 5


async def test_a_verifier_that_kept_the_jwks_knows_the_key_that_becomes_active(world: World) -> None:
    kept = KeySet.import_key_set((await world.call("GET", "/jwks.json")).json())
    world.clock.forward(302)
    await turn(world, force=False)
    token = (await world.tokens()).access_token
    assert jwt.decode(token, kept, algorithms=["ES256"]).claims == claims_of(token)


async def test_a_rotation_too_early_is_refused(world: World) -> None:
    world.clock.forward(301)
    with pytest.raises(GatepostError, match="published 301 s ago"):
        await turn(world, force=False)
    assert sorted((await states(world)).values()) == ["active", "active", "next", "next"]


async def test_a_retired_key_goes_once_no_token_of_it_can_live(world: World) -> None:
    (old,) = [kid for kid, state in (await states(world, "ES256")).items() if state == "active"]
    app = await world.make_app(world.acme.org, access_ttl=MAX_ACCESS_TTL)
    token = (await world.tokens(app)).access_token
    await turn(world)
    world.clock.forward(MAX_ACCESS_TTL - 1)
    await world.instance.signing.look()
    assert await verifies(world, token)
    assert await world.is_active(token)
    world.clock.forward(62)
    await world.instance.signing.look()
    assert old not in await published(world)
    assert not await verifies(world, token)


async def test_the_jwks_changes_its_tag_with_its_keys(world: World) -> None:
    tags = []
    for _ in range(3):
        response = await world.call("GET", "/jwks.json")
        tags.append(response.headers["etag"])
        assert (await world.call("GET", "/jwks.json", headers={"if-none-match": tags[-1]})).status_code == 304
        await turn(world)
    assert len(set(tags)) == 3


async def test_a_rotation_is_one_event_of_the_instance_for_each_key(world: World) -> None:
    known = await world.all_events()
    await turn(world)
    events = [event for event in await world.all_events() if event not in known]
    assert [(event.type, event.actor) for event in events] == [("signing_key.rotated", "cli")] * 2
    assert len({event.detail for event in events}) == 2


async def test_keys_at_rest_are_sealed(world: World) -> None:
    keyring = world.instance.keyring
    for key in await world.instance.store.read(list_signing_keys()):
        opened = keyring.unseal(b"signing key", key.wrapped, key.kid.encode())
        assert opened is not None
        assert opened[-32:] not in key.wrapped
        for purpose, kid in ((b"signing key", b"another"), (b"sign-in link", key.kid.encode())):
            assert keyring.unseal(purpose, key.wrapped, kid) is None
