"""What apps are told of a person, as they change it themselves at `/account/profile`. OpenID Connect Core §5.1; AC-7."""

import re
from typing import Any

import httpx
import pytest

from gatepost.flows.claims import set_claims
from gatepost.flows.roles import operator
from gatepost.oauth.claims import claims_of
from gatepost.records import User
from gatepost.secrets import parse_id
from gatepost.store.people import find_user
from gatepost.store.question import INSTANCE

from .browser import Browser, connected, form_of, userinfo
from .world import World

BOB = "bob@acme.test"
PROFILE = "/account/profile"
TYPED = {
    "name": " Bob <b>Builder</b> ",
    "given_name": "Bob",
    "birthdate": "1990-12-31",
    "locale": "de",
    "website": "https://bob.test/?a=1&b=2",
    "phone_number": "+49 30 1234567",
    "street_address": "Main 7\r\nBack door",
    "country": "DE",
}


@pytest.fixture
async def bob(world: World, browser: Browser) -> Browser:
    """Bob's browser."""
    await browser.enter(BOB)
    return browser


async def person(world: World) -> User:
    user = await world.instance.store.read(find_user(parse_id("usr", world.acme.bob) or b""))
    assert user is not None
    return user


async def told(world: World) -> dict[str, Any]:
    return claims_of(await person(world))


async def say(world: World, **claims: Any) -> None:
    await set_claims(world.instance, await person(world), claims, operator(world.act))


async def save(bob: Browser, **fields: str) -> httpx.Response:
    form = form_of(await bob.get(PROFILE))
    assert form.action == PROFILE
    return await bob.post(PROFILE, {"csrf": form.fields["csrf"], **fields})


async def test_people_say_what_apps_are_told_of_them(world: World, bob: Browser) -> None:
    saved = await save(bob, **TYPED)
    assert (saved.status_code, saved.headers["location"]) == (303, PROFILE)
    page = await bob.get(PROFILE)
    assert form_of(page).fields.items() >= {"name": "Bob <b>Builder</b>", "website": TYPED["website"]}.items()
    assert "Main 7\nBack door</textarea>" in page.text
    app = await world.make_app(world.acme.org, client_id="shop")
    tokens = await connected(world, Browser(world), app, scope="openid profile phone address")
    said = (await userinfo(world, tokens["access_token"])).json()
    assert said.pop("updated_at") == world.clock.now
    assert said.pop("sub") == world.acme.bob
    assert said == {
        **{name: value.strip() for name, value in TYPED.items() if name not in ("street_address", "country")},
        "address": {"street_address": "Main 7\nBack door", "country": "DE"},
        "phone_number_verified": False,
    }


async def test_what_is_left_empty_is_told_no_more(world: World, bob: Browser) -> None:
    await save(bob, **TYPED)
    await save(bob, name="Bob")
    assert await told(world) == {
        "name": "Bob",
        "updated_at": world.clock.now,
        "email": BOB,
        "email_verified": False,
    }


async def test_what_is_not_theirs_to_say_stays_as_it_is(world: World, bob: Browser) -> None:
    await say(world, preferred_username="bob", gender="male")
    await save(
        bob,
        name="Bob",
        email="eve@acme.test",
        email_verified="true",
        phone_number_verified="true",
        preferred_username="admin",
        gender="x",
        updated_at="1",
        sub="usr_1",
        role="owner",
        profile="{}",
    )
    assert await told(world) == {
        "name": "Bob",
        "preferred_username": "bob",
        "gender": "male",
        "updated_at": world.clock.now,
        "email": BOB,
        "email_verified": False,
    }
    shown = re.search(r'<dl id="others">(.*?)</dl>', (await bob.get(PROFILE)).text, re.DOTALL)
    assert shown is not None
    assert re.findall("<bdi>(.*?)</bdi>", shown[1]) == ["bob", "male"]


async def test_an_address_keeps_what_is_not_in_the_form_until_it_changes(world: World, bob: Browser) -> None:
    await say(world, address={"formatted": "Main 7, Berlin", "locality": "Berlin"})
    await save(bob, locality="Berlin", name="Bob")
    assert (await told(world))["address"] == {"formatted": "Main 7, Berlin", "locality": "Berlin"}
    await save(bob, locality="Bonn", name="Bob")
    assert (await told(world))["address"] == {"locality": "Bonn"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "n" * 201),
        ("birthdate", "soon"),
        ("website", "ftp://bob.test"),
        ("phone_number", "030 1234567"),
        ("country", "D\u202eE"),
    ],
)
async def test_what_cannot_be_told_is_marked_and_nothing_is_saved(
    world: World, bob: Browser, field: str, value: str
) -> None:
    before = await told(world)
    page = await save(bob, **{"nickname": "Bobby", field: value})
    assert page.status_code == 400
    marks = re.findall(r'id="(\w+)"[^>]* aria-invalid="true"|<fieldset class="(wrong)">', page.text)
    assert marks == [("", "wrong") if field == "country" else (field, "")]
    assert 'value="Bobby"' in page.text, "what was typed is not lost"
    assert await told(world) == before


async def test_a_change_of_ones_own_is_an_event_that_does_not_tell_it(world: World, bob: Browser) -> None:
    await save(bob, **TYPED)
    await save(bob, **TYPED)
    events = [event for event in await world.events(INSTANCE) if event.type == "user.profile_changed"]
    assert [(each.actor, each.user_id, each.detail) for each in events] == [
        (world.acme.bob, parse_id("usr", world.acme.bob), "{}")
    ]
