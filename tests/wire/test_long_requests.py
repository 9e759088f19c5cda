"""Authorization requests that are long: refused in words, with little of them coming back, or led through to the end."""

from .browser import Browser, answer_of, redeem, request_of
from .test_authorize import BOB, is_page
from .world import World


async def test_a_state_that_is_too_long_does_not_come_back(browser: Browser, world: World) -> None:
    """What an app sends is reflected, but not without a bound."""
    answer = answer_of((await browser.authorize(world.acme.web, state="x" * 2049)).headers["location"])
    assert (answer["error"], "state" in answer) == ("invalid_request", False)
    asked = await browser.authorize(world.acme.web, state="x" * 2049, response_mode="form_post")
    assert 'name="state"' not in asked.text


async def test_whatever_may_be_asked_gets_through_to_its_end(browser: Browser, world: World) -> None:
    """Nothing is stored between our pages, so what is asked is in their URLs, and has to fit."""
    app = await world.make_app(world.acme.org, scope="openid", redirect=f"https://app.test/{'p' * 1900}")
    longest = {"scope": "openid", "state": "s" * 200, "nonce": "n" * 1500}
    answer = await browser.allow(app, BOB, **longest)
    assert answer["state"] == longest["state"]
    assert (await redeem(world, app, answer["code"])).status_code == 200
    assert "state" in await browser.allow(app, BOB, scope="openid", state="s" * 2048, prompt="consent login")
    for more in ({"nonce": "n" * 2048, "ui_locales": "u" * 2048}, {"acr_values": "a" * 5000}):
        refused = answer_of((await browser.authorize(app, **longest | more)).headers["location"])
        assert (refused["error"], refused["state"]) == ("invalid_request", longest["state"])


async def test_a_form_longer_than_a_link_may_be_is_refused(browser: Browser, world: World) -> None:
    assert is_page(await browser.post("/authorize", request_of(world.acme.web, extra="x" * 13_000)))
    begun = await browser.post("/authorize", request_of(world.acme.web, extra="x" * 11_000))
    assert (await browser.get(begun.headers["location"])).status_code == 303
