"""What of an app most people leave as it is: lifetimes, the retry policy, its profile, how it proves who it is."""

from collections.abc import Callable
from typing import Any

from gatepost.console.app import show_app
from gatepost.console.desk import Desk, command
from gatepost.errors import GatepostError
from gatepost.flows.apps import change_app
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import app_of
from gatepost.flows.roles import Deed
from gatepost.oauth.client_metadata import AUTH_METHODS, PROFILES, PUBLIC_KINDS, parse_metadata
from gatepost.records import UNTIL_USED, App
from gatepost.settings import parse_duration, parse_retry_window
from gatepost.web.message import Reply

DURATIONS: dict[str, Callable[[str], int | None]] = {
    "access_ttl": parse_duration,
    "grant_idle_ttl": parse_duration,
    "grant_ttl": parse_duration,
    "retry_window": parse_retry_window,
}
TRUST = ("first_party", "skip_consent", "open_to_others")

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


class Advanced:
    """The handlers of that tab."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        app = await self._app(desk)
        return self._show(desk, app, _fields_of(app))

    async def change(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Keep what was said, all of it or nothing."""
        app = await self._app(desk)
        try:
            await change_app(self._instance, app, _changes(desk, app, fields), (), (), desk.actor)
        except GatepostError as error:
            if error.status not in (400, 409):
                raise
            return self._show(desk, app, fields, error)
        return desk.see(f"/apps/{app.client_id}/advanced")

    async def _app(self, desk: Desk) -> App:
        return await app_of(self._instance, desk.org.id, desk.names["app"], desk.actor)

    def _show(self, desk: Desk, app: App, fields: dict[str, str], error: GatepostError | None = None) -> Reply:
        tokens = self._instance.tokens
        return show_app(
            self._instance,
            desk,
            app,
            "advanced",
            "app_advanced.html",
            error.status if error else 200,
            cli=command("app", "edit", app.client_id, "--access-ttl", "5m"),
            fields=fields,
            defaults={name: shown_duration(getattr(tokens, name)) for name in DURATIONS},
            profiles=PROFILES,
            methods=("none",) if app.kind in PUBLIC_KINDS else AUTH_METHODS[:-1],
            may_trust=desk.actor.may(Deed.APPS_WRITE),
            error=error,
        )


def shown_duration(seconds: int | None) -> str:
    """A duration as one writes it; empty for none."""
    if seconds is None or seconds == UNTIL_USED:
        return "" if seconds is None else "until_used"
    unit, size = next(each for each in _UNITS if seconds % each[1] == 0)
    return f"{seconds // size}{unit}"


def duration_in(fields: dict[str, str], name: str, parse: Callable[[str], int | None] = parse_duration) -> int | None:
    """The duration that somebody wrote in a field; None for an empty one. Raises `invalid_request`."""
    text = fields.get(name, "").strip()
    try:
        return parse(text) if text else None
    except ValueError:
        raise GatepostError(
            "invalid_request",
            "A duration is a number with s, m, h or d behind it, as in 10m or 30d.",
            field=name,
        ) from None


def _fields_of(app: App) -> dict[str, str]:
    metadata = parse_metadata(app.metadata)
    return {
        "name": app.name,
        "profile": app.profile,
        "auth_method": app.auth_method or "",
        "default_resource": app.default_resource or "",
        **{name: shown_duration(getattr(app, name)) for name in DURATIONS},
        **{name: "on" for name in TRUST if getattr(metadata, name)},
    }


def _changes(desk: Desk, app: App, fields: dict[str, str]) -> dict[str, Any]:
    """What is to change, by the names of `NewApp`. Trust is for those alone who may change every app."""
    trust = {name: name in fields for name in TRUST} if desk.actor.may(Deed.APPS_WRITE) else {}
    return {
        "name": fields.get("name", ""),
        "profile": fields.get("profile", app.profile),
        "auth_method": fields.get("auth_method") or None,
        "default_resource": fields.get("default_resource") or None,
        **{name: duration_in(fields, name, parse) for name, parse in DURATIONS.items()},
        "metadata": trust,
    }
