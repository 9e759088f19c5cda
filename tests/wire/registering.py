"""Apps that register themselves: how they ask, and how they speak of their registration."""

from typing import Any

import httpx

from gatepost.store.apps import find_app
from gatepost.store.question import INSTANCE

from .browser import give_password
from .conftest import OpenWorld
from .world import ISSUER, Client, World

BOB = "bob@acme.test"
REDIRECT = "https://app.example/cb"
PUBLIC = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "client_name": "Wanderer"}


async def open_to_all(open_world: OpenWorld) -> World:
    """A world in which everybody may register an app, and Bob of Acme can sign in."""
    world = await open_world({"registration.mode": "open"})
    await give_password(world, world.acme.bob)
    return world


async def register(world: World, content: Any = None, by: str | None = None, **changes: Any) -> httpx.Response:
    """A change to None leaves the member out."""
    said = {**PUBLIC, **changes} if content is None else content
    given = {name: value for name, value in said.items() if value is not None} if isinstance(said, dict) else said
    return await world.call("POST", "/register", by, json=given)


async def registered(world: World, **changes: Any) -> dict[str, Any]:
    response = await register(world, **changes)
    assert response.status_code == 201, response.text
    content: dict[str, Any] = response.json()
    return content


def client_of(content: dict[str, Any]) -> Client:
    return Client(content["client_id"], content.get("client_secret", ""), content["redirect_uris"][0])


async def manage(world: World, method: str, content: dict[str, Any], by: str | None = None, **options: Any) -> Any:
    path = content["registration_client_uri"].removeprefix(ISSUER)
    bearer = f"Bearer {by or content['registration_access_token']}"
    return await world.call(method, path, bearer, **options)


async def row(world: World, content: dict[str, Any]) -> Any:
    return await world.instance.store.read(find_app(INSTANCE, content["client_id"]))
