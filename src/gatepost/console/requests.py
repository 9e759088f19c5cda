"""Requests: the approval queue. Which apps of others people asked for, what these want, and what an admin says."""

import hashlib
from functools import partial
from typing import Any

import orjson

from gatepost.console.desk import Desk
from gatepost.console.lists import LIMIT, export, listing, read_ask
from gatepost.errors import GatepostError
from gatepost.flows.app_requests import STATES, decide, request_of, requests_of, view_request
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.records import AGREED, REFUSED, WAITING, AppRequest
from gatepost.secrets import render_id
from gatepost.store.browsing import Page
from gatepost.web.message import Reply

COLUMNS = (
    "id",
    "app",
    "client_id",
    "hosts",
    "scope",
    "state",
    "asked_by",
    "asked_at",
    "decided_by",
    "decided_at",
    "reason",
)
DEEDS = {"approve": AGREED, "refuse": REFUSED}


class Requests:
    """The handlers of requests."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        ask, state = read_ask(desk, ("state",)), _state(desk)
        page = await self._browse(desk, state, ask.cursor, LIMIT)
        return desk.show(
            "requests.html",
            section="requests",
            cli=desk.cli("request", "list", *(() if state == WAITING else ("--state", state))),
            list=listing(desk, ask, page),
            state=state,
            ids={each.id: render_id("req", each.id) for each in page.rows},
            may_write=desk.actor.may(Deed.ORG_WRITE),
            now=self._instance.clock(),
        )

    async def export(self, desk: Desk) -> Reply:
        """All in one state, for a spreadsheet."""
        return await export("requests.csv", COLUMNS, partial(self._browse, desk, _state(desk)), _row)

    async def one(self, desk: Desk) -> Reply:
        """One request, and what is to be said of it."""
        return await self._show(desk, await self._request(desk))

    async def decide(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Approve or refuse what the page showed; if that has changed since, nothing is done, and it is shown again."""
        request, state = await self._request(desk), DEEDS.get(fields.get("deed", ""), "")
        reason = fields.get("reason", "")
        try:
            if not state:
                raise GatepostError("invalid_request", "Approve it, or refuse it.", field="deed")
            if fields.get("shown") != _shown(request):
                raise GatepostError("overtaken", "It has changed since you looked. Look again.")
            await decide(self._instance, desk.org.id, request, state, reason, desk.actor)
        except GatepostError as error:
            if error.status not in (400, 409):
                raise
            return await self._show(desk, await self._request(desk), reason, error)
        return desk.see(f"/requests/{desk.names['request']}")

    async def _request(self, desk: Desk) -> AppRequest:
        return await request_of(self._instance, desk.org.id, desk.names["request"], desk.actor)

    async def _show(
        self, desk: Desk, request: AppRequest, reason: str = "", error: GatepostError | None = None
    ) -> Reply:
        return desk.show(
            "request.html",
            error.status if error else 200,
            section="requests",
            cli=desk.cli("request", "refuse" if request.state == AGREED else "approve", desk.names["request"]),
            view=await view_request(self._instance, desk.org.id, request),
            id=desk.names["request"],
            shown=_shown(request),
            reason=reason,
            may_write=desk.actor.may(Deed.REQUESTS_WRITE),
            sees_connections=desk.actor.may(Deed.GRANTS_READ),
            error=error,
            now=self._instance.clock(),
        )

    async def _browse(self, desk: Desk, state: str, cursor: Any, limit: int) -> Page[AppRequest]:
        before = bytes.fromhex(cursor) if isinstance(cursor, str) else None
        page = await requests_of(self._instance, desk.org.id, desk.actor, state, before, limit)
        return Page(page.rows, page.next.hex() if page.next else None)


def _state(desk: Desk) -> str:
    state = desk.query.get("state", "")
    return state if state in STATES else WAITING


def _shown(request: AppRequest) -> str:
    """What an answer is bound to: the app as it is asked for, and what was said of it so far."""
    return hashlib.sha256(orjson.dumps([request.state, request.scope, request.digest.hex()])).hexdigest()


def _row(request: AppRequest) -> tuple[str | int | None, ...]:
    return (
        *(render_id("req", request.id), request.name, request.client_id, request.hosts, request.scope, request.state),
        *(render_id("usr", request.asked_by), request.asked_at),
        *(request.decided_by, request.decided_at, request.reason),
    )
