"""An app that has a key, and the proofs it makes with it, good ones and others. RFC 9449 §4.2."""

import hashlib
import itertools
from typing import Any

import httpx
import orjson
from joserfc import jws

from gatepost.oauth.dpop import thumbprint

from .browser import VERIFIER
from .signer import EC, Key, encode
from .world import ISSUER, NOW, Client, World

TOKEN = ISSUER + "/token"
BOB = "bob@acme.test"

_numbers = itertools.count()


def public(key: Key) -> dict[str, Any]:
    return {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}


def jkt(key: Key = EC) -> str:
    return thumbprint(public(key))


def said(**changes: Any) -> dict[str, Any]:
    """What a proof says; a change to None leaves the claim out."""
    usual = {"htm": "POST", "htu": TOKEN, "iat": NOW, "jti": f"jti-{next(_numbers)}"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def prove(key: Key = EC, alg: str = "ES256", header: Any = None, token: str = "", **changes: Any) -> str:
    """A proof; whatever its header says, it is signed with this key and algorithm."""
    head = {"typ": "dpop+jwt", "alg": alg, "jwk": public(key), **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    if token:
        changes.setdefault("ath", encode(hashlib.sha256(token.encode()).digest()))
    signed = f"{encode(orjson.dumps(head))}.{encode(orjson.dumps(said(**changes)))}"
    return f"{signed}.{encode(jws.JWSRegistry.algorithms[alg].sign(signed.encode(), key))}"


async def ask(world: World, app: Client, proof: str = "", **fields: str) -> httpx.Response:
    """A token request with a proof."""
    return await world.call("POST", "/token", app, form=fields, headers={"DPoP": proof} if proof else {})


async def own(world: World, app: Client, proof: str = "", **fields: str) -> httpx.Response:
    return await ask(world, app, proof, grant_type="client_credentials", **fields)


async def redeemed(world: World, app: Client, code: str, proof: str = "") -> httpx.Response:
    return await ask(world, app, proof, grant_type="authorization_code", code=code, code_verifier=VERIFIER)


async def refreshed(world: World, app: Client, token: str, proof: str = "", **fields: str) -> httpx.Response:
    return await ask(world, app, proof, grant_type="refresh_token", refresh_token=token, **fields)


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


INVALID = (400, "invalid_dpop_proof")
