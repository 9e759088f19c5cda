"""How an app says who it is at `/introspect` and `/revoke`. RFC 6749 §2.3.1; CA-* of what must not happen."""

import base64
import gc
import tracemalloc
from urllib.parse import quote

import httpx
import pytest

from gatepost.flows.app_auth import METHODS
from gatepost.flows.app_import import import_apps
from gatepost.flows.apps import create_secret, drop_secret
from gatepost.flows.known_apps import get_known_app
from gatepost.oauth.client_auth import ClientClaim
from gatepost.secrets import Secret, render_id
from gatepost.store.apps import find_app, list_secrets, set_app_disabled
from gatepost.store.orgs import set_org_disabled

from .conftest import OpenWorld
from .world import ADDRESS, Client, World, basic

PATHS = ("/introspect", "/revoke")


async def ask(world: World, path: str, *authorizations: str, **form: str) -> httpx.Response:
    headers = [("authorization", each) for each in authorizations]
    return await world.call("POST", path, form={"token": "unknown", **form}, headers=headers)


@pytest.mark.parametrize("path", PATHS)
async def test_basic_and_post_are_the_two_ways(world: World, path: str) -> None:
    web = world.acme.web
    assert (await ask(world, path, basic(web.client_id, web.secret))).status_code == 200
    assert (await ask(world, path, client_id=web.client_id, client_secret=web.secret)).status_code == 200


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "BaSiC"])
async def test_the_scheme_has_no_case(world: World, scheme: str) -> None:
    encoded = basic(world.acme.web.client_id, world.acme.web.secret).partition(" ")[2]
    for path in PATHS:
        assert (await ask(world, path, f"{scheme} {encoded}")).status_code == 200


SECRETS = (
    "p:a%s+s w/umlaut-0123",
    "100%25-percent-%zz",
    "plus+plus+plus+plus",
    "colon:colon:colon:colon",
    "=&?#=&?#=&?#=&?#",
)


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_secret_may_come_percent_encoded_or_raw(world: World, secret: str) -> None:
    entry = {"client_id": "brought", "client_secret": secret, "redirect_uris": ["https://app.test/cb"]}
    await import_apps(world.instance, world.acme.org, [entry], update=False, actor=world.operator)
    for path in PATHS:
        assert (await ask(world, path, basic("brought", quote(secret, safe="")))).status_code == 200
        assert (await ask(world, path, basic("brought", secret))).status_code == 200
        assert (await ask(world, path, client_id="brought", client_secret=secret)).status_code == 200


async def test_a_secret_names_no_app_whatever_the_app_is_called(world: World) -> None:
    for name in ("app", "secret"):
        app = await world.make_app(world.acme.org, client_id=name)
        assert (await ask(world, PATHS[0], client_id=name, client_secret=app.secret)).status_code == 200
        answer = await ask(world, PATHS[0], client_id=app.secret, client_secret=app.secret)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", PATHS)
async def test_wrong_and_unknown_are_one_answer(world: World, path: str) -> None:
    web = world.acme.web
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.api.client_id, True, world.act))
    by_header = [
        await ask(world, path, basic(*pair))
        for pair in (
            (web.client_id, "wrong"),
            (web.client_id, ""),
            (web.client_id, web.secret[:-1]),
            (web.client_id, web.secret + "x"),
            (web.client_id, world.beta.web.secret),
            (web.client_id, world.acme.key),
            ("unknown", web.secret),
            ("", web.secret),
            ("é", web.secret),
            (world.acme.api.client_id, world.acme.api.secret),
            (world.acme.native.client_id, "x"),
            ("x" * 5000, "x" * 5000),
        )
    ]
    by_form = [
        await ask(world, path, client_id=client_id, client_secret=secret)
        for client_id, secret in ((web.client_id, "wrong"), ("unknown", "wrong"), (world.acme.native.client_id, "x"))
    ]
    for answers in (by_header, by_form):
        assert {answer.status_code for answer in answers} == {401}
        bodies = [answer.json() | {"event_id": ""} for answer in answers]
        assert all(body == bodies[0] for body in bodies)
        assert bodies[0]["error"] == "invalid_client"
    assert {answer.headers["www-authenticate"] for answer in by_header} == {'Basic realm="gatepost"'}
    assert all("www-authenticate" not in answer.headers for answer in by_form)


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_is_no_client(world: World, path: str) -> None:
    for answer in (await ask(world, path), await ask(world, path, client_id=world.acme.web.client_id)):
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Digest username=x",
        "Bearer",
        "Bearer x",
        "nonsense",
        "Basic" + "A" * 8000,
    ],
    ids=lambda header: header[:24],
)
async def test_an_unreadable_header_is_no_client(world: World, header: str) -> None:
    for path in PATHS:
        answer = await ask(world, path, header)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert "realm=" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", PATHS)
async def test_two_ways_at_once_are_refused(world: World, path: str) -> None:
    web, key = world.acme.web, f"Bearer {world.acme.key}"
    header = basic(web.client_id, web.secret)
    for answer in (
        await ask(world, path, header, client_secret=web.secret),
        await ask(world, path, header, client_id=web.client_id, client_secret="wrong"),
        await ask(world, path, key, client_id=web.client_id, client_secret=web.secret),
        await ask(world, path, header, header),
        await ask(world, path, header, key),
        await ask(world, path, header, client_id=world.acme.api.client_id),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"
    assert (await ask(world, path, header, client_id=web.client_id)).status_code == 200


async def test_an_app_that_named_a_method_has_that_one_alone(world: World) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        app = await world.make_app(world.acme.org, auth_method=method)
        by_header = await ask(world, "/introspect", basic(app.client_id, app.secret))
        by_form = await ask(world, "/introspect", client_id=app.client_id, client_secret=app.secret)
        assert (by_header.status_code, by_form.status_code) == (
            (200, 401) if method == "client_secret_basic" else (401, 200)
        )


async def test_a_public_app_that_sends_a_secret_is_refused(world: World) -> None:
    native = world.acme.native
    for answer in (
        await ask(world, "/revoke", client_id=native.client_id, client_secret="x"),
        await ask(world, "/revoke", basic(native.client_id, "x")),
    ):
        assert answer.status_code == 401


async def test_an_empty_secret_in_the_header_is_none(world: World) -> None:
    """As clients that know nothing but Basic send a public app's name. RFC 6749 §2.3.1."""
    native, web = world.acme.native, world.acme.web
    assert (await ask(world, "/revoke", basic(native.client_id, ""))).status_code == 200
    for answer in (
        await ask(world, "/introspect", basic(native.client_id, "")),
        await ask(world, "/revoke", basic(web.client_id, "")),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")


async def test_two_secrets_overlap_and_an_expired_one_ends(world: World) -> None:
    web = world.acme.web
    app = await world.instance.store.read(find_app(world.acme.org, web.client_id))
    assert app is not None
    fresh = await create_secret(world.instance, app, world.clock.now + 60, world.operator)
    new = Client(web.client_id, world.canary.watch(fresh.text.reveal()), web.redirect)
    assert await statuses(world, web, new) == [200, 200]
    world.clock.forward(59)
    assert await statuses(world, web, new) == [200, 200]
    world.clock.forward(1)
    assert await statuses(world, web, new) == [200, 401]


async def test_a_deleted_secret_is_wrong_at_once_and_the_other_goes_on(world: World) -> None:
    web = world.acme.web
    app = await world.instance.store.read(find_app(world.acme.org, web.client_id))
    assert app is not None
    (old,) = await world.instance.store.read(list_secrets(app.org, app.client_id))
    fresh = await create_secret(world.instance, app, None, world.operator)
    new = Client(web.client_id, world.canary.watch(fresh.text.reveal()), web.redirect)
    await drop_secret(world.instance, app, render_id("sec", old.id), world.operator)
    assert await statuses(world, web, new) == [401, 200]


async def test_a_deleted_secret_stays_wrong_when_a_request_from_before_comes_in_late(world: World) -> None:
    """On a database elsewhere, a request may have read the app before the secret was deleted, and go on after."""
    web, instance = world.acme.web, world.instance
    known = await get_known_app(instance, web.client_id)
    await create_secret(instance, known.app, None, world.operator)
    await drop_secret(instance, known.app, render_id("sec", known.secrets[0].id), world.operator)
    assert await statuses(world, web) == [401]
    await METHODS["client_secret_post"](
        instance, known, ClientClaim(web.client_id, "client_secret_post", (Secret(web.secret),))
    )
    assert await statuses(world, web) == [401]


async def statuses(world: World, *clients: Client) -> list[int]:
    return [(await world.introspect("unknown", client)).status_code for client in clients]


async def test_when_a_secret_was_last_used_is_kept_to_the_hour(world: World) -> None:
    web = world.acme.web
    uses = []
    for seconds in (0, 1800, 1800, 3600):
        world.clock.forward(seconds)
        await world.introspect("unknown", web)
        (secret,) = await world.instance.store.read(list_secrets(world.acme.org, web.client_id))
        uses.append((secret.last_used_at or 0) - world.clock.now)
    assert uses == [0, -1800, -3600, 0]


async def test_an_app_of_a_disabled_organization_is_no_client(world: World) -> None:
    await world.instance.store.ask(set_org_disabled(world.acme.org, True, world.act))
    assert await statuses(world, world.acme.web, world.beta.web) == [401, 200]
    await world.instance.store.ask(set_org_disabled(world.acme.org, False, world.act))
    assert await statuses(world, world.acme.web) == [200]


# Wrong secrets, in numbers.


async def test_who_guesses_is_stopped_and_the_app_itself_is_not(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_secrets": "20"})
    web = world.acme.web
    wrong = Client(web.client_id, "wrong", web.redirect)
    answers = [await world.introspect("x", wrong) for _ in range(40)]
    assert [answer.status_code for answer in answers[:20]] == [401] * 20
    stopped = answers[-1]
    assert stopped.status_code == 429
    assert 1 <= int(stopped.headers["retry-after"]) <= 60
    assert stopped.json()["error"] == "too_many_requests"
    assert (await world.introspect("x", web)).status_code == 429, "not even the right one, from there"
    right = {"token": "x", "client_id": web.client_id, "client_secret": web.secret}
    elsewhere = await world.call("POST", "/introspect", form=right, address="198.51.100.7")
    assert elsewhere.status_code == 200
    assert (await world.introspect("x", world.acme.api)).status_code == 200, "another app, from there"


async def test_a_right_secret_is_never_counted(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_secrets": "5"})
    assert {(await world.introspect("x", world.acme.web)).status_code for _ in range(20)} == {200}


async def test_guessing_long_names_takes_no_memory(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true"})
    tracemalloc.start()
    try:
        for number in range(50):
            claim = {"token": "x", "client_id": f"{number}-" + "x" * 60_000, "client_secret": "x"}
            assert (await world.call("POST", "/introspect", form=claim, address=ADDRESS)).status_code == 401
        gc.collect()
        kept = sum(trace.size for trace in tracemalloc.take_snapshot().statistics("filename") if _is_ours(trace))
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def _is_ours(trace: tracemalloc.Statistic) -> bool:
    return "/gatepost/" in trace.traceback[0].filename
