"""An app that proves who it is with its own keys, and the assertions it signs, good ones and others."""

import base64
import time
from typing import Any, TypeAlias

import httpx
import orjson
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gatepost.oauth.client_assertion import ASSERTION_TYPE

from .world import ISSUER, NOW, World

Key: TypeAlias = ECKey | RSAKey | OKPKey

CLIENT = "signer"
ENDPOINTS = ("/token", "/introspect", "/revoke", "/par")
EC = ECKey.generate_key("P-256", {"kid": "ec"})
P384 = ECKey.generate_key("P-384", {"kid": "p384"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
OTHER = ECKey.generate_key("P-256", {"kid": "ec"})
KEYS: dict[str, Key] = {"PS256": RSA, "ES256": EC, "EdDSA": OKP, "Ed25519": OKP, "RS256": RSA}


def public(*keys: Key, **members: Any) -> dict[str, Any]:
    return {"keys": [{**key.as_dict(private=False), **members} for key in keys]}


def claims(**changes: Any) -> dict[str, Any]:
    """What an assertion says; a change to None leaves the claim out."""
    usual = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": f"jti-{time.time_ns()}"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key: Key = EC, alg: str = "ES256", payload: bytes = b"", header: Any = None, **changes: Any) -> str:
    """An assertion; whatever its header says, it is signed with this key and algorithm."""
    head = {"alg": alg, "kid": key.kid} if header is None else header
    signed = f"{encode(orjson.dumps(head))}.{encode(payload or orjson.dumps(claims(**changes)))}"
    signature = jws.JWSRegistry.algorithms[alg].sign(signed.encode(), key)
    return f"{signed}.{encode(signature)}"


async def make_signer(world: World, *keys: Key, client_id: str = CLIENT, kind: str = "service", **policy: Any) -> None:
    metadata = policy.pop("metadata", {"jwks": public(*(keys or (EC, RSA, OKP)))})
    await world.make_app(
        world.acme.org, client_id=client_id, kind=kind, auth_method="private_key_jwt", metadata=metadata, **policy
    )


async def present(world: World, assertion: str, path: str = "/introspect", **form: str) -> httpx.Response:
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **form}
    if path == "/token":
        fields |= {"grant_type": "client_credentials"}
    if path == "/par":
        fields |= {"response_type": "code", "redirect_uri": "https://app.test/cb", "code_challenge": "x" * 43}
        fields |= {"code_challenge_method": "S256", "client_id": CLIENT}
    if path in ("/introspect", "/revoke"):
        fields |= {"token": "unknown"}
    return await world.call("POST", path, form=fields)


async def refused(world: World, assertion: str, **form: str) -> None:
    response = await present(world, assertion, **form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
