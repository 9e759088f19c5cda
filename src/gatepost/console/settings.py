"""Settings: what the organization is, what the server sets for it, and its end."""

from gatepost.console.advanced import shown_duration
from gatepost.console.desk import Desk, command
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import need_approval, rename, set_disabled
from gatepost.flows.roles import Deed
from gatepost.web.message import Reply

LIVES = ("access_ttl", "grant_idle_ttl", "grant_ttl")


class SettingsPage:
    """The handlers of settings."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        return self._show(desk, desk.org.name)

    async def rename(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Give it another name."""
        name = fields.get("name", "")
        try:
            await rename(self._instance, desk.org, name, desk.actor)
        except GatepostError as error:
            if error.status not in (400, 412):
                raise
            return self._show(desk, name, error)
        return desk.see("/settings")

    async def need_approval(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Have an admin approve apps of others first, or not any more."""
        await need_approval(self._instance, desk.org, "needed" in fields, desk.actor)
        return desk.see("/settings")

    def _show(self, desk: Desk, name: str, error: GatepostError | None = None) -> Reply:
        instance = self._instance
        return desk.show(
            "settings.html",
            error.status if error else 200,
            section="settings",
            cli=command("org", "show", desk.org_id),
            lives={name: shown_duration(getattr(instance.tokens, name)) for name in LIVES},
            sessions={name: shown_duration(getattr(instance.sessions, name)) for name in ("idle_ttl", "ttl")},
            sign_up=instance.sign_up,
            registration=instance.registration,
            issuer=instance.issuer,
            name=name,
            error=error,
            may_write=desk.actor.may(Deed.ORG_WRITE),
            may_end=desk.actor.may(Deed.ORG_END),
        )

    async def ask_disable(self, desk: Desk) -> Reply:
        """Is all of it to be refused? Whoever says yes types its name."""
        return self._ask_disable(desk)

    async def disable(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Refuse everything of it, this console too."""
        if fields.get("name", "") != desk.org.name:
            return self._ask_disable(desk, is_wrong=True)
        await set_disabled(self._instance, desk.org, True, desk.actor)
        return desk.leave()

    def _ask_disable(self, desk: Desk, *, is_wrong: bool = False) -> Reply:
        cli = command("org", "disable", desk.org_id)
        return desk.show("org_disable.html", 400 if is_wrong else 200, section="settings", cli=cli, is_wrong=is_wrong)
