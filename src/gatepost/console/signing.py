"""The server's signing keys in three places: next, current, previous. What each is for, and when it is safe to go on."""

from typing import NamedTuple

from gatepost.console.desk import Desk
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.flows.signing import safe_to_activate_at
from gatepost.records import SigningKeyRecord
from gatepost.store.signing_keys import list_signing_keys
from gatepost.web.message import Reply

ORDER = ("next", "active", "retired")


class Row(NamedTuple):
    """A key, and when every verifier has it, if it is not in use yet."""

    key: SigningKeyRecord
    safe_at: int


class Signing:
    """The handler of the page. Rotating is the operator's: it concerns every organization."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        records = await self._instance.store.read(list_signing_keys())
        max_age = self._instance.tokens.jwks_max_age
        rows = [Row(each, safe_to_activate_at(each, max_age)) for each in records]
        return desk.show(
            "keys.html",
            section="keys",
            cli="gatepost signing-key rotate",
            rows=sorted(rows, key=lambda row: (row.key.alg, ORDER.index(row.key.state))),
            may_rotate=desk.actor.may(Deed.SIGNING_ROTATE),
            jwks=self._instance.issuer.rstrip("/") + "/jwks.json",
            now=self._instance.clock(),
        )
