"""An app that publishes itself: its server, and a world that has never heard of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson

from gatepost.store.apps import find_app
from gatepost.store.question import INSTANCE

from .browser import Browser, give_password
from .conftest import OpenWorld
from .strangers import Stranger, ok, stranger
from .world import Client, World

REDIRECT = "https://app.example/cb"


class Publisher:
    """The server of an app that nobody registered; a world that has never heard of it, and in which Bob can sign in."""

    def __init__(self, world: World, there: Stranger) -> None:
        self.world = world
        self.there = there
        self.url = f"http://127.0.0.1:{there.port}/client.json"
        self.app = Client(self.url, "", REDIRECT)
        self.publish()

    def document(self, **changes: Any) -> dict[str, Any]:
        return {"client_id": self.url, "client_name": "Wanderer", "redirect_uris": [REDIRECT], **changes}

    def publish(self, cache: str = "max-age=300", **changes: Any) -> None:
        self.there.answer = ok(orjson.dumps(self.document(**changes)), f"Cache-Control: {cache}")

    async def asked(self, **changes: str | None) -> httpx.Response:
        return await Browser(self.world).authorize(self.app, **changes)

    async def is_accepted(self) -> bool:
        return (await self.asked()).status_code == 303

    async def reason(self) -> str:
        """Why the app is refused, as the page says it."""
        page = await self.asked()
        assert page.status_code == 400
        assert "location" not in page.headers
        assert self.url not in page.text
        return page.text.partition('<code id="reason">')[2].partition("</code>")[0]

    async def row(self) -> Any:
        return await self.world.instance.store.read(find_app(INSTANCE, self.url))


@contextlib.asynccontextmanager
async def publishing(open_world: OpenWorld) -> AsyncIterator[Publisher]:
    """A published app, and a world in which Bob of Acme can sign in."""
    world = await open_world({"outbound.allow_loopback": "true"})
    await give_password(world, world.acme.bob)
    async with stranger(b"") as there:
        yield Publisher(world, there)
