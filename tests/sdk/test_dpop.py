"""Tokens that are bound to a key: what APIs take and refuse, in every framework, and how clients prove theirs. RFC 9449."""

import base64
import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import gatepost_sdk.asgi
import gatepost_sdk.fastapi
from gatepost_sdk import GatepostError, Proof, TokenError, Verifier
from gatepost_sdk.client import ClientCredentials, MemoryStore, OAuth2Auth, Tokens
from gatepost_sdk.dpop import ProofKey
from gatepost_sdk.jws import encode_segment
from gatepost_sdk.proofs import REMEMBERED_PROOFS, SeenProofs, normal_url
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE
from .faces import DENYING, ISSUER, ROUTED, Face, fastapi_app
from .network import Clock
from .test_client import LIBRARIES, Get
from .test_faces import METADATA
from .world import World

KEY, OTHER = ProofKey.fresh(), ProofKey.fresh()
URL = f"{AUDIENCE}/agents"


@pytest.fixture(params=[*ROUTED, *DENYING], ids=lambda make: make.__name__)
def face(request: pytest.FixtureRequest, issuer: Issuer) -> Face:
    make: Callable[[Issuer], Face] = request.param
    return make(issuer)


@pytest.fixture
def raw(issuer: Issuer) -> str:
    return issuer.mint(sub="usr_ana", scope="agents:read", cnf={"jkt": KEY.jkt})


def sent(raw: str, proof: str, scheme: str = "DPoP") -> dict[str, str]:
    return {"Authorization": f"{scheme} {raw}", "DPoP": proof}


def prove(raw: str, now: float, key: ProofKey = KEY, method: str = "GET", url: str = URL) -> str:
    return key.prove(method, url, now, token=raw)


def test_a_bound_token_comes_in_with_its_proof_once(face: Face, raw: str, clock: Clock) -> None:
    headers = sent(raw, prove(raw, clock.now, url=f"{URL}?page=2"))
    assert face("/agents", headers)[::2] == (200, {"sub": "usr_ana"})
    answer = face("/agents", headers)
    assert (answer.status, answer.body["error"]) == (401, "bad_proof")
    assert answer.headers["www-authenticate"].startswith('DPoP algs="ES256 RS256", error="invalid_dpop_proof"')
    assert METADATA in answer.headers["www-authenticate"]


def test_a_token_is_used_as_what_it_is(face: Face, issuer: Issuer, raw: str, clock: Clock) -> None:
    for proof in ("", prove(raw, clock.now)):
        answer = face("/agents", sent(raw, proof, "Bearer"))
        assert (answer.status, answer.body["error"]) == (401, "bound")
        assert answer.headers["www-authenticate"].startswith('DPoP algs="ES256 RS256", error="invalid_token"')
    bearer = issuer.mint(scope="agents:read")
    answer = face("/agents", sent(bearer, prove(bearer, clock.now)))
    assert (answer.status, answer.body["error"]) == (401, "not_bound")
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


def test_a_proof_is_of_one_request(face: Face, raw: str, clock: Clock) -> None:
    for wrong in (
        prove(raw, clock.now, method="POST"),
        prove(raw, clock.now, url=f"{AUDIENCE}/other"),
        prove(raw, clock.now, url="https://evil.test/agents"),
        "",
    ):
        assert face("/agents", sent(raw, wrong)).body["error"] == "bad_proof"
    headers = {**sent(raw, prove(raw, clock.now, url="https://evil.test/agents")), "X-Forwarded-Host": "evil.test"}
    assert face("/agents", headers).body["error"] == "bad_proof"


def test_a_refused_dpop_token_is_asked_for_as_one(face: Face, issuer: Issuer, clock: Clock) -> None:
    old = issuer.mint(scope="agents:read", cnf={"jkt": KEY.jkt}, expires_in=-60)
    answer = face("/agents", sent(old, prove(old, clock.now)))
    assert (answer.status, answer.body["error"]) == (401, "expired")
    assert answer.headers["www-authenticate"].startswith("DPoP ")


async def test_two_proofs_are_none(issuer: Issuer, raw: str, clock: Clock) -> None:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    headers = [("authorization", f"DPoP {raw}"), ("dpop", prove(raw, clock.now)), ("dpop", prove(raw, clock.now))]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fastapi_app(auth)), base_url=AUDIENCE) as client:
        assert (await client.get("/agents", headers=headers)).json()["detail"]["error"] == "bad_proof"
        assert (await client.get("/agents", headers=headers[:2])).status_code == 200


def test_an_api_without_a_url_of_its_own_takes_no_proofs(issuer: Issuer, clock: Clock) -> None:
    auth = gatepost_sdk.asgi.Auth(ISSUER, audience="jobs")
    issuer.install(auth)
    raw = issuer.mint(cnf={"jkt": KEY.jkt})
    with pytest.raises(TokenError, match="resource=") as refused:
        auth.guard.check([f"DPoP {raw}"])
    assert refused.value.code == "bad_proof"


def code(verifier: Verifier, raw: str, proof: Proof | None) -> str:
    with pytest.raises(TokenError) as refused:
        verifier.verify(raw, proof=proof)
    return refused.value.code


def forged(clock: Clock, raw: str, head: dict[str, Any], key: ProofKey | None = KEY, **changes: Any) -> str:
    """A proof whose head and claims say something else, signed with a key, or by nobody; a change to None leaves it out."""
    made = prove(raw, clock.now).split(".")
    parts = [json.loads(_decoded(part)) | change for part, change in zip(made[:2], (head, changes), strict=True)]
    kept = ({name: value for name, value in part.items() if value is not None} for part in parts)
    signed = ".".join(encode_segment(json.dumps(part).encode()).decode() for part in kept)
    return f"{signed}.{_signature(key, signed.encode()) if key else made[2]}"


def _signature(key: ProofKey, signed: bytes) -> str:
    r, s = decode_dss_signature(key._private.sign(signed, ec.ECDSA(hashes.SHA256())))
    return encode_segment(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_what_is_no_proof_of_the_tokens_key(verifier: Verifier, clock: Clock, raw: str) -> None:
    good = prove(raw, clock.now)
    assert code(verifier, raw, Proof(prove(raw, clock.now, OTHER), "GET", URL)) == "wrong_key"
    for wrong in (
        prove("another token", clock.now),
        KEY.prove("GET", URL, clock.now),
        prove(raw, clock.now - 62),
        prove(raw, clock.now + 62),
        good[:-8] + "AAAAAAAA",
        raw,
        "x",
        forged(clock, raw, {}, None, jti="another"),
    ):
        assert code(verifier, raw, Proof(wrong, "GET", URL)) == "bad_proof", wrong
    assert verifier.verify(raw, proof=Proof(good, "GET", URL)).sub == "usr_ana", "no refusal used it up"
    assert code(verifier, raw, Proof(good, "GET", URL)) == "bad_proof"


HEADS: list[dict[str, Any]] = [
    {"alg": "none"},
    {"alg": "RS256"},
    {"alg": None},
    {"typ": None},
    {"typ": "JWT"},
    {"crit": ["x"]},
    {"jwk": None},
    {"jwk": "x"},
    {"jwk": {"kty": "oct", "k": "AAAA"}},
    {"jwk": {**KEY._jwk, "d": "AAAA"}},
    {"jwk": {**KEY._jwk, "use": "enc"}},
    {"jwk": OTHER._jwk},
]
CLAIMS: list[dict[str, Any]] = [
    *({"htm": wrong} for wrong in (None, "get", "POST", ["GET"])),
    *({"htu": wrong} for wrong in (None, 7, "/agents", f"{AUDIENCE}/other")),
    *({"iat": wrong} for wrong in (None, "1800000000", True, math.nan, math.inf, -1, 10**400)),
    *({"exp": wrong} for wrong in ("9999999999", True, 1_700_000_000)),
    *({"nbf": wrong} for wrong in ("1", 9_999_999_999)),
    *({"jti": wrong} for wrong in (None, "", "x" * 256, 7)),
    *({"ath": wrong} for wrong in (None, "x", 7)),
]


@pytest.mark.parametrize(("head", "claims"), [*((each, {}) for each in HEADS), *(({}, each) for each in CLAIMS)])
def test_what_its_key_signed_is_no_proof_for_that_alone(
    verifier: Verifier, clock: Clock, raw: str, head: dict[str, Any], claims: dict[str, Any]
) -> None:
    """DP-3, DP-5; RFC 9449 §4.3, line by line."""
    assert verifier.verify(raw, proof=Proof(forged(clock, raw, {}), "GET", URL)).sub == "usr_ana"
    assert code(verifier, raw, Proof(forged(clock, raw, head, **claims), "GET", URL)) == "bad_proof"


def test_a_further_look_at_the_same_request_uses_nothing_up(verifier: Verifier, clock: Clock, raw: str) -> None:
    proof = Proof(prove(raw, clock.now), "GET", URL)
    for again in (False, True, True):
        assert verifier.verify(raw, proof=proof, again=again).sub == "usr_ana"
    assert code(verifier, raw, proof) == "bad_proof"


async def test_a_middleware_and_a_route_look_at_one_proof(issuer: Issuer, raw: str, clock: Clock) -> None:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    app = auth.middleware(fastapi_app(auth))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AUDIENCE) as client:
        headers = sent(raw, prove(raw, clock.now))
        assert [(await client.get("/agents", headers=headers)).status_code for _ in range(2)] == [200, 401]


async def test_tasks_are_told_the_same(verifier: Verifier, clock: Clock, raw: str) -> None:
    proof = Proof(prove(raw, clock.now), "GET", URL)
    assert (await verifier.averify(raw, proof=proof)).sub == "usr_ana"
    with pytest.raises(TokenError, match="used before"):
        await verifier.averify(raw, proof=proof)


def test_a_key_that_lacks_a_part_of_its_name_is_none(verifier: Verifier, clock: Clock, raw: str) -> None:
    short = ProofKey(KEY.text)
    short._jwk = {name: value for name, value in KEY._jwk.items() if name != "crv"}
    assert code(verifier, raw, Proof(prove(raw, clock.now, short), "GET", URL)) == "bad_proof"


@pytest.mark.parametrize("cnf", [{"x5t#S256": "x"}, {"jkt": "x", "x5t#S256": "x"}, {}, "x", ["jkt"]])
def test_what_is_bound_otherwise_is_not_taken(verifier: Verifier, issuer: Issuer, clock: Clock, cnf: Any) -> None:
    raw = issuer.mint(cnf=cnf)
    assert code(verifier, raw, Proof(prove(raw, clock.now), "GET", URL)) == "bound"


@pytest.mark.parametrize(
    "url",
    ["https://api.test:443/agents", "HTTPS://API.test/agents", f"{URL}?a", f"{URL}#a", "https://api.test/%61gents"],
)
def test_urls_that_are_the_same(url: str) -> None:
    assert normal_url(url) == normal_url(URL)


@pytest.mark.parametrize("url", [None, 7, "", "/agents", "ftp://api.test/agents", "https://a@api.test/agents"])
def test_what_is_no_url(url: Any) -> None:
    with pytest.raises(ValueError, match="http URL"):
        normal_url(url)


def test_what_was_seen_is_bounded_and_remembered_as_long_as_it_could_be_sent() -> None:
    seen = SeenProofs()
    assert [seen.take(b"a", now) for now in (0, 0, 119, 121, 121, 500)] == [True, False, False, False, False, True]
    for number in range(3 * REMEMBERED_PROOFS):
        seen.take(number.to_bytes(4, "big"), 500)
    assert len(seen._young) + len(seen._old) <= 2 * REMEMBERED_PROOFS


@pytest.fixture
def job(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ClientCredentials:
    monkeypatch.setenv("ACME_SECRET", "s3cret")
    return ClientCredentials(world.issuer, "app_job", secret_from="env:ACME_SECRET", clock=clock, dpop=True)


@LIBRARIES
@pytest.mark.parametrize("nonce", ["", "n1"])
def test_each_library_proves_its_key(job: ClientCredentials, world: World, get: Get, nonce: str) -> None:
    world.nonce = nonce
    assert [get(job, f"{world.issuer}/api") for _ in range(3)] == [200] * 3
    assert world.asked["client_credentials"] == 1
    lacking = 1 if nonce else 0
    assert (world.asked["/token"], world.asked["/api"]) == (1 + lacking, 3 + lacking)
    if nonce:
        world.nonce = "n2"
        assert get(job, f"{world.issuer}/api") == 200
        assert (world.asked["client_credentials"], world.asked["/api"]) == (1, 6)


@LIBRARIES
def test_a_rejected_token_is_replaced_once_by_one_of_the_same_key(
    job: ClientCredentials, world: World, get: Get
) -> None:
    assert get(job, f"{world.issuer}/api") == 200
    world.good.clear()
    assert get(job, f"{world.issuer}/api") == 200
    assert (world.asked["client_credentials"], world.asked["/api"]) == (2, 3)
    assert len(set(world.bound.values())) == 1


def test_a_server_that_always_wants_another_nonce_is_not_asked_for_ever(
    job: ClientCredentials, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "prove", lambda *_: ("", "use_dpop_nonce"))
    world.nonce = "n1"
    with pytest.raises(GatepostError) as refused:
        job._session.renewed().result()
    assert (refused.value.code, world.asked["/token"]) == ("use_dpop_nonce", 2)


def test_a_token_that_is_not_bound_is_not_taken(
    job: ClientCredentials, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "prove", lambda *_: ("", ""))
    with pytest.raises(GatepostError, match="DPoP token"):
        job._session.renewed().result()


def test_a_login_keeps_its_key_and_a_new_one_has_a_new_one(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepost_sdk.login.sleep", lambda _: None)
    store = MemoryStore()
    auth = OAuth2Auth(world.issuer, client_id="app_cli", store=store, clock=clock, dpop=True)
    auth.login(device=True, show=lambda _: None)
    first = store.load()
    assert first is not None
    assert first.key
    assert auth._session.renewed(first.access_token).result().key == first.key
    auth.login(device=True, show=lambda _: None)
    second = store.load()
    assert second is not None
    assert second.key not in (None, first.key)
    assert len({world.bound[each.access_token] for each in (first, second)}) == 2


def test_a_login_without_a_key_goes_on_without(world: World, clock: Clock) -> None:
    world.refresh_token = "refresh-0"
    store = MemoryStore()
    store.save(Tokens("access-0", "refresh-0", clock.now - 3000, clock.now - 3100))
    auth = OAuth2Auth(world.issuer, client_id="app_cli", store=store, clock=clock, dpop=True)
    assert auth._session.renewed().result().key is None


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(KEY) == "<ProofKey>"
    assert KEY.text not in repr(Tokens("access", None, 0, 0, KEY.text))
