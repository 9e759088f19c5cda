"""Token exchange: agents that act for people, in chains, and how each link is cut. RFC 8693; TX-* of what must not happen."""

from urllib.parse import urlencode

import pytest

from gatepost.flows.resources import create_resource
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.light import replace
from gatepost.oauth.client_metadata import JWT_BEARER, TOKEN_EXCHANGE
from gatepost.oauth.token_exchange import ACCESS_TOKEN, JWT
from gatepost.secrets import parse_id
from gatepost.store.apps import find_app, replace_app, set_app_disabled
from gatepost.store.people import set_user_disabled

from .browser import Browser, connected, give_password, token, userinfo
from .conftest import OpenWorld
from .exchanging import anns, exchange, exchanged, make_agent, own, said
from .world import ISSUER, RESOURCE, Client, World, claims_of

OTHER = "https://other.test/"
BAD = (400, "invalid_request")


@pytest.fixture
async def agent(world: World) -> Client:
    return await make_agent(world)


async def test_an_agent_acts_for_a_person_and_says_so(world: World, agent: Client) -> None:
    subject = await anns(world, resource=RESOURCE)
    response = await exchange(world, agent, subject, scope="read")
    content = response.json()
    assert content.pop("access_token")
    assert content == {
        "token_type": "Bearer",
        "issued_token_type": ACCESS_TOKEN,
        "expires_in": 600,
        "scope": "read",
    }
    claims, before = claims_of(response.json()["access_token"]), claims_of(subject)
    assert claims.pop("jti") != before["jti"]
    assert claims == {
        "iss": ISSUER,
        "sub": world.acme.ann,
        "aud": RESOURCE,
        "exp": world.clock.now + 600,
        "iat": world.clock.now,
        "client_id": "agent",
        "scope": "read",
        "org": world.acme.id,
        "gid": before["gid"],
        "key": before["key"],
        "act": {"sub": "agent"},
        "via": [{"jti": before["jti"], "client_id": world.acme.web.client_id}],
    }


async def test_introspection_and_the_check_of_proxies_know_it(world: World, agent: Client) -> None:
    text = await exchanged(world, agent, await anns(world, resource=RESOURCE))
    assert (await world.introspect(text)).json()["act"] == {"sub": "agent"}
    assert await world.is_active(text, agent)
    assert await world.is_active(text, world.acme.api)
    assert not await world.is_active(text, world.acme.web), "it is the agent's"
    passed = await world.call("GET", f"/check?audience={RESOURCE}", f"Bearer {text}")
    assert (passed.status_code, passed.headers["x-auth-client"]) == (204, "agent")
    assert passed.headers["x-auth-subject"] == world.acme.ann


async def test_agents_hand_on_to_agents(world: World, agent: Client) -> None:
    second = await make_agent(world, "second")
    one = await exchanged(world, agent, await anns(world))
    two = await exchanged(world, second, one, subject_token_type=JWT)
    claims = claims_of(two)
    assert claims["act"] == {"sub": "second", "act": {"sub": "agent"}}
    assert [each["client_id"] for each in claims["via"]] == ["agent", world.acme.web.client_id]
    assert claims["via"][0]["jti"] == claims_of(one)["jti"]


async def test_an_actor_that_is_an_agent_is_marked_as_one(world: World, agent: Client) -> None:
    marked = await make_agent(world, "marked", metadata={"agent": True})
    one = await exchanged(world, marked, await anns(world))
    assert (await world.introspect(one)).json()["act"] == {"sub": "marked", "sub_profile": "ai_agent"}
    two = await exchanged(world, agent, one)
    assert claims_of(two)["act"] == {"sub": "agent", "act": {"sub": "marked", "sub_profile": "ai_agent"}}


async def test_no_app_is_named_as_somebody_else(world: World) -> None:
    """An app's own token has its client_id as its subject."""
    for name in (world.acme.ann, world.acme.id):
        with pytest.raises(Exception, match="not the id of a person or an organization"):
            await make_agent(world, name)
    await make_agent(world, "usr_and_more")


async def test_a_chain_has_an_end(open_world: OpenWorld) -> None:
    """TX-9."""
    world = await open_world({"tokens.exchange_depth": "2"})
    agent = await make_agent(world)
    text = await anns(world)
    for _ in range(2):
        text = await exchanged(world, agent, text)
    assert said(await exchange(world, agent, text)) == BAD


async def test_nothing_is_written(world: World, agent: Client) -> None:
    subject = await anns(world)
    before = await world.all_events()
    await exchanged(world, agent, subject)
    assert await world.all_events() == before


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "write"}, "invalid_scope"),
        ({"scope": "read write"}, "invalid_scope"),
        ({"scope": "read  write"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "gatepost"}, "invalid_scope"),
        ({"audience": OTHER}, "invalid_target"),
        ({"resource": OTHER}, "invalid_target"),
        ({"resource": RESOURCE, "audience": OTHER}, "invalid_target"),
        ({"audience": "agent"}, "invalid_target"),
        ({"audience": ISSUER}, "invalid_target"),
    ],
)
async def test_it_is_never_for_more(world: World, agent: Client, fields: dict[str, str], error: str) -> None:
    """TX-6."""
    await create_resource(world.instance, world.acme.org, OTHER, "read", None, world.operator)
    subject = await anns(world, scope="read", resource=RESOURCE)
    assert said(await exchange(world, agent, subject, **fields)) == (400, error)


async def test_it_is_held_under_what_each_app_may_have_today(world: World) -> None:
    reader, writer = await make_agent(world, "reader", scope="read"), await make_agent(world, "writer", scope="write")
    subject = await anns(world)
    one = await exchanged(world, reader, subject)
    assert claims_of(one)["scope"] == "read"
    assert said(await exchange(world, reader, subject, scope="write")) == (400, "invalid_scope")
    assert said(await exchange(world, writer, one)) == (400, "invalid_scope"), "nothing is left"
    two = await exchanged(world, await make_agent(world), one)
    app = await world.instance.store.read(find_app(world.acme.org, "reader"))
    assert app is not None
    await world.instance.store.ask(replace_app(replace(app, scope="other"), world.act))
    for text in (one, two):
        assert (await world.introspect(text)).json()["scope"] == ""


async def test_it_may_be_for_some_of_the_apis(world: World, agent: Client) -> None:
    await give_password(world, world.acme.bob)
    app = await world.make_app(world.acme.org)
    subject = (await connected(world, Browser(world), app, scope="openid offline_access read", resource=RESOURCE))[
        "access_token"
    ]
    assert claims_of(subject)["aud"] == [RESOURCE, ISSUER]
    whole, one = await exchanged(world, agent, subject), await exchanged(world, agent, subject, scope="read")
    assert (claims_of(whole)["aud"], claims_of(whole)["scope"]) == ([RESOURCE, ISSUER], "openid read")
    assert (await userinfo(world, whole)).json()["sub"] == world.acme.bob
    assert claims_of(one)["aud"] == RESOURCE
    here = await exchanged(world, agent, subject, audience=ISSUER)
    assert claims_of(here)["aud"] == ISSUER
    spelled = await exchanged(world, agent, subject, scope="read", resource=RESOURCE.replace("api.test", "API.test"))
    assert claims_of(spelled)["aud"] == RESOURCE


@pytest.mark.parametrize("names", [("audience", "audience"), ("resource", "audience"), ("resource", "resource")])
async def test_it_may_be_for_several_apis(
    world: World, browser: Browser, agent: Client, names: tuple[str, str]
) -> None:
    """RFC 8693 §2.1: both parameters may be repeated, and stand beside each other."""
    app = await world.make_app(world.acme.org)
    subject = (await connected(world, browser, app, scope="openid read", resource=RESOURCE))["access_token"]
    form = [("grant_type", TOKEN_EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for targets, status in (((RESOURCE, ISSUER), 200), ((RESOURCE, OTHER), 400)):
        body = urlencode([*form, *zip(names, targets, strict=True)]).encode()
        response = await world.call("POST", "/token", agent, content=body, headers=headers)
        assert response.status_code == status, response.text
        if status == 200:
            assert claims_of(response.json()["access_token"])["aud"] == list(targets)
        else:
            assert response.json()["error"] == "invalid_target"


async def test_it_never_lives_longer(world: World, agent: Client) -> None:
    """TX-15."""
    subject = await anns(world)
    world.clock.forward(599)
    response = await exchange(world, agent, subject)
    assert response.json()["expires_in"] == 1
    assert claims_of(response.json()["access_token"])["exp"] == claims_of(subject)["exp"]
    world.clock.forward(1)
    assert said(await exchange(world, agent, subject)) == BAD
    brief = await make_agent(world, "brief", access_ttl=60)
    assert (await exchange(world, brief, await anns(world))).json()["expires_in"] == 60


async def test_it_is_for_apps_that_are_registered_for_it(world: World, agent: Client) -> None:
    """TX-7."""
    subject = await anns(world)
    for app in (world.acme.web, world.acme.api, world.acme.native):
        assert said(await exchange(world, app, subject)) == (400, "unauthorized_client")
    assert said(await exchange(world, agent._replace(secret="wrong-wrong-wrong"), subject)) == (401, "invalid_client")


async def test_no_public_app_is_registered_for_it(world: World) -> None:
    with pytest.raises(Exception, match="public app cannot act by itself"):
        await world.make_app(world.acme.org, kind="native", redirect="com.acme.app:/cb", grant_types=TOKEN_EXCHANGE)


@pytest.mark.parametrize("grant_type", [TOKEN_EXCHANGE, JWT_BEARER, "client_credentials"])
async def test_a_public_app_acts_for_nobody_however_it_came_to_the_grant(world: World, grant_type: str) -> None:
    made = await world.make_app(world.acme.org, kind="native", redirect="com.acme.app:/cb")
    app = await world.instance.store.read(find_app(world.acme.org, made.client_id))
    assert app is not None
    await world.instance.store.ask(replace_app(replace(app, grant_types=grant_type), world.act))
    fields = {"subject_token": await anns(world), "subject_token_type": ACCESS_TOKEN, "assertion": "x"}
    assert said(await token(world, made, grant_type=grant_type, **fields)) == (400, "unauthorized_client")


async def test_another_organizations_token_is_no_token(world: World, agent: Client) -> None:
    """TX-5: and an app of theirs that ours let in is not ours."""
    beta = (await world.tokens(world.beta.web, world.beta)).access_token
    unknown = await exchange(world, agent, "a.b.c")
    foreign = await exchange(world, agent, beta)
    assert said(unknown) == said(foreign) == BAD
    assert unknown.json()["error_description"] == foreign.json()["error_description"]
    theirs = await make_agent(world, "theirs", world.beta.org)
    assert said(await exchange(world, theirs, await anns(world))) == BAD


async def test_only_a_live_token_is_exchanged(world: World, agent: Client) -> None:
    """TX-4."""
    pair = await world.tokens(user_id=world.acme.ann)
    ann = parse_id("usr", world.acme.ann) or b""
    for disabled, enabled in (
        (set_user_disabled(ann, True, world.act), set_user_disabled(ann, False, world.act)),
        (
            set_app_disabled(world.acme.org, "web-acme", True, world.act),
            set_app_disabled(world.acme.org, "web-acme", False, world.act),
        ),
    ):
        await world.instance.store.ask(disabled)
        assert said(await exchange(world, agent, pair.access_token)) == BAD
        await world.instance.store.ask(enabled)
    assert said(await exchange(world, agent, pair.access_token)) == (200, "")
    await world.revoke(pair.refresh_token)
    assert said(await exchange(world, agent, pair.access_token)) == BAD


@pytest.mark.parametrize(
    "fields",
    [
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token": ""},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "nonsense"},
        {"actor_token_type": ACCESS_TOKEN},
        {"actor_token": "x"},
        {"actor_token": "x", "actor_token_type": ACCESS_TOKEN},
        {"actor_token": "x", "actor_token_type": "urn:ietf:params:oauth:token-type:id_token"},
    ],
)
async def test_other_shapes_are_refused(world: World, agent: Client, fields: dict[str, str]) -> None:
    """TX-10, TX-11."""
    assert said(await exchange(world, agent, **{"subject_token": await anns(world), **fields})) == BAD


async def test_other_tokens_are_refused_whatever_their_type_says(world: World, agent: Client) -> None:
    """TX-10."""
    pair = await world.tokens(user_id=world.acme.ann)
    key = await world.instance.signing.active()
    identity = key.mint(claims_of(pair.access_token), ID_TOKEN_TYPE)
    bound = key.mint({**claims_of(pair.access_token), "cnf": {"jkt": "x"}})
    elsewhere = key.mint({**claims_of(pair.access_token), "iss": "https://other.test"})
    forged = f"{pair.access_token[:-4]}AAAA"
    for text in (pair.refresh_token, identity, bound, elsewhere, forged, world.acme.key):
        assert said(await exchange(world, agent, text)) == BAD


async def test_who_may_act_is_named(world: World, agent: Client) -> None:
    """No token of ours says `may_act` today; one that does is believed."""
    key = await world.instance.signing.active()
    claims = claims_of(await anns(world))
    for name, status in (("agent", 200), ("another", 400)):
        response = await exchange(world, agent, key.mint({**claims, "may_act": {"sub": name}}))
        assert response.status_code == status


async def test_the_actor_is_the_app_itself(world: World, agent: Client) -> None:
    """TX-9."""
    subject, second = await anns(world), await make_agent(world, "second")
    itself, another = await own(world, agent), await own(world, second)
    form = {"actor_token_type": ACCESS_TOKEN}
    text = await exchanged(world, agent, subject, actor_token=itself, **form)
    assert claims_of(text)["act"] == {"sub": "agent"}
    bobs = (await world.tokens(user_id=world.acme.bob)).access_token
    for actor in (another, bobs, subject, (await world.tokens()).access_token):
        assert said(await exchange(world, agent, subject, actor_token=actor, **form)) == BAD
    await world.revoke(itself, agent)
    assert said(await exchange(world, agent, subject, actor_token=itself, **form)) == BAD


async def test_metadata_lists_it(world: World) -> None:
    document = (await world.call("GET", "/.well-known/oauth-authorization-server")).json()
    assert TOKEN_EXCHANGE in document["grant_types_supported"]
