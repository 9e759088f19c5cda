"""private_key_jwt at every endpoint where apps prove who they are. RFC 7523; CA-9 to CA-22 and JW-* of what must not happen."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from gatepost.oauth.client_assertion import ASSERTION_TYPE
from gatepost.oauth.foreign_jwt import KEY_OF

from .conftest import OpenWorld
from .signer import (
    CLIENT,
    EC,
    ENDPOINTS,
    KEYS,
    OTHER,
    P384,
    RSA,
    claims,
    encode,
    make_signer,
    present,
    public,
    refused,
    sign,
)
from .strangers import ok, stranger
from .world import ISSUER, NOW, World

TOKEN = ISSUER + "/token"


@pytest.fixture
async def signer(world: World) -> World:
    """A world with an app that proves who it is with its own keys."""
    await make_signer(world)
    return world


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_an_app_proves_who_it_is_with_its_own_key(world: World, path: str) -> None:
    await make_signer(world, kind="web" if path == "/par" else "service")
    response = await present(world, sign(), path)
    assert response.status_code in (200, 201), response.text


@pytest.mark.parametrize("alg", KEY_OF)
async def test_each_algorithm_with_its_key(signer: World, alg: str) -> None:
    assert (await present(signer, sign(KEYS[alg], alg))).status_code == 200
    assert (await present(signer, sign(KEYS[alg], alg), client_id=CLIENT)).status_code == 200


async def test_metadata_lists_it(world: World) -> None:
    document = (await world.call("GET", "/.well-known/openid-configuration")).json()
    for endpoint in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in document[f"{endpoint}_endpoint_auth_methods_supported"]
        assert document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == list(KEY_OF)


async def test_such_an_app_has_no_secret_and_cannot_use_one(signer: World) -> None:
    """CA-9: what an app is registered for is the only way in, whatever else stands in the request."""
    response = await signer.call(
        "POST", "/introspect", form={"token": "x", "client_id": CLIENT, "client_secret": "guess-guess-guess"}
    )
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    response = await signer.call("POST", "/introspect", form={"token": "x", "client_id": CLIENT})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    await make_signer(signer, client_id="second")
    web = signer.acme.web
    await refused(signer, sign(iss=web.client_id, sub=web.client_id))


async def test_one_way_at_a_time(signer: World) -> None:
    web = signer.acme.web
    fields = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": sign()}
    twice = [
        await signer.call("POST", "/introspect", web, form=fields),
        await signer.call("POST", "/introspect", form={**fields, "client_secret": web.secret}),
        await signer.call("POST", "/introspect", web, form={"token": "x", "client_assertion_type": ASSERTION_TYPE}),
    ]
    assert {(each.status_code, each.json()["error"]) for each in twice} == {(400, "invalid_request")}


async def test_an_assertion_opens_the_door_once(signer: World) -> None:
    """CA-12, on two nodes."""
    assertion, other = sign(), await signer.again()
    assert (await present(signer, assertion)).status_code == 200
    for world in (signer, other):
        await refused(world, assertion)
    assertion = sign()
    answers = await asyncio.gather(*(present(world, assertion) for world in (signer, other) * 5))
    assert sorted(each.status_code for each in answers) == [200] + [401] * 9


async def test_the_same_jti_of_two_apps_is_two(signer: World) -> None:
    await make_signer(signer, OTHER, client_id="second")
    assert (await present(signer, sign(jti="one"))).status_code == 200
    assert (await present(signer, sign(OTHER, jti="one", iss="second", sub="second"))).status_code == 200


async def test_a_refused_assertion_is_not_spent(signer: World) -> None:
    body = claims()
    forged = sign(OTHER, payload=orjson.dumps(body))
    await refused(signer, forged)
    assert (await present(signer, sign(payload=orjson.dumps(body)))).status_code == 200


CLAIMS: dict[str, dict[str, Any]] = {
    "no iss": {"iss": None},
    "no sub": {"sub": None},
    "another iss": {"iss": "web-acme"},
    "another sub": {"sub": "web-acme"},
    "no exp": {"exp": None},
    "expired": {"exp": NOW - 300},
    "expired, beyond the skew": {"exp": NOW - 60},
    "too far ahead": {"exp": NOW + 3600 + 61},
    "made in the future": {"iat": NOW + 61},
    "good in the future": {"nbf": NOW + 61},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a long jti": {"jti": "x" * 256},
    "a jti that is a number": {"jti": 7},
    "no aud": {"aud": None},
    "the token endpoint": {"aud": ISSUER + "/token"},
    "a slash behind": {"aud": ISSUER + "/"},
    "another case": {"aud": ISSUER.upper()},
    "a part of it": {"aud": ISSUER[:-1]},
    "more than it": {"aud": ISSUER + ".evil.test"},
    "another server": {"aud": "https://other.test"},
    "good and bad": {"aud": [ISSUER, "https://other.test"]},
    "twice": {"aud": [ISSUER, ISSUER]},
    "no text in it": {"aud": [1]},
    "an object": {"aud": {"a": ISSUER}},
    "exp is a text": {"exp": str(NOW + 60)},
    "exp is true": {"exp": True},
    "exp is negative": {"exp": -1},
    "exp is huge": {"exp": 2**63},
    "exp is a list": {"exp": [NOW + 60]},
    "iat is a text": {"iat": "now"},
    "nbf is null-like": {"nbf": False},
    "a NUL character": {"name": "x\0"},
}


@pytest.mark.parametrize("name", CLAIMS)
async def test_what_an_assertion_may_not_say(signer: World, name: str) -> None:
    await refused(signer, sign(**CLAIMS[name]))


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity", "1" * 400, '"x", "exp": null'])
async def test_numbers_that_are_none(signer: World, number: str) -> None:
    payload = f'{{"iss":"{CLIENT}","sub":"{CLIENT}","aud":"{ISSUER}","jti":"x","exp":{number}}}'
    await refused(signer, sign(payload=payload.encode()))


@pytest.mark.parametrize(
    "changes",
    [
        {"nbf": NOW + 8, "iat": NOW + 8},
        {"iat": NOW + 60},
        {"exp": NOW - 59},
        {"exp": NOW + 3600},
        {"iat": None},
        {"exp": NOW + 60.5},
        {"aud": [ISSUER]},
    ],
)
async def test_clocks_may_differ_a_little(signer: World, changes: dict[str, Any]) -> None:
    assert (await present(signer, sign(**changes))).status_code == 200


HEADERS: dict[str, dict[str, Any]] = {
    "no alg": {"kid": "ec"},
    "crit": {"alg": "ES256", "kid": "ec", "crit": ["x"], "x": 1},
    "an empty crit": {"alg": "ES256", "kid": "ec", "crit": []},
    "crit that names alg": {"alg": "ES256", "kid": "ec", "crit": ["alg"]},
    "an unencoded payload": {"alg": "ES256", "kid": "ec", "b64": False, "crit": ["b64"]},
    "compressed": {"alg": "ES256", "kid": "ec", "zip": "DEF"},
    "a request object": {"alg": "ES256", "kid": "ec", "typ": "oauth-authz-req+jwt"},
    "an access token": {"alg": "ES256", "kid": "ec", "typ": "at+jwt"},
    "kid is a path": {"alg": "ES256", "kid": "../../x"},
    "kid is SQL": {"alg": "ES256", "kid": "' OR 1=1--"},
    "kid is long": {"alg": "ES256", "kid": "x" * 4000},
    "kid is NUL": {"alg": "ES256", "kid": "\0"},
    "kid is a number": {"alg": "ES256", "kid": 1},
    "kid is an object": {"alg": "ES256", "kid": {"a": 1}},
    "the kid of an RSA key": {"alg": "ES256", "kid": "rsa"},
    "the kid of an OKP key": {"alg": "ES256", "kid": "okp"},
    "EdDSA with an EC key": {"alg": "EdDSA", "kid": "ec"},
    "alg none": {"alg": "none", "kid": "ec"},
    "alg HS256": {"alg": "HS256", "kid": "ec"},
    "alg is a list": {"alg": ["ES256"], "kid": "ec"},
    "ES384": {"alg": "ES384", "kid": "ec"},
}


@pytest.mark.parametrize("name", HEADERS)
async def test_what_a_header_may_not_say(signer: World, name: str) -> None:
    await refused(signer, sign(header=HEADERS[name]))


async def test_keys_that_a_token_brings_along_are_not_looked_at(open_world: OpenWorld) -> None:
    """JW-5."""
    world = await open_world({"outbound.allow_loopback": "true"})
    await make_signer(world)
    jwk = OTHER.as_dict(private=False)
    async with stranger(ok(orjson.dumps(public(OTHER)))) as canary:
        url = f"http://127.0.0.1:{canary.port}/"
        for member in ({"jwk": jwk}, {"jku": url}, {"x5u": url}, {"x5c": ["MIIB"]}):
            await refused(world, sign(OTHER, header={"alg": "ES256", "kid": "ec", **member}))
            assert (await present(world, sign(header={"alg": "ES256", "kid": "ec", **member}))).status_code == 200
        assert canary.connections == 0


async def test_the_key_must_be_meant_for_it(world: World) -> None:
    unfit: tuple[dict[str, Any], ...] = ({"use": "enc"}, {"alg": "RS256"}, {"key_ops": ["encrypt"]}, {"alg": "ES384"})
    for index, members in enumerate(unfit):
        await make_signer(world, client_id=f"app{index}", metadata={"jwks": public(EC, **members)})
        await refused(world, sign(iss=f"app{index}", sub=f"app{index}"))
    await make_signer(world, client_id="p384", metadata={"jwks": public(P384)})
    await refused(world, sign(EC, iss="p384", sub="p384", header={"alg": "ES256", "kid": "p384"}))


async def test_a_token_without_a_kid_is_good_if_one_key_fits(signer: World) -> None:
    header = {"alg": "ES256"}
    assert (await present(signer, sign(header=header))).status_code == 200
    await make_signer(signer, client_id="two", metadata={"jwks": public(EC, OTHER)})
    await refused(signer, sign(header=header, iss="two", sub="two"))


async def test_the_signature_must_be_this_apps(signer: World) -> None:
    """CA-16, CA-17: another app's key, a public key as a secret, no signature."""
    await make_signer(signer, OTHER, client_id="second")
    await refused(signer, sign(OTHER))
    await refused(signer, sign(iss="second", sub="second"))
    head = encode(b'{"alg":"none"}')
    await refused(signer, f"{head}.{encode(orjson.dumps(claims()))}.")
    good = sign()
    for broken in (
        good[:-1],
        good + "A",
        good + "=",
        good + "\n",
        " " + good,
        good.replace(".", "..", 1),
        good.rpartition(".")[0],
        good.rpartition(".")[0] + ".",
        good[:-1] + ("B" if good[-1] == "A" else "A"),
        good.replace("_", "/").replace("-", "+") + "+/",
    ):
        await refused(signer, broken)


@pytest.mark.parametrize(
    "text",
    [
        *("x", ".", "..", "...", "a.b.c", "." * 60_000, "e30.e30.e30", "W10.W10.AA", "é.é.é"),
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhHQ00ifQ.AA.AA.AA.AA",
        encode(b'{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"p2s":"AA"}') + ".AA.AA",
        encode(b'{"alg":"ES256","kid":' + b"[" * 3000 + b"]" * 3000 + b"}") + ".e30.AA",
        encode(b"{" + b'"a":1,' * 5000 + b'"alg":"ES256"}') + ".e30.AA",
        "e30." + encode(b"x" * 20_000) + ".AA",
    ],
)
async def test_junk_is_refused_at_once(signer: World, text: str) -> None:
    began = time.perf_counter()
    await refused(signer, text)
    assert time.perf_counter() - began < 0.5


async def test_the_type_must_be_the_one_there_is(signer: World) -> None:
    await refused(signer, sign(), client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
    response = await signer.call("POST", "/introspect", form={"token": "x", "client_assertion": sign()})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    content = b"token=x&client_assertion_type=a&client_assertion_type=b"
    response = await signer.call(
        "POST", "/introspect", content=content, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == 400


async def test_a_client_id_beside_it_has_to_say_the_same(signer: World) -> None:
    await refused(signer, sign(), client_id="web-acme")


async def test_one_registered_algorithm_is_the_only_one(world: World) -> None:
    await make_signer(world, metadata={"jwks": public(EC, RSA), "token_endpoint_auth_signing_alg": "PS256"})
    await refused(world, sign())
    await refused(world, sign(RSA, "RS256"))
    assert (await present(world, sign(RSA, "PS256"))).status_code == 200


@pytest.mark.parametrize("aud", [TOKEN, [TOKEN], [ISSUER, TOKEN], ISSUER, [ISSUER]])
async def test_an_older_client_may_name_the_token_endpoint(world: World, aud: object) -> None:
    """OpenID Connect Core §9. Some name both, in the order in which they read them."""
    await make_signer(world, profile="oidc")
    assert (await present(world, sign(aud=aud))).status_code == 200


@pytest.mark.parametrize(
    "aud", [ISSUER + "/par", TOKEN + "/", [TOKEN, "https://other.test"], ["https://other.test", TOKEN], [], [[TOKEN]]]
)
async def test_an_older_client_may_name_nothing_else(world: World, aud: object) -> None:
    await make_signer(world, profile="oidc")
    await refused(world, sign(aud=aud))


async def test_fapi_is_stricter(world: World) -> None:
    """The issuer as one text, five minutes, no RS256."""
    await make_signer(world, profile="fapi2")
    assert (await present(world, sign(exp=NOW + 300))).status_code == 200
    assert (await present(world, sign(RSA, "PS256"))).status_code == 200
    await refused(world, sign(exp=NOW + 361))
    await refused(world, sign(aud=[ISSUER]))
    await refused(world, sign(aud=TOKEN))
    await refused(world, sign(RSA, "RS256"))
