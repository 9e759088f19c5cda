"""Settings in the console: each part is kept by its own form, and what cannot be is said beside the field."""

import html
import re

import httpx
import pytest

from gatepost.flows.organizations import get_org
from gatepost.oauth.org_settings import OrgSettings, parse_settings

from .office import Office


async def kept(office: Office) -> OrgSettings:
    return parse_settings((await get_org(office.world.instance, office.world.acme.id)).settings)


async def send(office: Office, part: str, language: str = "en", **fields: str) -> httpx.Response:
    """Send the form of a part with these fields alone: boxes that are not named are not ticked."""
    browser = await office.browser("owner")
    csrf = re.findall(r'name="csrf" value="([^"]*)"', (await office.get("/settings")).text)[0]
    return await browser.post(
        f"{office.root}/settings/{part}", {"csrf": csrf, **fields}, headers={"accept-language": language}
    )


def why(page: httpx.Response, field: str) -> str:
    """What stands beside a field that is wrong."""
    found = re.search(rf'id="{field}-why">(.*?)</p>', page.text, re.DOTALL)
    assert found, page.text
    return html.unescape(found[1]).strip()


@pytest.mark.parametrize(
    ("part", "fields", "expected"),
    [
        ("brand", {"accent": "#7C3AED", "accent_dark": ""}, OrgSettings(accent="#7c3aed")),
        ("rules", {"session_ttl": "8h", "idle_ttl": "30m"}, OrgSettings(session_ttl=28_800, idle_ttl=1_800)),
        (
            "rules",
            {"email_domains": "acme.test\r\nacme.example"},
            OrgSettings(email_domains=("acme.test", "acme.example")),
        ),
    ],
)
async def test_a_part_is_kept(office: Office, part: str, fields: dict[str, str], expected: OrgSettings) -> None:
    sent = await send(office, part, **fields)
    assert sent.headers["location"].endswith("/settings")
    assert await kept(office) == expected
    page = await office.get("/settings")
    assert all(value.lower() in page.text for value in expected.email_domains or fields.values())


async def test_languages_are_kept_in_their_order_and_all_of_them_are_no_choice(office: Office) -> None:
    for fields, languages in (
        ({"first": "de", "language en": "on", "language de": "on"}, ("de", "en")),
        ({"first": "ar"}, ("ar",)),
        ({"first": "en", "language en": "on", "language ar": "on", "language de": "on"}, ()),
    ):
        assert (await send(office, "languages", **fields)).status_code == 303
        assert (await kept(office)).languages == languages
        shown = (await office.get("/settings")).text
        ticked = set(re.findall(r'name="language (\w+)" value="on" checked', shown))
        assert ticked == set(languages or ("en", "ar", "de"))


async def test_a_colour_that_cannot_be_read_is_said_with_the_nearest_that_can(office: Office) -> None:
    page = await office.send("/settings", "/settings/brand", accent="#ffcc00")
    assert page.status_code == 400
    assert "1.45:1" in why(page, "accent")
    assert "#8d7000" in why(page, "accent")
    assert 'value="#ffcc00"' in page.text, "what was typed is still there"
    dark = await office.send("/settings", "/settings/brand", accent="#0f766e", accent_dark="#0f766e")
    assert "where pages are dark" in why(dark, "accent_dark")
    assert await kept(office) == OrgSettings()


async def test_what_is_shown_of_a_colour_is_what_pages_will_look_like(office: Office) -> None:
    await office.send("/settings", "/settings/brand", accent="#7c3aed", accent_dark="#c4b5fd")
    page = (await office.get("/settings", role="auditor")).text
    assert 'href="/brand/7c3aed-c4b5fd.css"' in page
    assert "contrast 5.5:1 in the light" in page
    assert 'action="/console' not in page.partition("<main")[2].partition("</main")[0], "an auditor changes nothing"


@pytest.mark.parametrize(("field", "value"), [("session_ttl", "soon"), ("session_ttl", "15d"), ("idle_ttl", "1s")])
async def test_a_time_that_cannot_be_is_said_beside_its_field(office: Office, field: str, value: str) -> None:
    page = await send(office, "rules", **{field: value})
    assert page.status_code == 400
    assert why(page, field)


async def test_a_time_that_is_none_is_said_in_the_language_of_the_page(office: Office) -> None:
    page = await send(office, "rules", "de", session_ttl="soon")
    assert why(page, "session_ttl").startswith("Eine Dauer ist eine Zahl")


async def test_who_has_no_second_factor_cannot_ask_it_of_all(office: Office) -> None:
    page = await send(office, "rules", second_factor="on")
    assert page.status_code == 400
    assert "Set up a second step for yourself first" in why(page, "second_factor")
