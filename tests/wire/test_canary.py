"""The canary itself: that it would see a secret wherever one may leak, and that what prints secrets prints stars."""

import logging
import traceback
from pathlib import Path

import pytest

from gatepost.flows.app_auth import AuthenticatedApp
from gatepost.flows.known_apps import get_known_app
from gatepost.flows.minting import Issued
from gatepost.flows.token import TokenAsk
from gatepost.light import replace
from gatepost.oauth.client_auth import parse_client_claim
from gatepost.oauth.refresh_token import parse_refresh_token
from gatepost.secrets import Secret
from gatepost.store.events import find_event, record
from gatepost.web.message import Request

from .canary import Canary
from .world import World, basic

SECRET = "gp_sec_" + "only-for-this-test-" * 3


@pytest.fixture
def loud(canary: Canary) -> Canary:
    """A canary of a test's own, that hears what the outer one must not."""
    own = Canary()
    own.watch(SECRET)
    return own


def leak(canary: Canary, message: str, **extra: object) -> None:
    record = logging.makeLogRecord({"name": "gatepost.test", "msg": message, "levelno": logging.INFO, **extra})
    canary.emit(record)


@pytest.mark.parametrize("leaked", [SECRET, f"token={SECRET}&", SECRET[-30:], repr({"a": SECRET})])
def test_a_secret_in_the_log_is_seen(loud: Canary, leaked: str) -> None:
    loud.check()
    leak(loud, f"it was {leaked}")
    with pytest.raises(AssertionError, match="the log"):
        loud.check()


def test_a_secret_in_a_field_of_the_log_is_seen(loud: Canary) -> None:
    leak(loud, "Refused", detail=SECRET)
    with pytest.raises(AssertionError, match="the log"):
        loud.check()


def test_a_secret_in_a_file_is_seen(loud: Canary, tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_bytes(b"\0" * 4096 + SECRET.encode() + b"\0" * 4096)
    with pytest.raises(AssertionError, match="database"):
        loud.check(file)


async def test_a_secret_in_an_event_is_seen(world: World, tmp_path: Path) -> None:
    own = Canary()
    own.watch("kept-by-mistake-" * 3)
    act = replace(world.act, actor="kept-by-mistake-" * 3)
    await world.instance.store.ask(record(world.acme.org, "test.made", act))
    with pytest.raises(AssertionError, match=r"gatepost\.db"):
        own.check(*world.files)


async def test_anothers_secret_in_an_answer_is_seen(world: World) -> None:
    own = Canary()
    received = own.watch("https://evil.test/" + "someone-elses-" * 3)
    response = await world.verify(redirection_url=received)
    with pytest.raises(AssertionError, match="an answer"):
        own.check_answer(response)


async def test_everything_that_a_test_sends_and_gets_is_watched(world: World) -> None:
    own = Canary()
    pair = await world.tokens()
    for response in (
        await world.verify(),
        await world.refresh(pair.refresh_token),
        await world.introspect(pair.access_token, world.acme.web),
        await world.call("POST", "/revoke", form={"token": "x" * 20, "client_id": "a", "client_secret": "y" * 20}),
    ):
        own.watch_sent(response.request)
        own.check_answer(response)
    for secret in (*pair, world.acme.key, world.acme.web.secret, "x" * 20, "y" * 20):
        assert own.is_watching(secret)


async def test_what_carries_a_secret_hides_it(world: World) -> None:
    pair = await world.tokens()
    text = pair.refresh_token
    claim = parse_client_claim(basic("web", SECRET), {})
    known = await get_known_app(world.instance, world.acme.web.client_id)
    carriers = (
        Secret(SECRET),
        Issued(pair.access_token, 600, "read", text, text),
        parse_refresh_token(text),
        claim,
        world.instance.keyring,
        await world.instance.signing.active(),
        world.settings,
        Request("POST", b"/" + SECRET.encode(), text.encode(), {b"authorization": SECRET.encode()}, "", text.encode()),
        find_event(SECRET.encode(), text.encode()),
        TokenAsk(AuthenticatedApp(known, "none"), {"code": SECRET}, (), ""),
    )
    for carrier in carriers:
        for shown in (repr(carrier), str(carrier), f"{carrier}", f"{carrier!r:>200}"):
            assert text not in shown
            assert SECRET not in shown
            assert pair.access_token not in shown


def test_a_traceback_through_hands_that_hold_a_secret_shows_stars() -> None:
    def hold(secret: Secret) -> None:
        raise ValueError(f"{secret} is in {[secret]}")

    try:
        hold(Secret(SECRET))
    except ValueError as fault:
        shown = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
    assert "*** is in [***]" in shown
    assert SECRET not in shown.replace(f"SECRET = {SECRET!r}", "")
