"""Health: what an organization should look after, the versions, and how soon a revocation is felt."""

from typing import NamedTuple

from gatepost import __version__
from gatepost.console.advanced import shown_duration
from gatepost.console.desk import Desk
from gatepost.flows.instance import Instance
from gatepost.flows.signing import safe_to_activate_at
from gatepost.store.browsing import Expiring, list_expiring_of
from gatepost.store.migrations import NEWEST, schema_version
from gatepost.store.signing_keys import list_signing_keys
from gatepost.web.message import Reply

SOON = 14 * 86_400
LISTED = 20


class Check(NamedTuple):
    """Something that was looked at; `is_well` says how it was found."""

    name: str
    is_well: bool


class Health:
    """The handlers of what one looks at, and of what is set."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        now = self._instance.clock()
        return desk.show(
            "health.html",
            section="health",
            cli="gatepost doctor",
            checks=await self._checks(now),
            expiring=await self.expiring(desk),
            version=__version__,
            schema=NEWEST,
            access_ttl=shown_duration(self._instance.tokens.access_ttl),
            now=now,
        )

    async def expiring(self, desk: Desk) -> list[Expiring]:
        """Secrets and keys of the organization that end soon, or have ended."""
        return await self._instance.store.read(list_expiring_of(desk.org.id, self._instance.clock() + SOON, LISTED))

    async def _checks(self, now: int) -> list[Check]:
        keys = await self._instance.store.read(list_signing_keys())
        coming = [each for each in keys if each.state == "next"]
        max_age = self._instance.tokens.jwks_max_age
        return [
            Check("https", self._instance.issuer.startswith("https:")),
            Check("mails", self._instance.mailer is not None),
            Check("schema", await self._instance.store.read(schema_version()) == NEWEST),
            Check("keys", bool(coming) and all(now >= safe_to_activate_at(each, max_age) for each in coming)),
        ]
