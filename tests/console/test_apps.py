"""Apps in the console: made by answering a question, their secrets shown once, found again, and their end."""

import csv
import html
import re

from gatepost.flows.browsing import COUNTED
from gatepost.secrets import render_id
from wire.browser import forms_of

from .office import Office, rows_of

SHOP = {"name": "Shop", "redirect_uris": "https://shop.test/cb\nhttps://shop.test/cb2", "scope read": "on"}


async def test_a_secret_is_shown_once_and_is_good(office: Office) -> None:
    made = await office.send("/new-app?kind=web", "/new-app", **SHOP)
    assert made.headers["location"] == office.root + "/secret"
    assert "gp_sec_" not in str(made.headers)
    page = await office.follow(made)
    secret = re.findall(r'id="secret"[^>]*>(gp_sec_[^<]*)<', page.text)[0]
    office.world.canary.watch(secret)
    download = next(each for each in forms_of(page) if each.action.endswith("/download"))
    browser = await office.browser("owner")
    file = await browser.post(download.action, download.fields)
    assert file.headers["content-disposition"] == 'attachment; filename="gatepost.env"'
    env = dict(line.split("=", 1) for line in file.text.splitlines())
    assert env["GATEPOST_CLIENT_SECRET"] == secret
    again = await office.get("/secret")
    assert again.status_code == 410
    assert secret not in again.text
    credentials = (await office.get(f"/apps/{env['GATEPOST_CLIENT_ID']}/credentials")).text
    assert secret not in credentials
    assert f"••••{secret[-4:]}" in credentials


async def test_a_secret_is_for_the_session_that_made_it_and_for_ten_minutes(office: Office) -> None:
    page = await office.follow(await office.send("/new-app?kind=web", "/new-app", **SHOP))
    sealed = next(each for each in forms_of(page) if each.action.endswith("/download")).fields["slip"]
    other = await office.browser("admin")
    form = next(each for each in forms_of(await other.get(office.root + "/help")))
    stolen = await other.post(office.root + "/download", {"csrf": form.fields["csrf"], "slip": sealed})
    assert stolen.status_code == 400
    office.world.clock.forward(600)
    browser = await office.browser("owner")
    form = next(each for each in forms_of(await browser.get(office.root + "/help")))
    late = await browser.post(office.root + "/download", {"csrf": form.fields["csrf"], "slip": sealed})
    assert late.status_code == 400
    assert "gp_sec_" not in late.text


async def test_the_kind_decides_what_is_asked(office: Office) -> None:
    assert 'name="redirect_uris"' in (await office.get("/new-app?kind=spa")).text
    assert 'name="redirect_uris"' not in (await office.get("/new-app?kind=device")).text
    made = await office.send("/new-app?kind=device", "/new-app", name="TV")
    assert "/apps/app_" in made.headers["location"], "it has no secret to be shown"


async def test_what_cannot_be_is_refused_where_it_was_said(office: Office) -> None:
    for uri in ("http://shop.test/cb", "https://shop.test/*", "data:text/html,x", "https://shop.test/#x", ""):
        refused = await office.send("/new-app?kind=web", "/new-app", name="Shop", redirect_uris=uri)
        assert refused.status_code == 400, uri
        assert 'role="alert"' in refused.text
        assert html.escape(uri) in refused.text
    assert "Shop" not in rows_of(await office.get("/apps"))


async def test_the_list_is_filtered_by_the_url_and_exported_as_it_is(office: Office) -> None:
    for name in ("=1+1", "Shop", "shoes"):
        await office.send("/new-app?kind=spa", "/new-app", name=name, redirect_uris="https://shop.test/cb")
    assert [name in rows_of(await office.get("/apps?name=SHO")) for name in ("Shop", "shoes", "=1+1")] == [1, 1, 0]
    assert "No app matches" in rows_of(await office.get("/apps?name=SHO&kind=service"))
    exported = await office.get("/apps.csv?kind=spa")
    assert exported.headers["content-disposition"] == 'attachment; filename="apps.csv"'
    rows = list(csv.DictReader(exported.text.splitlines()))
    assert [row["name"] for row in rows] == ["'=1+1", "shoes", "Shop"]


async def test_a_page_leads_to_the_next(office: Office) -> None:
    for number in range(60):
        await office.world.make_app(office.world.acme.org, client_id=f"n{number:02}")
    first = await office.get("/apps")
    following = html.unescape(re.findall(r'rel="next" href="([^"]*)"', first.text)[0])
    second = await office.get("/apps" + following)
    seen = re.findall(r'href="[^"]*/apps/(n\d\d)"', first.text + second.text)
    assert sorted(seen) == [f"n{number:02}" for number in range(60)]
    assert "First page" in second.text
    assert "First page" not in (await office.get("/apps?after=nonsense")).text
    assert "First page" not in (await office.get("/events" + following)).text, "it is of another list"
    assert "First page" not in (await office.get("/apps" + following, "admin")).text, "it is another person's"


async def test_a_developer_has_their_own_apps_and_no_others(office: Office) -> None:
    made = await office.send(
        "/new-app?kind=spa", "/new-app", "developer", name="Mine", redirect_uris="https://m.test/cb"
    )
    own = made.headers["location"].removeprefix(office.root)
    assert "Mine" in rows_of(await office.get("/apps", "developer"))
    assert "An app" not in rows_of(await office.get("/apps", "developer"))
    for tab in ("", "/redirects", "/connections", "/events", "/advanced"):
        assert (await office.get(own + tab, "developer")).status_code == 200, tab
    changed = await office.send(own + "/redirects", "", "developer", add="https://m.test/cb2")
    assert changed.status_code == 303
    assert 'name="first_party"' not in (await office.get(own + "/advanced", "developer")).text
    assert (await office.get("/connections", "developer")).status_code == 403


async def test_an_app_goes_when_its_name_is_typed(office: Office) -> None:
    path = office.path("/apps/{app}/delete")
    assert (await office.send(path, name="Another")).status_code == 400
    assert (await office.send(path, name="An app")).status_code == 303
    assert (await office.get(office.path("/apps/{app}"))).status_code == 404


async def test_what_ends_in_the_console_ends_at_once(office: Office) -> None:
    tokens = await office.world.tokens()
    grant = (await office.world.events(office.world.acme.org, "grant.made"))[-1].grant_id or b""
    ended = await office.send(f"/connections/{render_id('gnt', grant)}")
    assert ended.status_code == 303
    assert not await office.world.is_active(tokens.access_token)
    tokens = await office.world.tokens()
    await office.send(office.path("/connections/end?app={app}"))
    assert not await office.world.is_active(tokens.access_token)


async def test_an_events_page_has_the_sentence_and_the_whole(office: Office) -> None:
    page = await office.get(office.path("/events/{event}"))
    assert "connected the app <bdi>“An app”</bdi>" in html.unescape(page.text)
    assert office.names["event"] in page.text
    lines = (await office.get("/events.jsonl?type=grant")).text.splitlines()
    assert lines
    assert all('"type":"grant.' in line for line in lines)


async def test_the_list_says_how_apps_are_used(office: Office) -> None:
    world = office.world
    for _ in range(COUNTED):
        await world.tokens(world.acme.native)
    await world.instance.counts.flush()
    world.clock.forward(3600)
    rows = rows_of(await office.get("/apps?name=an"))
    assert f"Phone or desktop {COUNTED} + 1 hour ago" in rows, rows
    assert "Service 0 –" in rows
