"""Who gets in, and where to: signing in first, roles, other organizations, forms of others."""

import base64
import re
from typing import Any

import pytest

from gatepost.cli.main import whole_parser
from gatepost.console.routes import console_routes
from gatepost.errors import GatepostError
from gatepost.ui.visit import Visits
from gatepost.web.message import Reply, Request
from house.test_commands import _faults
from pages.console_gallery import CONSOLE
from wire.browser import PASSWORD, Browser, form_of, forms_of
from wire.world import World

from .office import ROLES, Office, cli_of, join

READERS = {"owner", "admin", "auditor"}
WRITERS = {"owner", "admin"}
EVERYBODY = READERS | {"developer"}

PAGES = {
    "": EVERYBODY,
    "/help": EVERYBODY,
    "/search?q=nothing": EVERYBODY,
    "/apps": EVERYBODY,
    "/apps.csv": EVERYBODY,
    "/new-app": WRITERS | {"developer"},
    "/new-app?kind=web": WRITERS | {"developer"},
    "/apps/{app}": READERS,
    "/apps/{app}/credentials": READERS,
    "/apps/{app}/credentials/{secret}/delete": WRITERS,
    "/apps/{app}/redirects": READERS,
    "/apps/{app}/permissions": READERS,
    "/apps/{app}/connections": READERS,
    "/apps/{app}/events": READERS,
    "/apps/{app}/advanced": READERS,
    "/apps/{app}/playground": WRITERS,
    "/apps/{app}/danger": READERS,
    "/apps/{app}/delete": WRITERS,
    "/connections": READERS,
    "/connections.csv": READERS,
    "/connections/{grant}": READERS,
    "/connections/end?app={app}": WRITERS,
    "/requests": EVERYBODY,
    "/requests.csv": EVERYBODY,
    "/requests/{request}": EVERYBODY,
    "/events": READERS,
    "/events.csv": READERS,
    "/events.jsonl": READERS,
    "/events/{event}": READERS,
    "/people": READERS,
    "/people.csv": READERS,
    "/people/{user}": READERS,
    "/people/{user}/remove": WRITERS,
    "/scopes": EVERYBODY,
    "/scope?name=read": EVERYBODY,
    "/resources/delete?uri=https://api.test/v1": WRITERS,
    "/api-keys": READERS,
    "/api-keys/{key}/end": WRITERS,
    "/webhooks": READERS,
    "/webhooks/{webhook}": READERS,
    "/webhooks/{webhook}/delete": WRITERS,
    "/keys": EVERYBODY,
    "/seed": EVERYBODY,
    "/health": EVERYBODY,
    "/settings": EVERYBODY,
    "/settings/disable": {"owner"},
}
"""Every page, and who may see it of what others made."""

ALONE = ("/secret", "/apps/{app}/playground/back")
"""Pages that say nothing without what was handed on to them."""

FORMS: dict[str, tuple[set[str], dict[str, str]]] = {
    "/new-app": (WRITERS | {"developer"}, {"kind": "service", "name": "Made"}),
    "/apps/{app}/credentials": (WRITERS, {}),
    "/apps/{app}/redirects": (WRITERS, {"add": "https://more.test/cb"}),
    "/apps/{app}/permissions": (WRITERS, {"scope read": "on"}),
    "/apps/{app}/advanced": (WRITERS, {"name": "Changed"}),
    "/apps/{app}/playground": (WRITERS, {"step": "build"}),
    "/connections/{grant}": (WRITERS, {}),
    "/connections/end": (WRITERS, {"app": "web-acme"}),
    "/requests/{request}": (WRITERS, {"deed": "approve", "shown": "{shown}"}),
    "/people": (WRITERS, {"email": "new@acme.test", "role": "member"}),
    "/people/{user}": (WRITERS, {"role": "auditor"}),
    "/people/{user}/remove": (WRITERS, {}),
    "/people/withdraw": (set(), {"invitation": "inv_" + "0" * 32}),
    "/scope": (WRITERS, {"name": "write", "text_en": "Change things"}),
    "/resources": (WRITERS, {"uri": "https://new.test"}),
    "/resources/delete": (WRITERS, {"uri": "https://api.test/v1"}),
    "/api-keys": (WRITERS, {"name": "New", "scope apps:read": "on"}),
    "/webhooks": (WRITERS, {"name": "New", "url": "https://93.184.215.14/x"}),
    "/webhooks/{webhook}": (WRITERS, {"deed": "secret"}),
    "/webhooks/{webhook}/delete": (WRITERS, {}),
    "/seed": (WRITERS, {}),
    "/download": (set(), {"slip": "gp_slip_none"}),
    "/api-keys/{key}/end": (WRITERS, {}),
    "/apps/{app}/credentials/{secret}/delete": (WRITERS, {}),
    "/apps/{app}/disable": (WRITERS, {"deed": "disable"}),
    "/apps/{app}/delete": (WRITERS, {"name": "Changed"}),
    "/settings": (WRITERS, {"name": "Another company"}),
    "/settings/approval": (WRITERS, {"needed": "yes"}),
    "/settings/brand": (WRITERS, {"accent": "#0f766e"}),
    "/settings/languages": (WRITERS, {"first": "de"}),
    "/settings/rules": (WRITERS, {"session_ttl": "8h"}),
    "/settings/disable": ({"owner"}, {"name": "Another company"}),
}
"""Every form, who may send it about what others made, and what it is sent with; what ends things comes last."""


def paths_of(world: World, method: str) -> set[str]:
    async def refuse(request: Request, error: GatepostError) -> Reply:
        raise AssertionError

    routes = console_routes(world.instance, Visits(world.instance), refuse, world.app.answer, has_kit=False)
    return {path for path, route in routes.items() if method in route.methods}


async def csrf_of(office: Office, role: str) -> str:
    page = await (await office.browser(role)).get("/account")
    return str(re.findall(r'name="csrf" value="([^"]*)"', page.text)[0])


async def test_the_tables_here_have_every_route(world: World) -> None:
    own = {"/console", "/console/preferences"}
    shown = {"/console/{org}" + path.partition("?")[0] for path in PAGES} | {"/console/{org}" + path for path in ALONE}
    assert paths_of(world, "GET") - own == shown
    assert paths_of(world, "POST") - own == {"/console/{org}" + path for path in FORMS}


async def test_the_gallery_that_is_judged_in_a_browser_has_every_page(world: World) -> None:
    pages = {path for path in paths_of(world, "GET") if not path.endswith((".csv", ".jsonl", "/search"))}
    assert pages - {row.route for row in CONSOLE.values()} == set()


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_sees_its_pages_and_no_others(office: Office, role: str) -> None:
    for path, roles in PAGES.items():
        page = await office.get(office.path(path), role)
        if role in roles:
            assert page.status_code in (200, 303), (role, path, page.text)
        else:
            assert page.status_code == 403, (role, path, page.status_code)
            assert "This page is not for you" in page.text


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_does_its_deeds_and_no_others(office: Office, role: str) -> None:
    browser, csrf = await office.browser(role), await csrf_of(office, role)
    request = forms_of(await office.get(office.path("/requests/{request}")))
    shown = next(form.fields["shown"] for form in request if "shown" in form.fields)
    for path, (roles, fields) in FORMS.items():
        known = {event.id for event in await office.world.all_events()}
        sent = {name: value.format(shown=shown) for name, value in fields.items()}
        answer = await browser.post(office.path(office.root + path), {"csrf": csrf, **sent})
        if role in roles:
            assert answer.status_code == (200 if path.endswith("/playground") else 303), (path, answer.text)
        else:
            assert answer.status_code in (400, 403, 404), (path, answer.text)
            types = {event.type for event in await office.world.all_events() if event.id not in known}
            assert types <= {"request.refused"}, path


@pytest.mark.parametrize("csrf", [None, "", "of-another-page"])
async def test_no_form_is_taken_that_is_not_from_a_page_of_ours(office: Office, csrf: str | None) -> None:
    browser = await office.browser("owner")
    for path in paths_of(office.world, "POST"):
        fields = {"name": "x"} if csrf is None else {"csrf": csrf}
        answer = await browser.post(office.path(path), fields)
        assert answer.status_code == 403, path
        foreign = {"csrf": await csrf_of(office, "owner")}
        answer = await browser.post(office.path(path), foreign, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403, path


async def test_another_organization_is_not_there(office: Office) -> None:
    """Neither by its id in the path, nor by the ids of its things below one's own."""
    world, browser = office.world, await office.browser("owner")
    unknown = {"org": "org_" + "0" * 32}
    beta = {"org": world.beta.id, "app": world.beta.web.client_id, "key": world.beta.key_id, "user": world.beta.bob}
    for path in PAGES:
        foreign, nowhere = [await browser.get(office.path("/console/{org}" + path, names)) for names in (beta, unknown)]
        assert foreign.status_code == nowhere.status_code == 404, path
        assert _but_for_ids(foreign.text) == _but_for_ids(nowhere.text)
    for path in ("/apps/{app}", "/apps/{app}/credentials", "/api-keys/{key}/end", "/people/{user}"):
        names = {name: value for name, value in beta.items() if name != "org"}
        assert (await office.get(office.path(path, names))).status_code == 404, path


def _but_for_ids(text: str) -> str:
    return re.sub(r"evt_[0-9a-f]{32}", "", text)


async def test_whoever_is_not_signed_in_signs_in_and_comes_back(office: Office) -> None:
    browser = Browser(office.world)
    asked = await browser.get(office.root + "/events?type=app")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    form = form_of(await browser.get("/login"))
    signed_in = await browser.post(form.action, form.fields | {"email": "owner@acme.test", "password": PASSWORD})
    assert signed_in.headers["location"] == office.root + "/events"
    form = form_of(await browser.get("/account"))
    assert (await browser.get(office.root)).status_code == 200


@pytest.mark.parametrize(
    "path", ["//evil.test", "https://evil.test", "/account", "/console//evil", "/console\\evil.test"]
)
async def test_a_sign_in_leads_nowhere_but_to_the_console(office: Office, path: str) -> None:
    browser = Browser(office.world)
    form = form_of(await browser.get("/login"))
    cookie = {"cookie": f"{_cookies(browser)}; __Host-gatepost_onward={path}"}
    fields = form.fields | {"email": "owner@acme.test", "password": PASSWORD}
    answer = await browser.post(form.action, fields, headers=cookie)
    location = answer.headers["location"]
    assert re.fullmatch("/console(/.*)?", location), location


def _cookies(browser: Browser) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


async def test_a_person_of_one_organization_is_led_there_and_of_several_chooses(office: Office) -> None:
    browser = await office.browser("owner")
    assert (await browser.get("/console")).headers["location"] == office.root
    root = await browser.get("/", headers={"accept": "text/html"})
    assert (root.status_code, root.headers["location"]) == (303, "/console")
    await join(office.world, office.world.beta.org, "owner@acme.test", "auditor")
    page = await browser.get("/console")
    assert office.root in page.text
    assert f"/console/{office.world.beta.id}" in page.text
    assert f"/console/{office.world.beta.id}" in (await office.get("/apps")).text, "the menu has both"


async def test_a_developer_is_not_told_who_a_person_is_whose_connections_are_not_theirs_to_end(office: Office) -> None:
    for query in (f"user={office.names['user']}", f"user={office.names['user']}&app=web-acme", "user=member@acme.test"):
        page = await office.get(f"/connections/end?{query}", "developer")
        assert page.status_code == 403, query
        assert "member@acme.test" not in page.text


async def test_a_form_that_lacks_fields_is_refused_with_the_rest_filled_in(office: Office) -> None:
    csrf, path = await csrf_of(office, "owner"), office.path("{org}/apps/{app}/advanced")
    answer = await (await office.browser("owner")).post(f"/console/{path}", {"csrf": csrf, "access_ttl": "soon"})
    assert answer.status_code == 400
    assert 'value="soon"' in answer.text


async def test_a_member_without_a_role_is_told_why(office: Office) -> None:
    page = await (await office.browser("member")).get("/console")
    assert page.status_code == 403
    assert "no role" in page.text


async def test_a_disabled_organization_has_no_console(office: Office) -> None:
    assert (await office.send("/settings/disable", name="Another name")).status_code == 400
    assert (await office.send("/settings/disable", name="The company")).status_code == 303
    assert (await office.get("")).status_code == 404


async def test_a_cursor_of_another_making_leads_to_the_beginning(office: Office) -> None:
    webhook = f"/webhooks/{office.names['webhook']}"
    for plain in (b'"\\u0000"', b'["\\u0000","\\u0000"]', b'"' + b"z" * 32 + b'"', b"\0", b"{", b"7"):
        after = base64.urlsafe_b64encode(plain).rstrip(b"=").decode()
        for page in ("/apps", "/connections", "/events", "/people", webhook):
            for cursor in (after, f"gp_cur_{after}"):
                answer = await office.get(f"{page}?after={cursor}")
                assert answer.status_code == 200, (page, plain)
                assert "First page" not in answer.text, (page, plain)


async def test_colours_and_shortcuts_are_remembered(office: Office) -> None:
    browser = await office.browser("owner")
    assert "data-theme" not in (await office.get("")).text
    fields: dict[str, Any] = {"csrf": await csrf_of(office, "owner"), "back": office.root + "/apps"}
    answer = await browser.post("/console/preferences", fields | {"theme": "dark"})
    assert answer.headers["location"] == office.root + "/apps"
    assert 'data-theme="dark"' in (await office.get("")).text
    assert 'data-theme="dark"' in (await browser.get("/account")).text
    assert "data-shortcuts" in (await office.get("")).text
    await browser.post("/console/preferences", fields | {"shortcuts": "off"})
    assert "data-shortcuts" not in (await office.get("")).text
    for back in ("//evil.test", "https://evil.test/console", "/login"):
        answer = await browser.post("/console/preferences", fields | {"theme": "", "back": back})
        assert answer.headers["location"] == "/console"


async def test_every_page_names_a_command_that_exists(office: Office) -> None:
    parser = whole_parser()
    for path in PAGES:
        command = cli_of(await office.get(office.path(path)))
        assert list(_faults(command.removeprefix("gatepost "), parser)) == [], path
