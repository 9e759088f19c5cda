"""API keys: for the four calls, for gateways, for scripts. Each is shown once."""

from gatepost.console.app import expiry_in
from gatepost.console.desk import Desk, command
from gatepost.console.slips import Slip, Slips
from gatepost.errors import GatepostError
from gatepost.flows.api_keys import create_key, end_key, keys_of
from gatepost.flows.callers import DEFAULT_POWERS, POWERS
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.records import ApiKey
from gatepost.secrets import parse_id, render_id
from gatepost.store.keys import find_key
from gatepost.web.message import Reply


class ApiKeys:
    """The handlers of API keys."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def page(self, desk: Desk) -> Reply:
        return await self._show(desk, {"scope " + power: "on" for power in DEFAULT_POWERS})

    async def create(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """A new key, shown once."""
        scopes = tuple(power for power in POWERS if f"scope {power}" in fields)
        name = fields.get("name", "")
        try:
            until = expiry_in(fields, self._instance.clock())
            fresh = await create_key(self._instance, desk.org.id, name, scopes, until, desk.actor)
        except GatepostError as error:
            if error.status != 400:
                raise
            return await self._show(desk, fields, error)
        text = fresh.text.reveal()
        slip = Slip("key", fresh.record.name, "/api-keys", text, {"GATEPOST_API_KEY": text})
        return self._slips.hand_on(desk, slip).see("/secret")

    async def ask_end(self, desk: Desk) -> Reply:
        """Is it to end, and its connections with it?"""
        key = await self._key(desk)
        id = desk.names["key"]
        return desk.show("api_key_end.html", section="api-keys", cli=command("key", "revoke", id), key=key, id=id)

    async def end(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """End it."""
        keep = "keep_grants" in fields
        await end_key(self._instance, desk.org.id, desk.names["key"], desk.actor, keep_grants=keep)
        return desk.see("/api-keys")

    async def _key(self, desk: Desk) -> ApiKey:
        raw = parse_id("key", desk.names["key"])
        key = await self._instance.store.read(find_key(desk.org.id, raw)) if raw else None
        if key is None or key.revoked_at is not None:
            raise GatepostError("not_found", "There is no such API key here.")
        return key

    async def _show(self, desk: Desk, fields: dict[str, str], error: GatepostError | None = None) -> Reply:
        keys = await keys_of(self._instance, desk.org.id, desk.actor)
        return desk.show(
            "api_keys.html",
            error.status if error else 200,
            section="api-keys",
            cli=desk.cli("key", "create", "--name", fields.get("name") or "My key"),
            keys=[(render_id("key", each.id), each) for each in keys if each.revoked_at is None],
            powers=POWERS,
            fields=fields,
            may_write=desk.actor.may(Deed.KEYS_WRITE),
            error=error,
            now=self._instance.clock(),
        )
