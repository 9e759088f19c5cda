"""Becoming somebody: by invitation, or by signing up where everybody may. AC-8, AC-11, AC-15, AC-16, UI-17 of the cases."""

import asyncio
import re

import pytest

from gatepost.errors import GatepostError
from gatepost.flows.joining import MAIL_GAP, invite, open_invitations, withdraw
from gatepost.flows.mail_links import INVITE, SIGN_UP, TTLS
from gatepost.flows.people import every_member, get_user
from gatepost.records import Member
from gatepost.secrets import render_id

from .browser import Browser, form_of, give_password
from .conftest import OpenWorld
from .mailbox import BOXED, link_for, mails
from .world import ISSUER, World

EVE = "eve@new.test"
BOB = "bob@acme.test"
PASSWORD = "eves own long password"
SESSION = "__Host-gatepost_session"


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world(BOXED)


@pytest.fixture
async def open_to_all(open_world: OpenWorld) -> World:
    return await open_world(BOXED | {"sign_up": "open"})


async def invited(world: World, email: str = EVE, role: str = "developer") -> str:
    """The link of an invitation to Acme, as it was mailed."""
    await invite(world.instance, world.acme.org, email, role, world.operator)
    return await link_for(world, email)


async def join(world: World, link: str, password: str = PASSWORD) -> Browser:
    browser = Browser(world)
    form = form_of(await browser.get(link))
    await browser.post(form.action, form.fields | {"new_password": password})
    return browser


async def members(world: World) -> dict[str, Member]:
    return {member.email: member for member in await every_member(world.instance, world.acme.org)}


async def test_who_may_still_come_is_told_page_by_page(world: World) -> None:
    names = [f"{name}@new.test" for name in ("eve", "joe", "zoe")]
    for email in names:
        await invite(world.instance, world.acme.org, email, "member", world.operator)
    first = (await world.call("GET", "/api/v1/invitations?limit=2", world.acme)).json()
    rest = (await world.call("GET", first["next"].removeprefix(ISSUER), world.acme)).json()
    assert [each["email"] for each in (*first["items"], *rest["items"])] == names
    assert (len(first["items"]), rest["next"]) == (2, None)


async def test_somebody_invited_joins_with_a_password_of_their_own(world: World) -> None:
    link = await invited(world)
    page = await Browser(world).get(link)
    assert "The company" in page.text
    assert "developer" in page.text
    browser = await join(world, link)
    assert EVE in (await browser.get("/account")).text
    assert (await members(world))[EVE].role == "developer"
    assert (await get_user(world.instance, EVE)).email_verified_at == world.clock()
    assert await open_invitations(world.instance, world.acme.org, world.operator) == []


async def test_an_invitation_is_good_once(world: World) -> None:
    link = await invited(world)
    browsers = [Browser(world) for _ in range(5)]
    forms = [form_of(await each.get(link)) for each in browsers]
    answers = await asyncio.gather(
        *(
            each.post(form.action, form.fields | {"new_password": f"password number {number}"})
            for number, (each, form) in enumerate(zip(browsers, forms, strict=True))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert len([each for each in browsers if SESSION in each.cookies]) == 1
    assert (await Browser(world).get(link)).status_code == 400


async def test_an_invitation_ends_to_the_second(world: World) -> None:
    link = await invited(world)
    browser = Browser(world)
    form = form_of(await browser.get(link))
    world.clock.forward(TTLS[INVITE] - 1)
    assert (await Browser(world).get(link)).status_code == 200
    world.clock.forward(1)
    assert (await Browser(world).get(link)).status_code == 400
    late = await browser.post(form.action, form.fields | {"new_password": PASSWORD})
    assert late.status_code == 400
    assert EVE not in await members(world)


async def test_an_invitation_is_withdrawn(world: World) -> None:
    link = await invited(world)
    (kept,) = await open_invitations(world.instance, world.acme.org, world.operator)
    id = render_id("inv", kept.id)
    with pytest.raises(GatepostError):
        await withdraw(world.instance, world.beta.org, id, world.operator)
    await withdraw(world.instance, world.acme.org, id, world.operator)
    assert (await Browser(world).get(link)).status_code == 400
    with pytest.raises(GatepostError):
        await withdraw(world.instance, world.acme.org, id, world.operator)


async def test_a_new_invitation_takes_the_place_of_the_old(world: World) -> None:
    old = await invited(world, role="owner")
    world.clock.forward(MAIL_GAP)
    new = await invited(world, role="auditor")
    assert (await Browser(world).get(old)).status_code == 400
    await join(world, new)
    assert (await members(world))[EVE].role == "auditor"


async def test_many_invitations_in_a_row_are_two_mails(world: World) -> None:
    first = await invited(world)
    for role in ("admin", "developer", "auditor"):
        world.clock.forward(5)
        assert await invited(world, role=role) == first
    world.clock.forward(MAIL_GAP)
    assert [to for to, _ in await mails(world)] == [EVE, EVE]
    await join(world, await link_for(world, EVE))
    assert (await members(world))[EVE].role == "auditor"


async def test_who_has_an_account_signs_in_to_join(world: World) -> None:
    await give_password(world, world.beta.bob)
    await give_password(world, world.acme.ann)
    link = await invited(world, "bob@beta.test")
    stranger = Browser(world)
    page = await stranger.get(link)
    assert "You have an account here." in page.text
    csrf = form_of(await stranger.get("/login")).fields["csrf"]
    sent = {"csrf": csrf, "link": link.partition("link=")[2], "new_password": PASSWORD}
    assert (await stranger.post("/invite", sent)).status_code == 200
    assert "bob@beta.test" not in await members(world)
    other = Browser(world)
    await other.enter("ann@example.test")
    page = await other.get(link)
    assert "You have an account here." in page.text, "somebody else's session joins nobody"
    (way,) = re.findall(r'class="button" href="([^"]*)"', page.text)
    assert 'id="password"' in (await other.get(way)).text
    own = Browser(world)
    await own.enter("bob@beta.test")
    await own.press(link, "/invite")
    assert (await members(world))["bob@beta.test"].role == "developer"


async def test_a_password_that_cannot_be_leaves_the_invitation_open(world: World) -> None:
    link = await invited(world)
    browser = Browser(world)
    form = form_of(await browser.get(link))
    for password in ("short", "", "password"):
        assert (await browser.post(form.action, form.fields | {"new_password": password})).status_code == 400
    assert SESSION in (await join(world, link)).cookies


async def test_a_link_handed_on_by_hand_proves_no_email(world: World) -> None:
    _, link = await invite(world.instance, world.acme.org, EVE, "member", world.operator)
    await join(world, link.reveal().removeprefix(ISSUER))
    assert (await get_user(world.instance, EVE)).email_verified_at is None


@pytest.mark.parametrize("email", [BOB, BOB.upper(), "a@x.test,b@y.test", "x@acme.test\r\nBcc: y@z.test", "no address"])
async def test_some_are_not_invited(world: World, email: str) -> None:
    with pytest.raises(GatepostError) as refused:
        await invite(world.instance, world.acme.org, email, "member", world.operator)
    assert refused.value.code in ("conflict", "invalid_request")
    with pytest.raises(GatepostError):
        await invite(world.instance, world.acme.org, EVE, "emperor", world.operator)
    assert await mails(world) == []


async def test_where_nobody_may_join_nobody_does(open_world: OpenWorld) -> None:
    world = await open_world(BOXED | {"sign_up": "closed"})
    with pytest.raises(GatepostError) as refused:
        await invite(world.instance, world.acme.org, EVE, "member", world.operator)
    assert refused.value.code == "not_allowed"
    assert (await Browser(world).get("/sign-up")).status_code == 403


@pytest.mark.parametrize("path", ["/sign-up", "/sign-up/new"])
async def test_signing_up_is_refused_where_only_the_invited_may(world: World, path: str) -> None:
    browser = Browser(world)
    assert (await browser.get(path)).status_code == 403
    csrf = form_of(await browser.get("/login")).fields["csrf"]
    sent = {"csrf": csrf, "email": EVE, "link": "gp_mail_x", "new_password": PASSWORD, "organization": "Eve"}
    assert (await browser.post(path, sent)).status_code == 403
    assert await mails(world) == []


# Where everybody may.


async def signed_up(world: World, link: str, organization: str = "Eve and sons") -> Browser:
    browser = Browser(world)
    form = form_of(await browser.get(link))
    sent = form.fields | {"new_password": PASSWORD, "organization": organization}
    await browser.post(form.action, sent)
    return browser


async def test_who_signs_up_gets_an_organization_of_their_own(open_to_all: World) -> None:
    world = open_to_all
    await Browser(world).press("/sign-up", "/sign-up", email=EVE)
    browser = await signed_up(world, await link_for(world, EVE))
    account = (await browser.get("/account")).text
    assert "Eve and sons" in account
    assert "owner" in account
    assert (await get_user(world.instance, EVE)).email_verified_at == world.clock()


async def test_a_sign_up_link_is_good_once_for_a_day(open_to_all: World) -> None:
    world = open_to_all
    await Browser(world).press("/sign-up", "/sign-up", email=EVE)
    link = await link_for(world, EVE)
    one, two = Browser(world), Browser(world)
    forms = [form_of(await each.get(link)) for each in (one, two)]
    sent = {"new_password": PASSWORD, "organization": "Eve"}
    answers = [await each.post(form.action, form.fields | sent) for each, form in zip((one, two), forms, strict=True)]
    assert [answer.status_code for answer in answers] == [303, 400]
    await Browser(world).press("/sign-up", "/sign-up", email="late@new.test")
    late = await link_for(world, "late@new.test")
    world.clock.forward(TTLS[SIGN_UP])
    assert (await Browser(world).get(late)).status_code == 400


async def test_who_has_an_account_is_told_by_mail_alone(open_to_all: World) -> None:
    world = open_to_all
    answers = set()
    for email in (BOB, EVE):
        browser = Browser(world)
        form = form_of(await browser.get("/sign-up"))
        page = await browser.post(form.action, form.fields | {"email": email})
        answers.add((page.status_code, page.text.replace(form.fields["csrf"], "")))
    assert len(answers) == 1
    sent = {to: mail.subject for to, mail in await mails(world)}
    assert sent == {BOB: "You have an account already", EVE: "Finish signing up"}


async def test_what_cannot_be_leaves_the_link_good(open_to_all: World) -> None:
    world = open_to_all
    await Browser(world).press("/sign-up", "/sign-up", email=EVE)
    link = await link_for(world, EVE)
    browser = Browser(world)
    form = form_of(await browser.get(link))
    for organization, password in (("Eve", "short"), ("", PASSWORD), ("a\u202eb", PASSWORD)):
        sent = form.fields | {"organization": organization, "new_password": password}
        assert (await browser.post(form.action, sent)).status_code == 400
    assert SESSION in (await signed_up(world, link)).cookies
