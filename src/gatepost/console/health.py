"""Health: what an organization should look after, the versions, and how soon a revocation is felt."""

import platform

from gatepost import __version__
from gatepost.console.advanced import shown_duration
from gatepost.console.desk import Desk
from gatepost.flows.feed import HEARTBEAT_SECONDS, longest_life
from gatepost.flows.health import ADVICE, PROBLEM, WORDS, examine
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.store.migrations import NEWEST
from gatepost.web.message import Reply


class Health:
    """The handler of that page."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        instance = self._instance
        examined = await examine(instance, desk.org.id, desk.actor)
        return desk.show(
            "health.html",
            section="health",
            cli=desk.cli("doctor"),
            examined=examined,
            weights=WORDS,
            problems=sum(each.status == PROBLEM for each in examined),
            advice=sum(each.status == ADVICE for each in examined),
            version=__version__,
            # What a stranger would look for holes by is for those who can do something about it.
            versions=await self._versions() if desk.actor.may(Deed.ORG_WRITE) else {},
            bound=shown_duration(await longest_life(instance)),
            heartbeat=HEARTBEAT_SECONDS,
        )

    async def _versions(self) -> dict[str, str]:
        return {
            "Python": platform.python_version(),
            "database": await self._instance.store.product(),
            "schema": str(NEWEST),
        }
