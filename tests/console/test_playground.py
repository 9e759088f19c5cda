"""The playground: every step for real, what it shows and what it hides, and who may not come that way."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gatepost.flows.apps import NewApp, create_app
from gatepost.flows.playground import SECONDS
from gatepost.flows.roles import operator
from gatepost.store.apps import list_secrets
from wire.browser import Browser, forms_of
from wire.world import ISSUER, Client

from .office import Office

_GO = re.compile(r'id="go" href="([^"]*)"')


class Player:
    """Somebody who plays an app's flow, with the page that they see."""

    def __init__(self, office: Office, client_id: str, role: str = "owner") -> None:
        self.office = office
        self.role = role
        self.path = f"{office.root}/apps/{client_id}/playground"
        self.page: httpx.Response | None = None

    async def browser(self) -> Browser:
        return await self.office.browser(self.role)

    async def open(self) -> httpx.Response:
        self.page = await (await self.browser()).get(self.path)
        return self.page

    async def go(self, **fields: str) -> httpx.Response:
        """Press the button of the page."""
        assert self.page is not None
        form = next(each for each in forms_of(self.page) if each.action == self.path)
        self.page = await (await self.browser()).post(form.action, form.fields | fields)
        return self.page

    @property
    def page_text(self) -> str:
        return text_of(self.page)

    @property
    def link(self) -> str:
        """Where the built request leads to."""
        assert self.page is not None
        found = _GO.search(self.page.text)
        assert found, self.page.text
        return html.unescape(found[1])

    async def allow(self, decision: str = "allow") -> httpx.Response:
        """Go to /authorize, answer, and come back."""
        browser = await self.browser()
        asked = await browser.get(self.link)
        assert asked.status_code == 303, asked.text
        left = await browser.consent(asked, decision)
        leave = await browser.get(left.headers["location"])
        back = re.search(r'id="continue" href="([^"]*)"', leave.text)
        assert back, leave.text
        self.page = await browser.get(html.unescape(back[1]))
        return self.page


def text_of(page: httpx.Response | None) -> str:
    assert page is not None
    return html.unescape(re.sub(r"<[^>]+>", "", page.text))


@pytest.fixture
async def app(office: Office) -> Client:
    """An app that people have not been asked about yet."""
    return await office.world.make_app(office.world.acme.org, scope="openid read", client_id="shop")


@pytest.fixture
def player(office: Office, app: Client) -> Player:
    return Player(office, app.client_id)


async def test_an_app_is_played_from_the_request_to_the_replay(player: Player, office: Office) -> None:
    world, client_id = office.world, "shop"
    before = await world.instance.store.read(list_secrets(world.acme.org, client_id))
    await player.open()
    built = text_of(await player.go(scope="openid read"))
    assert "code_challenge_method=S256" in built
    assert "iss ✓ state ✓" in text_of(await player.allow())
    tokens = text_of(await player.go())
    assert "grant_type=authorization_code" in tokens
    assert "aud ✓" in tokens
    assert '"sub": "usr_' in text_of(await player.go())
    assert "grant_type=refresh_token" in text_of(await player.go())
    assert "POST /revoke" in text_of(await player.go())
    replayed = text_of(await player.go())
    assert replayed.count('"error": "invalid_grant"') == 2
    assert "Refused: what was used once" in replayed
    assert await world.instance.store.read(list_secrets(world.acme.org, client_id)) == before, "the lent secret is gone"
    (played,) = await world.events(world.acme.org, "request.played")
    assert played.client_id == client_id


async def test_no_page_shows_a_secret(player: Player) -> None:
    pages = [await player.open(), await player.go(scope="openid"), await player.allow()]
    pages += [await player.go() for _ in range(5)]
    for page in pages:
        shown = re.sub(r'value="gp_play_[^"]*"|href="[^"]*"', "", page.text)
        assert not re.search(r"gp_(sec|rt|code|play)_[A-Za-z0-9_-]{20}|eyJ[A-Za-z0-9_-]{20}", shown)


async def test_a_service_is_played_without_a_person(office: Office) -> None:
    world = office.world
    new = NewApp("Job", kind="service", scope="read")
    app, _ = await create_app(world.instance, world.acme.org, new, operator(world.act))
    player = Player(office, app.client_id)
    await player.open()
    assert "grant_type=client_credentials" in text_of(await player.go(scope="read"))
    assert '"active": true' in text_of(await player.go())
    await player.go()
    assert '"active": false' in text_of(await player.go())


async def test_a_device_is_played_with_its_waits(office: Office) -> None:
    """RFC 8628 §3.5: nobody has answered, it asks too soon, and then there are tokens; the code is good once."""
    world = office.world
    new = NewApp("TV", kind="device", scope="openid read")
    app, _ = await create_app(world.instance, world.acme.org, new, operator(world.act))
    player = Player(office, app.client_id)
    assert text_of(await player.open()).index("On a device") < player.page_text.index("In a browser")
    asked = text_of(await player.go(scope="openid read"))
    assert "POST /device_authorization" in asked
    assert "authorization_pending" in text_of(await player.go())
    assert "five seconds longer" in text_of(await player.go())
    assert await _answer(player) == 303
    world.clock.now += 11
    tokens = text_of(await player.go())
    assert "aud ✓" in tokens
    assert '"sub": "usr_' in text_of(await player.go())
    assert "grant_type=refresh_token" in text_of(await player.go())
    await player.go()
    assert text_of(await player.go()).count('"error": "invalid_grant"') == 2


async def test_a_device_that_is_told_no_goes_on_without_tokens(office: Office) -> None:
    world = office.world
    app, _ = await create_app(world.instance, world.acme.org, NewApp("TV", kind="device"), operator(world.act))
    player = Player(office, app.client_id)
    await player.open()
    await player.go()
    assert await _answer(player, "cancel") == 303
    refused = text_of(await player.go())
    assert "access_denied" in refused
    assert "Ask again" not in refused


async def _answer(player: Player, decision: str = "connect") -> int:
    """Open the page that the playground shows a link to, and answer there."""
    assert player.page is not None
    link = re.search(r'id="answer" href="([^"]*)"', player.page.text)
    assert link
    browser = await player.browser()
    form = next(each for each in forms_of(await browser.get(html.unescape(link[1]))) if "user_code" in each.fields)
    return (await browser.post(form.action, form.fields | {"decision": decision})).status_code


async def test_an_app_with_several_flows_is_played_by_the_one_that_was_chosen(office: Office) -> None:
    world = office.world
    grants = "authorization_code client_credentials"
    new = NewApp("Both", redirect_uris=("https://both.test/cb",), grant_types=grants)
    app, _ = await create_app(world.instance, world.acme.org, new, operator(world.act))
    player = Player(office, app.client_id)
    await player.open()
    assert "code_challenge_method" in text_of(await player.go())
    await player.open()
    assert "grant_type=client_credentials" in text_of(await player.go(flow="client_credentials"))
    await player.open()
    assert "code_challenge_method" in text_of(await player.go(flow="password")), "nothing that the app has not"


async def test_a_play_that_nobody_ended_leaves_no_secret(office: Office, player: Player) -> None:
    credentials = f"{office.root}/apps/shop/credentials"
    browser = await player.browser()
    before = (await browser.get(credentials)).text.count("••••")
    await player.open()
    await player.go(scope="openid")
    await player.allow()
    await player.go()
    assert (await browser.get(credentials)).text.count("••••") == before + 1, "it was lent one"
    office.world.clock.now += SECONDS
    assert (await browser.get(credentials)).text.count("••••") == before


async def test_a_refusal_is_explained_and_leads_back(player: Player) -> None:
    await player.open()
    await player.go(scope="openid")
    refused = text_of(await player.allow("deny"))
    assert "error=access_denied" in refused
    assert "The person said no" in refused
    assert "Exchange the code" not in refused


async def test_what_is_carried_is_for_one_browser_one_app_and_ten_minutes(player: Player, office: Office) -> None:
    await player.open()
    await player.go(scope="openid")
    link = player.link
    foreign = Player(office, "shop", "admin")
    assert (await (await foreign.browser()).get(link)).status_code == 400, "another browser does not even begin"
    assert player.page is not None
    form = next(each for each in forms_of(await player.open()) if each.action == player.path)
    state = parse_qs(urlsplit(link).query)["state"][0]
    sent = {"csrf": form.fields["csrf"], "step": "exchange", "state": state}
    office.world.clock.now += SECONDS
    over = await (await player.browser()).post(player.path, sent)
    assert over.status_code == 400
    assert "Begin again" in over.text
    assert (await (await player.browser()).get(link)).status_code == 400


@pytest.mark.parametrize("state", ["", "x", "gp_play_AAAA"])
async def test_nobody_else_leads_to_the_playgrounds_address(player: Player, app: Client, state: str) -> None:
    """Without a state that the playground sealed it is an address like any other that nobody registered."""
    browser = await player.browser()
    asked = await browser.authorize(app, redirect_uri=f"{ISSUER}{player.path}/back", state=state)
    assert asked.status_code == 400
    assert "set up wrongly" in asked.text


async def test_the_seal_of_one_app_opens_no_other(player: Player, office: Office) -> None:
    world = office.world
    new = NewApp("Other", redirect_uris=("https://other.test/cb",))
    other, _ = await create_app(world.instance, world.acme.org, new, operator(world.act))
    await player.open()
    await player.go(scope="openid")
    link = player.link.replace("shop", other.client_id)
    assert (await (await player.browser()).get(link)).status_code == 400


async def test_a_code_that_lands_there_without_the_seal_is_shown_to_nobody(player: Player) -> None:
    page = await (await player.browser()).get(f"{player.path}/back?code=gp_code_somebody&state=x&iss={ISSUER}")
    assert page.status_code == 400
    assert "gp_code_somebody" not in page.text


async def test_another_sign_in_at_the_same_browser_does_not_go_on(player: Player) -> None:
    await player.open()
    await player.go(scope="openid")
    link, browser = player.link, await player.browser()
    browser.cookies.delete("__Host-gatepost_session")
    await browser.enter("admin@acme.test")
    state = parse_qs(urlsplit(link).query)["state"][0]
    page = await browser.get(f"{player.path}/back?code=gp_code_x&state={state}&iss={ISSUER}")
    assert page.status_code == 400
    assert "Exchange the code" not in page.text
