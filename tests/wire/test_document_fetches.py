"""The documents of apps: fetched, kept, and what happens when they cannot be had. SS-6, SS-8, F-27."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepost.flows import client_documents
from gatepost.flows.client_documents import LAST_COPY_SECONDS

from .browser import Browser, connected, token
from .conftest import OpenWorld
from .publisher import Publisher, publishing
from .strangers import ok


@pytest.fixture
async def publisher(open_world: OpenWorld) -> AsyncIterator[Publisher]:
    async with publishing(open_world) as own:
        yield own


ANSWERS: dict[str, tuple[bytes, str]] = {
    "a guard": (ok(b"<html>", status="403 Forbidden", content_type="text/html"), "the status is 403"),
    "nothing there": (ok(b"", status="404 Not Found"), "the status is 404"),
    "a redirect": (ok(b"", "Location: /there", status="302 Found"), "the status is 302"),
    "another success": (ok(b"{}", status="201 Created"), "the status is 201"),
    "a page": (ok(b"<html>", content_type="text/html"), "it is not sent as JSON"),
    "not JSON": (ok(b"<html>"), "it is not JSON"),
    "a list": (ok(b"[]"), "it is not a JSON object"),
    "a member twice": (ok(b'{"client_id":"a","client_id":"b"}'), "a member is in it twice"),
    "not UTF-8": (ok(b'{"client_id":"\xff"}'), "it is not UTF-8"),
    "a long number": (ok(b'{"default_max_age":1' + b"0" * 30 + b"}"), "not every JSON has"),
    "a longer number": (ok(b'{"default_max_age":1' + b"0" * 4500 + b"}"), "is not one that we accept"),
    "half a character": (ok(b'{"client_id":"\\ud800"}'), "not every JSON has"),
    "no number": (ok(b'{"default_max_age":NaN}'), "NaN is not JSON"),
    "nested deep": (ok(b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}"), "it holds too much"),
    "too large": (ok(b'{"a":"' + b"x" * 5200 + b'"}'), "more than 5,120 bytes"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "could not be fetched."),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_fault_has_its_words_and_none_is_kept(publisher: Publisher, name: str) -> None:
    """SS-6, SS-8; pain 10."""
    publisher.there.answer, why = ANSWERS[name]
    assert why in await publisher.reason()
    assert publisher.there.connections == 1
    publisher.publish()
    assert await publisher.is_accepted()


@pytest.mark.parametrize(("cache", "kept"), [("max-age=60", 60), ("no-store", 5), ("max-age=999999", 3600)])
async def test_a_document_is_kept_as_its_server_says_within_bounds(publisher: Publisher, cache: str, kept: int) -> None:
    publisher.publish(cache)
    assert all(await asyncio.gather(*(publisher.is_accepted() for _ in range(5))))
    publisher.world.clock.forward(kept - 1)
    assert await publisher.is_accepted()
    assert publisher.there.connections == 1
    publisher.world.clock.forward(1)
    assert await publisher.is_accepted()
    assert publisher.there.connections == 2


async def test_no_more_documents_are_kept_than_there_is_room_for(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_documents, "MOST", 1)
    first = publisher.url
    fetched = []
    for url in (first, first, f"{first}2", first):
        publisher.url, publisher.app = url, publisher.app._replace(client_id=url)
        publisher.publish()
        assert await publisher.is_accepted()
        fetched.append(publisher.there.connections)
    assert fetched == [1, 1, 2, 3]


async def test_while_its_server_is_away_the_last_copy_goes_on_for_a_day(publisher: Publisher) -> None:
    assert await publisher.is_accepted()
    publisher.there.answer = ok(b"", status="503 Service Unavailable")
    publisher.world.clock.forward(3600)
    assert await publisher.is_accepted()
    assert await publisher.is_accepted()
    assert publisher.there.connections == 2
    publisher.world.clock.forward(LAST_COPY_SECONDS)
    assert "the status is 503" in await publisher.reason()


async def test_a_connected_app_goes_on_while_its_server_is_away_on_every_node(publisher: Publisher) -> None:
    """F-27: what was consented to has a row, and a refresh needs nobody else."""
    answer = await connected(publisher.world, Browser(publisher.world), publisher.app, scope="offline_access")
    publisher.there.answer = ok(b"", status="503 Service Unavailable")
    other = await publisher.world.again()
    refreshed = await token(other, publisher.app, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert refreshed.status_code == 200


async def test_an_app_that_took_its_document_back_is_refused_until_it_is_there_again(publisher: Publisher) -> None:
    answer = await connected(publisher.world, Browser(publisher.world), publisher.app, scope="offline_access")
    publisher.there.answer = ok(b"", status="404 Not Found")
    publisher.world.clock.forward(300)
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await token(publisher.world, publisher.app, **refresh)).json()["error"] == "invalid_client"
    publisher.publish()
    assert (await token(publisher.world, publisher.app, **refresh)).status_code == 200
