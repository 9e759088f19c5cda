"""Settings: what the organization is and chose for itself, what the server sets for everybody, and its end."""

from collections.abc import Callable
from typing import Any

from gatepost.console.advanced import duration_in, shown_duration
from gatepost.console.desk import Desk, DeskForm, command
from gatepost.contrast import contrast_in
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import change_org, set_disabled
from gatepost.flows.roles import Deed
from gatepost.oauth.org_settings import OrgSettings, parse_settings
from gatepost.ui.rendering import LOCALES
from gatepost.web.message import Reply

LIVES = ("access_ttl", "grant_idle_ttl", "grant_ttl")
_DEFAULT = next(iter(LOCALES))


class SettingsPage:
    """The handlers of settings."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        return self._show(desk, {})

    def change(self, part: str) -> DeskForm:
        """The handler of the form of a part."""

        async def form(desk: Desk, fields: dict[str, str]) -> Reply:
            try:
                await change_org(self._instance, desk.org, PARTS[part](fields), desk.actor)
            except GatepostError as error:
                if error.status not in (400, 412):
                    raise
                return self._show(desk, fields, error)
            return desk.see("/settings")

        return form

    async def need_approval(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Have an admin approve apps of others first, or not any more."""
        await change_org(self._instance, desk.org, {"apps_need_approval": "needed" in fields}, desk.actor)
        return desk.see("/settings")

    def _show(self, desk: Desk, sent: dict[str, str], error: GatepostError | None = None) -> Reply:
        instance, settings = self._instance, parse_settings(desk.org.settings)
        return desk.show(
            "settings.html",
            error.status if error else 200,
            section="settings",
            cli=command("org", "edit", desk.org_id, "--accent", settings.accent or "#0f766e"),
            lives={name: shown_duration(getattr(instance.tokens, name)) for name in LIVES},
            sessions={name: shown_duration(getattr(instance.sessions, name)) for name in ("idle_ttl", "ttl")},
            sign_up=instance.sign_up,
            registration=instance.registration,
            issuer=instance.issuer,
            settings=settings,
            contrasts=_contrasts(settings),
            locales=LOCALES,
            fields=_fields_of(desk.org.name, settings) | sent,
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


def _fields_of(name: str, settings: OrgSettings) -> dict[str, str]:
    """The fields of all forms, as they are now."""
    offered = settings.languages or tuple(LOCALES)
    return {
        "name": name,
        "accent": settings.accent,
        "accent_dark": settings.accent_dark,
        "first": offered[0],
        **{f"language {each}": "on" for each in offered},
        **({"second_factor": "on"} if settings.second_factor else {}),
        "session_ttl": shown_duration(settings.session_ttl),
        "idle_ttl": shown_duration(settings.idle_ttl),
        "email_domains": "\n".join(settings.email_domains),
    }


def _contrasts(settings: OrgSettings) -> dict[str, str]:
    """The contrast of the organization's colour in each theme; nothing without one."""
    shades = zip(("light", "dark"), settings.shades or (), strict=False)
    return {theme: f"{contrast_in(theme, shade):.1f}" for theme, shade in shades}


def _name(fields: dict[str, str]) -> dict[str, Any]:
    return {"name": fields.get("name", "")}


def _brand(fields: dict[str, str]) -> dict[str, Any]:
    return {name: fields.get(name, "").strip() for name in ("accent", "accent_dark")}


def _languages(fields: dict[str, str]) -> dict[str, Any]:
    """What is offered, with the first in front. All of them, and the default first, is no choice at all."""
    first = fields.get("first", _DEFAULT)
    chosen = (first, *(each for each in LOCALES if f"language {each}" in fields and each != first))
    return {"languages": () if chosen == tuple(LOCALES) else chosen}


def _rules(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "second_factor": "second_factor" in fields,
        "session_ttl": duration_in(fields, "session_ttl"),
        "idle_ttl": duration_in(fields, "idle_ttl"),
        "email_domains": tuple(fields.get("email_domains", "").split()),
    }


PARTS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "name": _name,
    "brand": _brand,
    "languages": _languages,
    "rules": _rules,
}
"""Each part of the page that is a form of its own, and what it changes."""
