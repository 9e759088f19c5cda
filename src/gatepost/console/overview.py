"""The overview: what there is to do, and what happened last."""

from gatepost.console.desk import Desk
from gatepost.console.sentences import Told, tell_events
from gatepost.flows.browsing import browse_events
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.store.apps import list_apps
from gatepost.web.message import Reply

RECENT = 8


class Overview:
    """The handler of the page where everybody begins."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        return desk.show(
            "overview.html",
            section="overview",
            cli=desk.cli("events", "list"),
            recent=await self._recent(desk),
            has_apps=bool(await self._instance.store.read(list_apps(desk.org.id, limit=1))),
            may_write=desk.actor.may_own(Deed.APPS_WRITE),
            now=self._instance.clock(),
        )

    async def _recent(self, desk: Desk) -> list[Told]:
        if not desk.actor.may(Deed.EVENTS_READ):
            return []
        page = await browse_events(self._instance, desk.actor, desk.org.id, None, RECENT)
        return await tell_events(self._instance, desk.org.id, page.rows)
