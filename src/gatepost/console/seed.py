"""The four calls: the organization's auth_token, its saved pairs, and the calls with these filled in, ready to copy."""

from typing import NamedTuple

from gatepost.console.desk import Desk, command
from gatepost.flows.browsing import browse_apps
from gatepost.flows.clients import get_auth_token
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import redirect_uris_of
from gatepost.flows.roles import Deed
from gatepost.web.message import Reply

SHOWN = 20
"""How many apps are shown here; the others are in the list of apps."""


class Pair(NamedTuple):
    """A client and one of its redirection URLs."""

    client_id: str
    name: str
    redirection_url: str


class Call(NamedTuple):
    """One of the four, as a command."""

    name: str
    command: str


class SeedPage:
    """The handler of the page."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        pairs = await self._pairs(desk)
        return desk.show(
            "seed.html",
            section="seed",
            cli=command("org", "show", desk.org_id),
            auth_token=desk.org.auth_token,
            pairs=pairs,
            calls=_calls(self._instance.issuer.rstrip("/"), pairs[0] if pairs else None),
            may_write=desk.actor.may(Deed.APPS_WRITE),
        )

    async def make_token(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Have the auth_token made; one that is there stays."""
        act = desk.actor.check(Deed.APPS_WRITE, desk.org.id)
        await get_auth_token(self._instance, desk.org.id, act)
        return desk.see("/seed")

    async def _pairs(self, desk: Desk) -> list[Pair]:
        page = await browse_apps(
            self._instance, desk.actor, desk.org.id, None, SHOWN, name="", kind="", status="active"
        )
        return [
            Pair(app.client_id, app.name, uri)
            for app in page.rows
            for uri in await redirect_uris_of(self._instance, app)
        ]


def _calls(issuer: str, pair: Pair | None) -> list[Call]:
    client_id, url = (
        (pair.client_id, pair.redirection_url) if pair else ("my-client", "https://app.example.com/callback")
    )
    key = '-H "Authorization: Bearer $GATEPOST_API_KEY"'
    body = "-H 'Content-Type: application/json' -d"
    known = f'\'{{"client_id":"{client_id}","redirection_url":"{url}"}}\''
    return [
        Call("auth_token", f"curl {issuer}/auth_token {key}"),
        Call("save", f"curl {issuer}/ {key} {body} {known}"),
        Call("verify", f"curl {issuer}/verify {key} {body} {known}"),
        Call("refresh", f"curl {issuer}/refresh {body} '{{\"refresh_token\":\"'$REFRESH_TOKEN'\"}}'"),
    ]
