"""Connections: who let which app do what, and ending one, all of an app, all of a person."""

from functools import partial
from typing import Any

from gatepost.console.app import show_app
from gatepost.console.desk import Desk
from gatepost.console.lists import LIMIT, export, listing, read_ask
from gatepost.errors import GatepostError
from gatepost.flows.browsing import Link, browse_links, find_member_by, view_link
from gatepost.flows.grants import end_all, end_grant
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import app_of, check_apps
from gatepost.flows.roles import Deed
from gatepost.records import Member
from gatepost.secrets import render_id
from gatepost.store.browsing import Page
from gatepost.web.message import Reply

FILTERS = ("app", "user")
COLUMNS = ("id", "app", "client_id", "user", "scope", "resource", "made_at", "last_used_at", "uses", "over")


class Links:
    """The handlers of connections."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        ask = read_ask(desk, FILTERS)
        page = await self._browse(desk, ask.filters, ask.cursor, LIMIT)
        return desk.show(
            "connections.html",
            section="connections",
            cli=desk.cli("grant", "list"),
            list=listing(desk, ask, page),
            may_revoke=desk.actor.may_own(Deed.GRANTS_REVOKE),
            now=self._instance.clock(),
        )

    async def of_app(self, desk: Desk) -> Reply:
        """The same, as a tab of an app."""
        app = await app_of(self._instance, desk.org.id, desk.names["app"], desk.actor)
        ask = read_ask(desk, ())
        page = await self._browse(desk, {"app": app.client_id}, ask.cursor, LIMIT)
        return show_app(
            self._instance,
            desk,
            app,
            "connections",
            "app_connections.html",
            cli=desk.cli("grant", "list", "--app", app.client_id),
            list=listing(desk, ask, page),
            may_revoke=desk.actor.may(Deed.GRANTS_REVOKE, app),
        )

    async def export(self, desk: Desk) -> Reply:
        """All of them, as they are filtered."""
        return await export(
            "connections.csv", COLUMNS, partial(self._browse, desk, read_ask(desk, FILTERS).filters), _row
        )

    async def one(self, desk: Desk) -> Reply:
        """One connection, with the question whether it is to end."""
        link = await view_link(self._instance, desk.actor, desk.org.id, desk.names["grant"])
        return desk.show(
            "connection.html",
            section="connections",
            cli=f"gatepost grant revoke {desk.names['grant']}",
            link=link,
            id=desk.names["grant"],
            may_revoke=desk.actor.may_own(Deed.GRANTS_REVOKE),
            now=self._instance.clock(),
        )

    async def end(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """End one."""
        await end_grant(self._instance, desk.names["grant"], [(desk.org.id, None)], None, desk.actor)
        return desk.see(f"/connections/{desk.names['grant']}")

    async def ask_end(self, desk: Desk) -> Reply:
        """Are all of an app, of a person, of both together to end?"""
        fields = desk.query
        # Who may end nothing of a person's is not told who that is.
        await check_apps(self._instance, desk.actor, Deed.GRANTS_REVOKE, desk.org.id, fields.get("app"))
        user = await self._user(desk, fields.get("user", ""))
        app = await app_of(self._instance, desk.org.id, fields["app"], desk.actor) if "app" in fields else None
        if app is None and user is None:
            return desk.see("/connections")
        words = (*(("--app", app.client_id) if app else ()), *(("--user", user.email) if user else ()))
        cli = desk.cli("grant", "revoke", *words)
        return desk.show("connections_end.html", section="connections", cli=cli, app=app, user=user)

    async def end_all(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """End them, in one write."""
        user = await self._user(desk, fields.get("user", ""))
        client_id = fields.get("app") or None
        if client_id is None and user is None:
            raise GatepostError("invalid_request", "Name an app or a person.")
        await end_all(self._instance, desk.org.id, client_id, user.id if user else None, desk.actor)
        return desk.see("/connections")

    async def _browse(self, desk: Desk, filters: dict[str, str], cursor: Any, limit: int) -> Page[Link]:
        user = await self._user(desk, filters.get("user", ""))
        if user is None and filters.get("user"):
            return Page([], None)
        return await browse_links(
            self._instance,
            desk.actor,
            desk.org.id,
            cursor,
            limit,
            client_id=filters.get("app", ""),
            user_id=user.id if user else None,
        )

    async def _user(self, desk: Desk, text: str) -> Member | None:
        return await find_member_by(self._instance, desk.org.id, text) if text else None


def _row(link: Link) -> tuple[str | int | None, ...]:
    grant = link.grant
    return (
        *(render_id("gnt", grant.id), link.app, grant.client_id, link.email, grant.scope, grant.resource),
        *(grant.created_at, grant.last_used_at, grant.uses, link.why_dead),
    )
