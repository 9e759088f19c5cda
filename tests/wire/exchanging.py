"""Tokens exchanged by agents of Acme, for Ann."""

from typing import Any

import httpx

from gatepost.oauth.client_metadata import TOKEN_EXCHANGE
from gatepost.oauth.token_exchange import ACCESS_TOKEN

from .browser import token
from .world import Client, World


async def make_agent(world: World, client_id: str = "agent", org: bytes = b"", **policy: Any) -> Client:
    """An app of Acme that may exchange tokens, and get some for itself."""
    grants = f"{TOKEN_EXCHANGE} client_credentials"
    return await world.make_app(
        org or world.acme.org, client_id=client_id, kind="service", grant_types=grants, **policy
    )


async def exchange(world: World, by: Client, subject_token: str, **fields: str) -> httpx.Response:
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject_token, "subject_token_type": ACCESS_TOKEN, **fields}
    return await token(world, by, **{name: value for name, value in form.items() if value})


async def exchanged(world: World, by: Client, subject_token: str, **fields: str) -> str:
    response = await exchange(world, by, subject_token, **fields)
    assert response.status_code == 200, response.text
    text: str = response.json()["access_token"]
    return text


def said(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("error", "")


async def anns(world: World, **members: Any) -> str:
    """An access token that stands for Ann, of the app that she uses."""
    return (await world.tokens(user_id=world.acme.ann, **members)).access_token


async def own(world: World, app: Client, **fields: str) -> str:
    """An access token that an app got for itself."""
    response = await token(world, app, grant_type="client_credentials", **fields)
    text: str = response.json()["access_token"]
    return text
