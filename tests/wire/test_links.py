"""One-time sign-in links: good once, for a quarter of an hour, and only for whom they were made."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gatepost.flows.links import LINK_TTL, Opened, create_link, open_link
from gatepost.flows.organizations import get_org
from gatepost.flows.organizations import set_disabled as set_org_disabled
from gatepost.flows.people import get_user, set_disabled
from gatepost.secrets import parse_id

from .browser import Browser, form_of
from .conftest import OpenWorld
from .world import ISSUER, World

SESSION = "__Host-gatepost_session"


def link_for_ann(world: World) -> str:
    """What the sign-in page would be given."""
    url = create_link(world.instance, world.acme.org, parse_id("usr", world.acme.ann) or b"").reveal()
    assert url.startswith(f"{ISSUER}/login?")
    return parse_qs(urlsplit(url).query)["link"][0]


async def opened(world: World, link: str) -> Opened | None:
    return await open_link(world.instance, link, "203.0.113.9", None)


async def test_a_link_opens_once_for_the_person_it_was_made_for(world: World) -> None:
    link = link_for_ann(world)
    first = await opened(world, link)
    assert first
    assert (first.org.id, first.member.email) == (world.acme.org, "ann@example.test")
    assert await opened(world, link) is None


async def test_a_link_expires(world: World) -> None:
    early, late = link_for_ann(world), link_for_ann(world)
    world.clock.forward(LINK_TTL - 1)
    assert await opened(world, early)
    world.clock.forward(1)
    assert await opened(world, late) is None


async def test_a_changed_link_opens_nothing_and_costs_the_true_one_nothing(world: World) -> None:
    link = link_for_ann(world)
    for wrong in (
        link[:-1],
        link + "A",
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.swapcase(),
        "",
        "gp_link_",
    ):
        assert await opened(world, wrong) is None
    assert await opened(world, link)


async def test_a_link_opens_nothing_for_who_is_disabled(world: World) -> None:
    org, ann = await get_org(world.instance, world.acme.id), await get_user(world.instance, world.acme.ann)
    await set_disabled(world.instance, ann, True, world.operator)
    assert await opened(world, link_for_ann(world)) is None
    await set_disabled(world.instance, ann, False, world.operator)
    await set_org_disabled(world.instance, org, True, world.operator)
    assert await opened(world, link_for_ann(world)) is None
    await set_org_disabled(world.instance, org, False, world.operator)
    assert await opened(world, link_for_ann(world))


# At the browser.


def says_over(page: httpx.Response) -> bool:
    assert page.status_code == 400
    assert "ann@example.test" not in page.text
    return "This link does not work any more" in page.text


async def test_a_link_shows_a_button_and_the_button_signs_in(world: World) -> None:
    browser = Browser(world)
    page = await browser.get(f"/login?link={link_for_ann(world)}")
    assert "ann@example.test" in page.text
    assert SESSION not in browser.cookies
    form = form_of(page)
    entered = await browser.post(form.action, form.fields)
    assert (entered.status_code, entered.headers["location"]) == (303, "/account")
    account = await browser.get("/account")
    assert "ann@example.test" in account.text
    again = form_of(await browser.get(f"/login?link={link_for_ann(world)}"))
    assert says_over(await browser.post(again.action, again.fields | {"link": form.fields["link"]})), "it was spent"


async def test_looking_at_a_link_spends_nothing(world: World) -> None:
    link, scanner, browser = link_for_ann(world), Browser(world), Browser(world)
    for _ in range(3):
        assert (await scanner.get(f"/login?link={link}")).status_code == 200
    assert (await browser.press(f"/login?link={link}", "/login/link")).status_code == 303


async def test_a_link_signs_one_browser_in(world: World) -> None:
    link, browsers = link_for_ann(world), [Browser(world) for _ in range(8)]
    forms = [form_of(await each.get(f"/login?link={link}")) for each in browsers]
    pressed = await asyncio.gather(
        *(each.post(form.action, form.fields) for each, form in zip(browsers, forms, strict=True))
    )
    assert sorted(each.status_code for each in pressed) == [303] + [400] * 7
    assert sum(SESSION in each.cookies for each in browsers) == 1


@pytest.mark.parametrize("wrong", ["gp_link_", "x", "changed", "other", "late"])
async def test_a_link_that_is_no_good_is_one_page(world: World, open_world: OpenWorld, wrong: str) -> None:
    link = link_for_ann(world)
    if wrong == "changed":
        link = link[:-1] + ("A" if link[-1] != "A" else "B")
    elif wrong == "other":
        link = link_for_ann(await open_world())
    elif wrong == "late":
        world.clock.forward(LINK_TTL)
    else:
        link = wrong
    browser = Browser(world)
    assert says_over(await browser.get(f"/login?link={link}"))
    sent = form_of(await browser.get("/login")).fields | {"link": link}
    assert says_over(await browser.post("/login/link", sent))
    assert SESSION not in browser.cookies


async def test_a_link_is_not_spent_by_a_foreign_page(world: World) -> None:
    link, browser = link_for_ann(world), Browser(world)
    form = form_of(await browser.get(f"/login?link={link}"))
    for changes, headers in (({"csrf": ""}, {}), ({}, {"sec-fetch-site": "cross-site"})):
        assert (await browser.post(form.action, form.fields | changes, headers=headers)).status_code == 403
    assert (await browser.post(form.action, form.fields)).status_code == 303
