"""Apps: the list, and making one by saying what it is that one builds."""

from functools import partial
from typing import Any

from gatepost.console.desk import Desk
from gatepost.console.lists import LIMIT, export, listing, read_ask
from gatepost.console.slips import Slip, Slips
from gatepost.errors import GatepostError
from gatepost.flows.apps import FreshSecret, NewApp, create_app
from gatepost.flows.browsing import browse_apps, uses_of
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.oauth.client_metadata import KINDS, REDIRECTED_KINDS
from gatepost.records import App
from gatepost.store.browsing import Page
from gatepost.store.resources import list_resources
from gatepost.store.scope_texts import find_scope_texts
from gatepost.web.message import Reply

FILTERS = ("name", "kind", "status")
COLUMNS = ("client_id", "name", "kind", "profile", "status", "scope", "created_at")
STANDARD_SCOPES = ("openid", "profile", "email", "offline_access")


class Apps:
    """The handlers of the list and of what is new."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def page(self, desk: Desk) -> Reply:
        ask = read_ask(desk, FILTERS)
        page = await self._browse(desk, ask.filters, ask.cursor, LIMIT)
        return desk.show(
            "apps.html",
            section="apps",
            cli=desk.cli("app", "list"),
            list=listing(desk, ask, page),
            uses=await uses_of(self._instance, desk.org.id, page.rows),
            may_write=desk.actor.may_own(Deed.APPS_WRITE),
            now=self._instance.clock(),
        )

    async def export(self, desk: Desk) -> Reply:
        """The whole list, as it is filtered, for a spreadsheet."""
        return await export("apps.csv", COLUMNS, partial(self._browse, desk, read_ask(desk, FILTERS).filters), _row)

    async def ask_new(self, desk: Desk) -> Reply:
        """What are you building? And then what that needs."""
        kind = desk.query.get("kind", "")
        if kind not in KINDS:
            return desk.show("new_app_kind.html", section="apps", cli=desk.cli("app", "create", "My app"))
        return await self._show_new(desk, kind, {})

    async def create(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Make it, and show its secret if it has one."""
        kind = fields.get("kind", "")
        new = NewApp(
            name=fields.get("name", ""),
            kind=kind,
            redirect_uris=tuple(fields.get("redirect_uris", "").split()),
            scope=chosen_scope(fields),
        )
        try:
            if kind in REDIRECTED_KINDS and not new.redirect_uris:
                raise GatepostError("invalid_request", "Name at least one redirect address.", field="redirect_uris")
            app, fresh = await create_app(self._instance, desk.org.id, new, desk.actor)
        except GatepostError as error:
            if error.status != 400 or kind not in KINDS:
                raise
            return await self._show_new(desk, kind, fields, error)
        if fresh is None:
            return desk.see(f"/apps/{app.client_id}")
        return self._slips.hand_on(desk, app_slip(self._instance, app, fresh)).see("/secret")

    async def _show_new(
        self, desk: Desk, kind: str, fields: dict[str, str], error: GatepostError | None = None
    ) -> Reply:
        scopes = await known_scopes(self._instance, desk.org.id)
        return desk.show(
            "new_app.html",
            400 if error else 200,
            section="apps",
            cli=desk.cli("app", "create", fields.get("name") or "My app", "--kind", kind),
            kind=kind,
            fields=fields,
            scopes=scopes,
            chosen=chosen_scope(fields).split(),
            has_redirects=kind in REDIRECTED_KINDS,
            error=error,
        )

    async def _browse(self, desk: Desk, filters: dict[str, str], cursor: Any, limit: int) -> Page[App]:
        name, kind, status = (filters.get(each, "") for each in FILTERS)
        return await browse_apps(
            self._instance, desk.actor, desk.org.id, cursor, limit, name=name, kind=kind, status=status
        )


def app_slip(instance: Instance, app: App, fresh: FreshSecret) -> Slip:
    """A fresh secret of an app, to be shown."""
    text = fresh.text.reveal()
    env = {
        "GATEPOST_ISSUER": instance.issuer,
        "GATEPOST_CLIENT_ID": app.client_id,
        "GATEPOST_CLIENT_SECRET": text,
    }
    return Slip("app", app.name, f"/apps/{app.client_id}", text, env)


async def known_scopes(instance: Instance, org: bytes) -> list[str]:
    """The scopes that an app here may ask for, as far as anybody has named them."""
    resources = await instance.store.read(list_resources(org))
    texts = await instance.store.read(find_scope_texts(org))
    own = [scope for resource in resources for scope in resource.scopes.split()]
    return list(dict.fromkeys((*STANDARD_SCOPES, *own, *texts)))


def chosen_scope(fields: dict[str, str]) -> str:
    """The scopes that are ticked in a form, and those that are written there."""
    ticked = [name.removeprefix("scope ") for name in fields if name.startswith("scope ")]
    return " ".join(dict.fromkeys((*ticked, *fields.get("more_scopes", "").split())))


def _row(app: App) -> tuple[str | int | None, ...]:
    status = "active" if app.disabled_at is None else "disabled"
    return app.client_id, app.name, app.kind, app.profile, status, app.scope, app.created_at
