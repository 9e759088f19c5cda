"""Apps whose client_id is the URL of a document: SS-*, AZ-32, and what the draft and MCP ask for.

draft-ietf-oauth-client-id-metadata-document, MCP authorization (revision 2026-07-28).
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepost.flows.resources import create_resource
from gatepost.oauth.client_assertion import ASSERTION_TYPE
from gatepost.oauth.client_document import is_document_url
from gatepost.store.apps import set_app_disabled
from gatepost.store.question import INSTANCE

from .browser import VERIFIER, Browser, connected, form_of, give_password, redeem, request_of, token
from .conftest import OpenWorld
from .publisher import REDIRECT, Publisher, publishing
from .signer import EC, present, public, sign
from .strangers import ok, stranger
from .test_consent import AGENT
from .world import RESOURCE, claims_of

BOB = "bob@acme.test"


@pytest.fixture
async def publisher(open_world: OpenWorld) -> AsyncIterator[Publisher]:
    async with publishing(open_world) as own:
        yield own


async def test_a_whole_login_of_an_app_that_nobody_registered(publisher: Publisher) -> None:
    """PKCE, an API of the workspace, refresh, introspection, the account page, revocation: as for any app."""
    world, app, browser = publisher.world, publisher.app, Browser(publisher.world)
    assert await publisher.row() is None
    answer = await connected(world, browser, app, scope="read offline_access", resource=RESOURCE)
    claims = claims_of(answer["access_token"])
    assert (claims["client_id"], claims["aud"], claims["org"]) == (publisher.url, RESOURCE, world.acme.id)
    assert (await publisher.row()).name == "Wanderer"
    assert await world.is_active(answer["access_token"])
    assert await world.is_active(answer["access_token"], world.acme.api)
    assert not await world.is_active(answer["access_token"], world.beta)
    page = await browser.get("/account/apps")
    assert "Wanderer" in page.text
    second = await token(world, app, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert second.status_code == 200
    assert (await world.revoke(second.json()["refresh_token"], app)).status_code == 200
    assert not await world.is_active(second.json()["access_token"])
    third = await token(world, app, grant_type="refresh_token", refresh_token=second.json()["refresh_token"])
    assert third.json()["error"] == "invalid_grant"


async def test_the_person_ends_it_on_the_account_page(publisher: Publisher) -> None:
    browser = Browser(publisher.world)
    answer = await connected(publisher.world, browser, publisher.app)
    ended = await browser.press("/account/apps", "/account/apps/revoke", client_id=publisher.url)
    assert ended.status_code == 303
    assert not await publisher.world.is_active(answer["access_token"])


async def test_the_consent_page_says_that_nobody_vouches_and_where_it_leads(publisher: Publisher) -> None:
    browser = Browser(publisher.world)
    page = await browser.sign_in(await browser.authorize(publisher.app), BOB)
    text = (await browser.get(page.headers["location"])).text
    assert "Published at <bdi>127.0.0.1</bdi>" in text
    assert "You will go to <bdi>app.example</bdi>" in text
    assert text.count('id="warning"') == 1
    assert "None of your organizations has checked" in text


async def test_a_document_says_that_its_app_is_an_agent(publisher: Publisher) -> None:
    told = []
    for said in (True, "yes", False):
        publisher.publish("no-store", agent=said)
        publisher.world.clock.forward(300)
        browser = Browser(publisher.world)
        page = await browser.sign_in(await browser.authorize(publisher.app), BOB)
        told.append(AGENT in (await browser.get(page.headers["location"])).text)
    assert told == [True, False, False]


async def test_a_way_back_to_this_device_alone_is_warned_of_once(publisher: Publisher) -> None:
    publisher.publish(redirect_uris=["http://localhost/cb"])
    app = publisher.app._replace(redirect="http://localhost:4711/cb")
    browser = Browser(publisher.world)
    page = await browser.sign_in(await browser.authorize(app), BOB)
    text = (await browser.get(page.headers["location"])).text
    assert text.count('id="warning"') == 1
    assert "a program on this device" in text


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://app.example/client.json", True),
        ("https://app.example:8443/a/b?v=2", True),
        ("http://localhost:3000/client.json", True),
        ("https://app.example", False),
        ("https://app.example/", False),
        ("http://app.example/client.json", False),
        ("https://app.example/./client.json", False),
        ("https://app.example/a/../client.json", False),
        ("https://app.example/a/%2E%2e/client.json", False),
        ("https://app.example/..", False),
        ("https://app.example/client.json#x", False),
        ("https://app.example/client.json#", False),
        ("https://user@app.example/client.json", False),
        ("https://user:password@app.example/client.json", False),
        ("https://app.example/client json", False),
        ("https://app.example/client.json\n", False),
        ("https://app.example\\@evil.test/x", False),
        ("https:///client.json", False),
        ("https://app.example/" + "a" * 1024, False),
    ],
)
def test_where_a_document_may_be(url: str, fits: bool) -> None:
    """SS-4, and §3 of the draft."""
    assert is_document_url(url) == fits


async def test_another_address_than_that_is_never_asked(publisher: Publisher) -> None:
    publisher.app = publisher.app._replace(client_id=f"{publisher.url}#x")
    assert "no fragment" in (await publisher.asked()).text
    assert publisher.there.connections == 0


async def test_without_the_setting_nothing_on_this_machine_is_asked(open_world: OpenWorld) -> None:
    """SS-1: and the refusal is the one for a server that is not there."""
    world = await open_world()
    async with stranger(b"") as there:
        publisher = Publisher(world, there)
        here = await publisher.reason()
        assert there.connections == 0
    publisher.app = publisher.app._replace(client_id="https://nowhere.invalid/client.json")
    assert await publisher.reason() == here == "The document at the client_id could not be fetched."


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another client_id": ({"client_id": "http://127.0.0.1/client.json"}, "its client_id is not its URL"),
    "no client_id": ({"client_id": None}, "its client_id is not its URL"),
    "no name": ({"client_name": None}, "it has no client_name"),
    "a name that cannot be seen": ({"client_name": "\u202e\u200b"}, "it has no client_name"),
    "no redirect URIs": ({"redirect_uris": []}, "redirect_uris is a list"),
    "a text for a list": ({"redirect_uris": REDIRECT}, "redirect_uris is a list"),
    "http elsewhere": ({"redirect_uris": [REDIRECT, "http://app.example/cb"]}, "it needs https"),
    "a fragment": ({"redirect_uris": ["https://app.example/cb#x"]}, "it has a fragment"),
    "a wildcard": ({"redirect_uris": ["https://*.app.example/cb"]}, "it has a wildcard"),
    "a script": ({"redirect_uris": ["javascript:alert(1)"]}, "cannot be registered"),
    "a secret": ({"client_secret": "hush"}, "it has client_secret"),
    "a secret's end": ({"client_secret_expires_at": 0}, "it has client_secret_expires_at"),
    "basic": ({"token_endpoint_auth_method": "client_secret_basic"}, "none of private_key_jwt, none"),
    "post": ({"token_endpoint_auth_method": "client_secret_post"}, "none of private_key_jwt, none"),
    "secret JWT": ({"token_endpoint_auth_method": "client_secret_jwt"}, "none of private_key_jwt, none"),
    "no keys": ({"token_endpoint_auth_method": "private_key_jwt"}, "no keys for private_key_jwt"),
    "a symmetric key": ({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, "is secret"),
    "a private key": ({"jwks": {"keys": [EC.as_dict(private=True)]}}, "is secret"),
    "two sets of keys": ({"jwks": public(EC), "jwks_uri": "https://app.example/jwks"}, "exclude each other"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_unsafe_refuses_a_document(publisher: Publisher, name: str) -> None:
    """SS-12, JW-19, AZ-18: a page of ours, and nothing kept."""
    changes, why = REFUSED[name]
    publisher.publish(**changes)
    assert why in await publisher.reason()
    assert await publisher.row() is None
    publisher.publish()
    assert await publisher.is_accepted()


async def test_at_the_token_endpoint_the_same_is_said(publisher: Publisher) -> None:
    publisher.there.answer = ok(b"{}", status="403 Forbidden")
    response = await token(publisher.world, publisher.app, grant_type="authorization_code", code="gp_code_x")
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert "the status is 403" in response.json()["error_description"]


ODD: dict[str, dict[str, Any]] = {
    "grants of others": {"grant_types": ["authorization_code", "urn:example:magic", "implicit", "client_credentials"]},
    "grants that are no list": {"grant_types": "authorization_code"},
    "a link that is none": {"policy_uri": "javascript:alert(1)", "tos_uri": 7, "logo_uri": "https://10.0.0.1/x.svg"},
    "algorithms of others": {"id_token_signed_response_alg": "none", "userinfo_signed_response_alg": "HS256"},
    "types": {"default_max_age": True, "post_logout_redirect_uris": [7], "subject_type": ["pairwise"]},
    "power": {"scope": "gatepost", "first_party": True, "skip_consent": True, "profile": "oidc", "org": "acme"},
    "members of others": {"software_statement": "x", "contacts": 7, "vendor": {"a": [{}]}},
}


@pytest.mark.parametrize("name", ODD)
async def test_what_is_merely_odd_is_left_out(publisher: Publisher, name: str) -> None:
    """Pain 11: a document was not written for this server; RG-3: and gives no power."""
    publisher.publish(**ODD[name])
    browser = Browser(publisher.world)
    page = await browser.sign_in(await browser.authorize(publisher.app), BOB)
    consent = await browser.get(page.headers["location"])
    assert 'id="allow"' in consent.text
    assert "vouches" not in consent.text
    assert "javascript:" not in consent.text
    answer = await browser.leave(await browser.consent(page))
    assert (await redeem(publisher.world, publisher.app, answer["code"])).status_code == 200
    assert publisher.there.connections == 1


async def test_nothing_else_that_it_names_is_fetched_or_shown_from_there(publisher: Publisher) -> None:
    """SS-7, SS-10: whatever URLs it holds, a login asks its server for the document and no other server for anything."""
    names = (
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "jwks_uri",
        "sector_identifier_uri",
        "initiate_login_uri",
    )
    async with stranger(b"") as other:
        uris: dict[str, Any] = {name: f"https://127.0.0.1:{other.port}/{name}" for name in names}
        uris |= {
            name: [f"https://127.0.0.1:{other.port}/{name}"] for name in ("request_uris", "post_logout_redirect_uris")
        }
        publisher.publish(**uris)
        browser = Browser(publisher.world)
        page = await browser.sign_in(await browser.authorize(publisher.app), BOB)
        consent = await browser.get(page.headers["location"])
        assert "logo_uri" not in consent.text
        assert not re.search(r"<(img|link|script|iframe)[^>]*127\.0\.0\.1", consent.text)
        answer = await browser.leave(await browser.consent(page))
        assert (await redeem(publisher.world, publisher.app, answer["code"])).status_code == 200
        assert (publisher.there.connections, other.connections) == (1, 0)


async def test_a_name_is_cut_and_cleaned(publisher: Publisher) -> None:
    publisher.publish(client_name="Wan\u202ederer" + "x" * 300)
    await connected(publisher.world, Browser(publisher.world), publisher.app)
    assert (await publisher.row()).name == "Wanderer" + "x" * 72


async def test_no_power_over_the_organization_can_be_had(publisher: Publisher) -> None:
    """RG-3."""
    publisher.publish(scope="gatepost")
    browser = Browser(publisher.world)
    page = await browser.sign_in(await browser.authorize(publisher.app, scope="gatepost"), BOB)
    left = await browser.get(page.headers["location"])
    assert "error=invalid_scope" in left.text


async def test_only_workspaces_that_have_the_api_are_offered(publisher: Publisher) -> None:
    world, browser = publisher.world, Browser(publisher.world)
    await give_password(world, world.acme.ann)
    other = "https://other.test/"
    await create_resource(world.instance, world.beta.org, other, "read", None, world.operator)
    page = await browser.sign_in(
        await browser.authorize(publisher.app, resource=other, scope="read"), "ann@example.test"
    )
    form = form_of(await browser.get(page.headers["location"]))
    assert form.fields["org"] == world.beta.id
    await browser.consent(page, org=world.acme.id)
    answer = await browser.leave(await browser.consent(page))
    issued = (await redeem(world, publisher.app, answer["code"])).json()
    assert (claims_of(issued["access_token"])["org"], claims_of(issued["access_token"])["aud"]) == (
        world.beta.id,
        other,
    )


async def test_its_own_keys_prove_who_it_is(publisher: Publisher) -> None:
    world = publisher.world
    publisher.publish(token_endpoint_auth_method="private_key_jwt", jwks=public(EC))
    code = (await Browser(world).allow(publisher.app, BOB))["code"]
    assert (await redeem(world, publisher.app, code)).json()["error"] == "invalid_client"
    assertion = sign(EC, iss=publisher.url, sub=publisher.url)
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, "code_verifier": VERIFIER}
    response = await token(world, None, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **fields)
    assert response.status_code == 200, response.text
    # It could act for nobody but itself, and there is no organization that would have let it.
    service = await present(world, sign(EC, iss=publisher.url, sub=publisher.url, jti="2"), "/token")
    assert service.json()["error"] == "unauthorized_client"


CHANGES: dict[str, dict[str, Any]] = {
    "redirect URIs": {"redirect_uris": [REDIRECT, "https://app.example/other"]},
    "keys": {"jwks": public(EC)},
    "name": {"client_name": "Another"},
    "an agent now": {"agent": True},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_app_asks_again(publisher: Publisher, name: str) -> None:
    """Pain 14: a standing consent is not for whatever comes later."""
    browser = Browser(publisher.world)
    await connected(publisher.world, browser, publisher.app)
    silent = await browser.authorize(publisher.app)
    assert silent.headers["location"].startswith(REDIRECT)
    publisher.publish(**CHANGES[name])
    publisher.world.clock.forward(300)
    again = await browser.authorize(publisher.app)
    assert again.headers["location"].startswith("/consent/")
    await browser.leave(await browser.consent(again))
    assert (await browser.authorize(publisher.app)).headers["location"].startswith(REDIRECT)


async def test_a_change_under_the_open_page_is_shown_before_it_is_agreed_to(publisher: Publisher) -> None:
    browser = Browser(publisher.world)
    page = await browser.sign_in(await browser.authorize(publisher.app), BOB)
    form = form_of(await browser.get(page.headers["location"]))
    publisher.publish(client_name="Another")
    publisher.world.clock.forward(300)
    back = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert back.headers["location"].startswith("/consent/")
    assert "Another" in (await browser.get(back.headers["location"])).text


@pytest.mark.parametrize("wrong", [{"prompt": "none"}, {"scope": "a\\b"}, {"response_type": "token"}])
async def test_nobody_is_led_away_by_a_link_to_an_app_that_nobody_registered(
    publisher: Publisher, wrong: dict[str, str]
) -> None:
    """AZ-32: no open redirector for whoever has a web space."""
    page = await publisher.asked(**wrong)
    assert page.status_code == 200
    assert "location" not in page.headers
    assert 'http-equiv="refresh"' not in page.text
    assert 'id="continue" href="https://app.example/cb?error=' in page.text


@pytest.mark.parametrize(
    "redirect", [REDIRECT + "/", "https://evil.test/cb", "HTTPS://app.example/cb", "https://app.example:443/cb"]
)
async def test_a_redirect_uri_that_is_not_in_the_document_is_not_redirected_to(
    publisher: Publisher, redirect: str
) -> None:
    page = await publisher.asked(redirect_uri=redirect)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert redirect not in page.text


async def test_an_operator_disables_it(publisher: Publisher) -> None:
    world = publisher.world
    answer = await connected(world, Browser(world), publisher.app, scope="offline_access")
    await world.instance.store.ask(set_app_disabled(INSTANCE, publisher.url, True, world.act))
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await token(world, publisher.app, **refresh)).json()["error"] == "invalid_client"
    assert not await world.is_active(answer["access_token"])
    assert (await publisher.asked()).status_code == 400


async def test_pushed_requests_are_taken(publisher: Publisher) -> None:
    world, browser = publisher.world, Browser(publisher.world)
    pushed = await world.call("POST", "/par", publisher.app, form=request_of(publisher.app, resource=RESOURCE))
    assert pushed.status_code == 201, pushed.text
    page = await browser.get(
        "/authorize", params={"client_id": publisher.url, "request_uri": pushed.json()["request_uri"]}
    )
    answer = await browser.leave(await browser.consent(await browser.sign_in(page, BOB)))
    assert (await redeem(world, publisher.app, answer["code"])).status_code == 200


async def test_what_it_may_not_tell_of_others(publisher: Publisher) -> None:
    """Belonging to nobody is no master key: it sees and ends its own tokens alone."""
    world = publisher.world
    theirs = await world.tokens()
    refused = await world.revoke(theirs.refresh_token, publisher.app)
    assert refused.json()["error"] == "invalid_grant"
    assert await world.is_active(theirs.access_token)
