"""`/account/apps`: the apps that a person let use their account, and the way to take it back."""

from urllib.parse import urlencode

from gatepost.flows.account import act_of
from gatepost.flows.connections import Connection, disconnect, find_connection, list_connections
from gatepost.flows.instance import Instance
from gatepost.oauth.form import parse_form
from gatepost.records import Session
from gatepost.ui.visit import Visit, see_other, show
from gatepost.web.message import Reply

APPS = "/account/apps"
DETAILS = APPS + "/details"


class Connections:
    """The handlers of connected apps, each for a signed-in person."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, visit: Visit, session: Session) -> Reply:
        connections = await list_connections(self._instance, session.user_id)
        rows = [(each, _details_of(each)) for each in connections]
        return show(visit, "connections.html", connections=rows, now=self._instance.clock())

    async def details(self, visit: Visit, session: Session) -> Reply:
        connection = await self._find(session, parse_form(visit.request.query))
        if connection is None:
            return see_other(visit, APPS)
        return show(visit, "connection.html", each=connection, now=self._instance.clock())

    async def revoke(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """Disconnect one app. One that is not connected (any more) is no fault."""
        connection = await self._find(session, fields)
        if connection is not None:
            await self._disconnect(visit, session, connection)
        return see_other(visit, APPS)

    async def ask_all(self, visit: Visit, session: Session) -> Reply:
        connections = await list_connections(self._instance, session.user_id)
        return show(visit, "revoke_all.html", connections=connections) if connections else see_other(visit, APPS)

    async def revoke_all(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """Disconnect every app, each in a write of its own."""
        for each in await list_connections(self._instance, session.user_id):
            await self._disconnect(visit, session, each)
        return see_other(visit, APPS)

    async def _find(self, session: Session, fields: dict[str, str]) -> Connection | None:
        return await find_connection(self._instance, session.user_id, fields.get("org", ""), fields.get("app", ""))

    async def _disconnect(self, visit: Visit, session: Session, connection: Connection) -> None:
        act = act_of(self._instance, session, visit.request.address)
        await disconnect(self._instance, session.user_id, connection, act)


def _details_of(connection: Connection) -> str:
    return DETAILS + "?" + urlencode({"org": connection.org, "app": connection.client_id})
