"""DPoP where tokens are gotten: at /token and /par. RFC 9449 §5, §8, §10; DP-* of the cases, AP-29, RT-17, CK-1."""

import asyncio
from typing import Any

import pytest

from gatepost.oauth.client_metadata import TOKEN_EXCHANGE
from gatepost.oauth.dpop import NONCE_SECONDS
from gatepost.oauth.foreign_jwt import KEY_OF, STRONG
from gatepost.oauth.token_exchange import ACCESS_TOKEN

from .browser import Browser, answer_of, request_of
from .conftest import OpenWorld
from .exchanging import make_agent
from .prover import BOB, INVALID, TOKEN, ask, error_of, jkt, own, prove, public, redeemed, refreshed
from .registering import open_to_all, registered
from .signer import CLIENT, EC, KEYS, OTHER, P384, make_signer, sign
from .test_device import answer, poll, signed_in, started
from .world import ISSUER, NOW, RESOURCE, Client, World, claims_of


@pytest.fixture
async def job(world: World) -> Client:
    """A confidential app that acts for itself."""
    return await world.make_app(world.acme.org, client_id="job", kind="service", scope="read")


@pytest.fixture
async def native(world: World) -> Client:
    """A public app that may ask who the person is."""
    return await world.make_app(world.acme.org, client_id="phone", kind="native", scope="openid read")


async def test_a_token_is_bound_to_the_key_that_was_proved(world: World, job: Client) -> None:
    """DP-14."""
    content = (await own(world, job, prove())).json()
    assert (content["token_type"], claims_of(content["access_token"])["cnf"]) == ("DPoP", {"jkt": jkt()})
    said = (await world.introspect(content["access_token"])).json()
    assert (said["active"], said["token_type"], said["cnf"]) == (True, "DPoP", {"jkt": jkt()})


async def test_without_a_proof_it_is_a_bearer_token(world: World, job: Client) -> None:
    content = (await own(world, job)).json()
    assert (content["token_type"], "cnf" in claims_of(content["access_token"])) == ("Bearer", False)
    assert (await world.introspect(content["access_token"])).json()["token_type"] == "Bearer"


@pytest.mark.parametrize("alg", KEY_OF)
async def test_each_algorithm_with_its_key(world: World, job: Client, alg: str) -> None:
    content = (await own(world, job, prove(KEYS[alg], alg))).json()
    assert claims_of(content["access_token"])["cnf"] == {"jkt": jkt(KEYS[alg])}


BAD: dict[str, dict[str, Any]] = {
    "no typ": {"header": {"typ": None}},
    "another typ": {"header": {"typ": "JWT"}},
    "no key": {"header": {"jwk": None}},
    "a key that is no object": {"header": {"jwk": "key"}},
    "a private key": {"header": {"jwk": {**public(EC), "d": "AAAA"}}},
    "a key and a secret": {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
    "another's key": {"header": {"jwk": public(OTHER)}},
    "a key of another curve": {"header": {"jwk": public(P384)}},
    "a key for encryption": {"header": {"jwk": {**public(EC), "use": "enc"}}},
    "a key of another kind": {"header": {"jwk": public(KEYS["RS256"])}},
    "half a key": {"header": {"jwk": {"kty": "EC", "crv": "P-256"}}},
    "no algorithm": {"header": {"alg": "none"}},
    "a symmetric algorithm": {"header": {"alg": "HS256"}},
    "an algorithm too few know": {"header": {"alg": "ES384"}},
    "a critical extension": {"header": {"crit": ["x"]}},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a long jti": {"jti": "x" * 256},
    "a jti that is a number": {"jti": 7},
    "no htm": {"htm": None},
    "another htm": {"htm": "GET"},
    "htm in another case": {"htm": "post"},
    "no htu": {"htu": None},
    "htu is a number": {"htu": 7},
    "another path": {"htu": ISSUER + "/par"},
    "a slash behind": {"htu": TOKEN + "/"},
    "another host": {"htu": "https://evil.test/token"},
    "another scheme": {"htu": TOKEN.replace("https", "http")},
    "somebody in it": {"htu": "https://gate.test@evil.test/token"},
    "no iat": {"iat": None},
    "iat is a text": {"iat": str(NOW)},
    "an hour ago": {"iat": NOW - 3600},
    "in an hour": {"iat": NOW + 3600},
    "a second too old": {"iat": NOW - 61},
    "a second too new": {"iat": NOW + 61},
    "expired by its own word": {"exp": NOW - 60},
    "not good yet by its own word": {"nbf": NOW + 61},
    "exp is a text": {"exp": str(NOW)},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_what_is_no_proof_of_this_request_gets_nothing(world: World, job: Client, bad: dict[str, Any]) -> None:
    """DP-3, DP-5, CK-1, JW-4 to JW-7."""
    assert error_of(await own(world, job, prove(**bad))) == INVALID


async def test_what_is_no_proof_at_all(world: World, job: Client) -> None:
    good = prove()
    head, claims, signature = good.split(".")
    for text in ("x", "a.b.c", head, f"{head}.{claims}.", f"{head}.{claims}.{signature[:-4]}AAAA", "." * 9000):
        assert error_of(await own(world, job, text)) == INVALID
    twice = [("DPoP", good), ("DPoP", prove())]
    form = {"grant_type": "client_credentials"}
    assert error_of(await world.call("POST", "/token", job, form=form, headers=twice)) == INVALID
    assert (await own(world, job, good)).status_code == 200, "what was refused is not spent"


GOOD: dict[str, dict[str, Any]] = {
    "a query": {"htu": TOKEN + "?a=b"},
    "a fragment": {"htu": TOKEN + "#a"},
    "upper case": {"htu": "HTTPS://GATE.TEST/token"},
    "the default port": {"htu": "https://gate.test:443/token"},
    "ten seconds ago": {"iat": NOW - 10},
    "in ten seconds": {"iat": NOW + 10},
    "59 seconds ago": {"iat": NOW - 59},
    "in 59 seconds": {"iat": NOW + 59},
    "expires just now": {"exp": NOW - 59},
    "good in a moment": {"nbf": NOW + 60},
    "a nonce that nobody asked for": {"nonce": "x"},
    "a kid beside the key": {"header": {"kid": "x"}},
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
async def test_what_is_the_same_and_what_does_not_matter(world: World, job: Client, good: dict[str, Any]) -> None:
    """DP-4, DP-5, CK-1."""
    assert (await own(world, job, prove(**good))).status_code == 200


async def test_where_it_was_sent_is_configured(world: World, job: Client) -> None:
    """DP-15."""
    form, evil = {"grant_type": "client_credentials"}, "https://evil.test/token"
    headers = {"host": "evil.test", "x-forwarded-host": "evil.test"}
    response = await world.call("POST", "/token", job, form=form, headers={**headers, "dpop": prove(htu=evil)})
    assert error_of(response) == INVALID
    response = await world.call("POST", "/token", job, form=form, headers={**headers, "DPOP": prove()})
    assert response.status_code == 200


async def test_below_a_path_it_is_the_issuers_path_that_counts(open_world: OpenWorld) -> None:
    world = await open_world(issuer="https://gate.test/auth")
    job = await world.make_app(world.acme.org, client_id="job", kind="service")
    assert (await own(world, job, prove(htu="https://gate.test/auth/token"))).status_code == 200
    assert error_of(await own(world, job, prove())) == INVALID


async def test_a_proof_is_used_once_on_all_nodes(world: World, job: Client) -> None:
    """DP-7 and the replay of the conformance suite."""
    proof, other = prove(), await world.again()
    assert (await own(world, job, proof)).status_code == 200
    for node in (world, other):
        assert error_of(await own(node, job, proof)) == INVALID
    proof = prove()
    answers = await asyncio.gather(*(own(node, job, proof) for node in (world, other) * 5))
    assert sorted(each.status_code for each in answers) == [200] + [400] * 9
    assert (await own(world, job, prove(OTHER, jti="one"))).status_code == 200
    assert (await own(world, job, prove(EC, jti="one"))).status_code == 200, "another key's jti is another one"


async def test_proofs_that_are_over_are_forgotten(world: World, job: Client) -> None:
    """DP-7."""
    for _ in range(60):
        assert (await own(world, job, prove(iat=world.clock()))).status_code == 200
        world.clock.forward(20)
    assert 0 < len(await spent(world)) < 60


async def spent(world: World) -> list[Any]:
    from gatepost.store.question import SQL, Steps, question

    @question
    def rows() -> Steps[list[Any]]:
        return (yield SQL("select id from spent where kind = 'dpop'"))

    return await world.instance.store.read(rows())


async def test_a_login_with_a_key(world: World, browser: Browser, native: Client) -> None:
    """DP-13, RT-17: a public app's refresh token is of use to its key alone, and a refusal moves nothing."""
    code = (await browser.allow(native, BOB))["code"]
    tokens = (await redeemed(world, native, code, prove())).json()
    assert (tokens["token_type"], claims_of(tokens["access_token"])["cnf"]) == ("DPoP", {"jkt": jkt()})
    assert claims_of(tokens["id_token"]).get("cnf") is None
    assert (await world.introspect(tokens["refresh_token"])).json()["cnf"] == {"jkt": jkt()}
    for _ in range(3):
        assert error_of(await refreshed(world, native, tokens["refresh_token"], prove(OTHER)))[1] == "invalid_grant"
        assert error_of(await refreshed(world, native, tokens["refresh_token"])) == INVALID
        assert (await world.refresh(tokens["refresh_token"])).status_code == 401, "the seed's route takes no proofs"
    again = (await refreshed(world, native, tokens["refresh_token"], prove())).json()
    assert (again["token_type"], claims_of(again["access_token"])["cnf"]) == ("DPoP", {"jkt": jkt()})
    third = await refreshed(world, native, again["refresh_token"], prove())
    assert third.status_code == 200, "the refusals before did not count as uses"


async def test_a_proof_that_was_used_moves_no_refresh(world: World, browser: Browser, native: Client) -> None:
    proof = prove()
    tokens = (await redeemed(world, native, (await browser.allow(native, BOB))["code"], proof)).json()
    assert error_of(await refreshed(world, native, tokens["refresh_token"], proof)) == INVALID
    proof = prove()
    second = (await refreshed(world, native, tokens["refresh_token"], proof)).json()
    # The same request once more, as some HTTP clients send it by themselves: refused, and no replay of the token.
    assert error_of(await refreshed(world, native, tokens["refresh_token"], proof)) == INVALID
    assert (await refreshed(world, native, second["refresh_token"], prove())).status_code == 200


async def test_a_refused_refresh_spends_no_proof(world: World, browser: Browser, native: Client) -> None:
    token = (await redeemed(world, native, (await browser.allow(native, BOB))["code"], prove())).json()["refresh_token"]
    proof = prove()
    for refused in (token[:-1] + ("A" if token[-1] != "A" else "B"), world.acme.key):
        assert error_of(await refreshed(world, native, refused, proof))[1] == "invalid_grant"
    assert (await refreshed(world, native, token, proof)).status_code == 200


async def test_a_refused_proof_spends_no_code(world: World, browser: Browser, native: Client) -> None:
    used = prove()
    assert (await own(world, world.acme.api, used)).status_code == 200
    code = (await browser.allow(native, BOB))["code"]
    for proof in (used, prove(htm="GET"), "x"):
        assert error_of(await redeemed(world, native, code, proof)) == INVALID
    assert (await redeemed(world, native, code, prove())).status_code == 200
    assert error_of(await redeemed(world, native, code, prove()))[1] == "invalid_grant"


async def test_a_confidential_app_may_change_its_key(world: World, browser: Browser) -> None:
    """RFC 9449 §5: its refresh tokens are bound to the app, which proves itself."""
    web = world.acme.web
    tokens = (await redeemed(world, web, (await browser.allow(web, BOB))["code"], prove())).json()
    second = (await refreshed(world, web, tokens["refresh_token"], prove(OTHER))).json()
    assert claims_of(second["access_token"])["cnf"] == {"jkt": jkt(OTHER)}
    third = (await refreshed(world, web, second["refresh_token"])).json()
    assert third["token_type"] == "Bearer"


@pytest.mark.parametrize("by", ["web", "native"])
async def test_a_code_is_bound_to_the_key_that_was_named(world: World, browser: Browser, by: str) -> None:
    """DP-12."""
    app = getattr(world.acme, by)
    code = (await browser.allow(app, BOB, dpop_jkt=jkt()))["code"]
    assert error_of(await redeemed(world, app, code, prove(OTHER))) == (400, "invalid_grant")
    assert error_of(await redeemed(world, app, code)) == INVALID
    assert (await redeemed(world, app, code, prove())).status_code == 200, "neither spent it"


@pytest.mark.parametrize("named", ["x", "x" * 44, "x" * 42 + "=", "x" * 42 + "+"])
async def test_a_key_is_named_by_its_thumbprint(world: World, browser: Browser, named: str) -> None:
    """AP-29."""
    left = answer_of((await browser.authorize(world.acme.web, dpop_jkt=named)).headers["location"])
    assert left["error"] == "invalid_request"


async def push(world: World, app: Client, proof: str = "", **changes: str | None) -> Any:
    headers = {"DPoP": proof} if proof else {}
    return await world.call("POST", "/par", app, form=request_of(app, **changes), headers=headers)


async def test_a_pushed_request_with_a_proof_binds_its_code(world: World, browser: Browser) -> None:
    """DP-12."""
    web, par = world.acme.web, ISSUER + "/par"
    for wrong in (prove(), prove(htu=par, htm="GET"), "x"):
        assert error_of(await push(world, web, wrong)) == INVALID
    assert error_of(await push(world, web, prove(htu=par), dpop_jkt=jkt(OTHER))) == INVALID
    proof = prove(htu=par)
    pushed = await push(world, web, proof, dpop_jkt=jkt())
    assert pushed.status_code == 201
    assert error_of(await push(world, web, proof)) == INVALID
    pushed = await push(world, web, prove(htu=par))
    page = await browser.get(
        "/authorize", params={"client_id": web.client_id, "request_uri": pushed.json()["request_uri"]}
    )
    code = (await browser.leave(await browser.consent(await browser.sign_in(page, BOB))))["code"]
    assert error_of(await redeemed(world, web, code, prove(OTHER))) == (400, "invalid_grant")
    assert error_of(await redeemed(world, web, code)) == INVALID
    assert (await redeemed(world, web, code, prove())).status_code == 200


async def test_a_device_has_a_key_too(world: World) -> None:
    app = await world.make_app(world.acme.org, kind="device", scope="read")
    begun = await started(world, app)
    assert (await poll(world, app, begun["device_code"])).json()["error"] == "authorization_pending"
    await answer(await signed_in(world, BOB), begun["user_code"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    tokens = (await ask(world, app, prove(), grant_type=grant, device_code=begun["device_code"])).json()
    assert (tokens["token_type"], claims_of(tokens["access_token"])["cnf"]) == ("DPoP", {"jkt": jkt()})
    assert error_of(await refreshed(world, app, tokens["refresh_token"])) == INVALID
    assert (await refreshed(world, app, tokens["refresh_token"], prove())).status_code == 200


async def test_an_app_may_insist_on_a_key(world: World, browser: Browser) -> None:
    """RFC 9449 §5.2, at every door."""
    sure = {"dpop_bound_access_tokens": True}
    job = await world.make_app(world.acme.org, kind="service", metadata=sure)
    assert error_of(await own(world, job)) == INVALID
    assert (await own(world, job, prove())).json()["token_type"] == "DPoP"
    web = await world.make_app(world.acme.org, scope="read", metadata=sure)
    code = (await browser.allow(web, BOB))["code"]
    assert error_of(await redeemed(world, web, code)) == INVALID
    tokens = (await redeemed(world, web, code, prove())).json()
    assert error_of(await refreshed(world, web, tokens["refresh_token"])) == INVALID
    assert (await world.refresh(tokens["refresh_token"])).status_code == 401
    assert (await refreshed(world, web, tokens["refresh_token"], prove(OTHER))).status_code == 200
    assert error_of(await world.verify(web)) == INVALID


async def test_fapi_is_stricter(world: World) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1, §5.4.1: sender-constrained, and not by RS256."""
    await make_signer(world, profile="fapi2")
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    for alg in (None, *KEY_OF):
        headers = {"DPoP": prove(KEYS[alg], alg)} if alg else {}
        response = await world.call("POST", "/token", form=form | {"client_assertion": sign()}, headers=headers)
        assert (response.status_code == 200) == (alg in STRONG), alg
        assert response.status_code == 200 or error_of(response) == INVALID
    assert CLIENT not in [each.client_id for each in world.acme if isinstance(each, Client)]


async def test_an_app_that_registers_itself_may_insist_too(open_world: OpenWorld) -> None:
    world = await open_to_all(open_world)
    content = await registered(world, dpop_bound_access_tokens=True)
    assert content["dpop_bound_access_tokens"] is True
    code = (await Browser(world).allow(Client(content["client_id"], "", content["redirect_uris"][0]), BOB))["code"]
    app = Client(content["client_id"], "", content["redirect_uris"][0])
    assert error_of(await redeemed(world, app, code)) == INVALID
    assert (await redeemed(world, app, code, prove())).json()["token_type"] == "DPoP"


async def test_a_nonce_is_asked_for_and_taken(open_world: OpenWorld) -> None:
    """RFC 9449 §8: on every node the same, for its time; an old proof is old whatever its nonce."""
    world = await open_world({"dpop.nonce": "required"})
    job = await world.make_app(world.acme.org, kind="service")
    asked = await own(world, job, prove())
    assert error_of(asked) == (400, "use_dpop_nonce")
    assert "DPoP-Nonce" in asked.headers["access-control-expose-headers"]
    nonce = asked.headers["dpop-nonce"]
    good = await own(await world.again(), job, prove(nonce=nonce))
    assert (good.status_code, good.headers["dpop-nonce"]) == (200, nonce)
    assert error_of(await own(world, job, prove(nonce=nonce, iat=NOW - 61))) == INVALID
    for wrong in ("x", nonce[:-2] + "AA", 7, ""):
        assert error_of(await own(world, job, prove(nonce=wrong))) == (400, "use_dpop_nonce")
    world.clock.forward(NONCE_SECONDS)
    later = await own(world, job, prove(nonce=nonce, iat=world.clock()))
    assert later.status_code == 200
    assert later.headers["dpop-nonce"] != nonce
    world.clock.forward(NONCE_SECONDS)
    assert error_of(await own(world, job, prove(nonce=nonce, iat=world.clock()))) == (400, "use_dpop_nonce")
    plain = await own(world, job)
    assert (plain.status_code, "dpop-nonce" in plain.headers) == (200, False)
    par = await push(world, world.acme.web, prove(htu=ISSUER + "/par", iat=world.clock()))
    assert (error_of(par), bool(par.headers["dpop-nonce"])) == ((400, "use_dpop_nonce"), True)


@pytest.mark.parametrize("path", ["/token", "/par"])
async def test_browsers_may_send_proofs(world: World, path: str) -> None:
    preflight = await world.call("OPTIONS", path)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "DPoP" in preflight.headers["access-control-allow-headers"].split(", ")
    assert (await world.call("POST", path)).headers["access-control-allow-origin"] == "*"


async def test_code_in_a_browser_may_push_its_request(world: World) -> None:
    assert (await push(world, world.acme.native)).headers["access-control-allow-origin"] == "*"


async def test_the_algorithms_of_proofs_are_published(world: World) -> None:
    for document in ("oauth-authorization-server", "openid-configuration"):
        said = (await world.call("GET", f"/.well-known/{document}")).json()
        assert said["dpop_signing_alg_values_supported"] == list(KEY_OF)


async def test_a_part_of_a_grant_is_bound_like_the_whole(world: World, browser: Browser) -> None:
    native = await world.make_app(world.acme.org, kind="native", scope="openid read write", redirect="com.acme.app:/cb")
    code = (await browser.allow(native, BOB, scope="openid read", resource=RESOURCE))["code"]
    tokens = (await redeemed(world, native, code, prove())).json()
    part = (await refreshed(world, native, tokens["refresh_token"], prove(), scope="read")).json()
    assert (part["scope"], claims_of(part["access_token"])["cnf"]) == ("read", {"jkt": jkt()})


async def test_what_is_gotten_by_exchange_is_bound_too(world: World) -> None:
    app = await make_agent(world)
    held = (await world.tokens(scope="read")).access_token
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": held, "subject_token_type": ACCESS_TOKEN}
    proof = prove()
    content = (await ask(world, app, proof, **form)).json()
    assert (content["token_type"], claims_of(content["access_token"])["cnf"]) == ("DPoP", {"jkt": jkt()})
    assert error_of(await ask(world, app, proof, **form)) == INVALID
    assert (await ask(world, app, **form)).json()["token_type"] == "Bearer"
