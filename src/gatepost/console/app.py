"""One app: how to connect it, its credentials, what it may do, and its end. Each tab is a page."""

from typing import Any

from gatepost.console.apps import app_slip, chosen_scope, known_scopes
from gatepost.console.connectors import API_CODE, FIRST_CODE, FORMS, Details
from gatepost.console.desk import Desk, command, wants_disabled
from gatepost.console.slips import Slips
from gatepost.errors import GatepostError
from gatepost.flows.apps import change_app, create_secret, drop_secret, secrets_of
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import app_of, end_app, redirect_uris_of, set_disabled
from gatepost.flows.roles import Deed
from gatepost.flows.snippets import SNIPPETS, Blanks, render_snippet
from gatepost.oauth.client_metadata import SECRETLESS, grant_types_of, parse_metadata
from gatepost.records import App, AppSecret
from gatepost.secrets import parse_id, render_id
from gatepost.web.message import Reply

LIVES = ("", "30", "90", "365")
"""Days that a secret may live; empty: until somebody deletes it."""


class AppPages:
    """The handlers of an app's tabs."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def details(self, desk: Desk) -> Reply:
        """What a connector's form asks for, and code to begin with."""
        app = await self._app(desk)
        uris = await redirect_uris_of(self._instance, app)
        details = Details(self._instance.issuer, app, uris[0] if uris else "")
        form, code = desk.query.get("as", "env"), desk.query.get("code", "curl")
        return self._show(
            desk,
            app,
            "",
            cli=command("app", "show", app.client_id),
            details=details,
            uris=uris,
            secrets=await self._secrets(desk, app),
            forms=[(key, name) for key, (name, _) in FORMS.items()],
            form=form if form in FORMS else "env",
            form_text=FORMS.get(form, FORMS["env"])[1](details),
            codes=[
                *((key, name) for key, (name, _) in FIRST_CODE.items()),
                *((name, API_CODE.get(name, name)) for name in SNIPPETS),
            ],
            code=code,
            code_text=self._code(code, details),
        )

    def _code(self, name: str, details: Details) -> str:
        if name in SNIPPETS:
            audience = details.app.default_resource or details.issuer
            return render_snippet(
                name, Blanks(details.issuer, audience, details.scope, client_id=details.app.client_id)
            )
        return FIRST_CODE.get(name, FIRST_CODE["curl"])[1](details)

    async def credentials(self, desk: Desk) -> Reply:
        """Its secrets, side by side."""
        return await self._credentials(desk, await self._app(desk))

    async def add_secret(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """One more secret; the others stay good."""
        app = await self._app(desk)
        try:
            expires_at = expiry_in(fields, self._instance.clock())
            fresh = await create_secret(self._instance, app, expires_at, desk.actor)
        except GatepostError as error:
            return await self._credentials(desk, app, _shown(error))
        slip = app_slip(self._instance, app, fresh)._replace(onward=f"/apps/{app.client_id}/credentials")
        return self._slips.hand_on(desk, slip).see("/secret")

    async def ask_drop(self, desk: Desk) -> Reply:
        """Is this secret to go?"""
        app = await self._app(desk)
        raw = parse_id("sec", desk.names["secret"])
        secret = next((each for each in await self._secrets(desk, app) if each.id == raw), None)
        if secret is None:
            raise GatepostError("not_found", "There is no such secret here.")
        cli = command("app", "secret", "delete", app.client_id, desk.names["secret"])
        return self._show(desk, app, "credentials", "app_secret_delete.html", cli=cli, secret=secret)

    async def drop_secret(self, desk: Desk, fields: dict[str, str]) -> Reply:
        app = await self._app(desk)
        await drop_secret(self._instance, app, desk.names["secret"], desk.actor)
        return desk.see(f"/apps/{app.client_id}/credentials")

    async def redirects(self, desk: Desk) -> Reply:
        """Where people come back to."""
        return await self._redirects(desk, await self._app(desk), {})

    async def change_redirects(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """One address more, or one less."""
        app = await self._app(desk)
        add, drop = (tuple(filter(None, [fields.get(name, "").strip()])) for name in ("add", "drop"))
        try:
            await change_app(self._instance, app, {}, add, drop, desk.actor)
        except GatepostError as error:
            return await self._redirects(desk, app, fields, _shown(error))
        return desk.see(f"/apps/{app.client_id}/redirects")

    async def permissions(self, desk: Desk) -> Reply:
        """The scopes that it may ask for."""
        return await self._permissions(desk, await self._app(desk))

    async def change_permissions(self, desk: Desk, fields: dict[str, str]) -> Reply:
        app = await self._app(desk)
        optional = " ".join(name.removeprefix("optional ") for name in fields if name.startswith("optional "))
        changes = {"scope": chosen_scope(fields), "metadata": {"optional_scope": optional}}
        try:
            await change_app(self._instance, app, changes, (), (), desk.actor)
        except GatepostError as error:
            return await self._permissions(desk, app, _shown(error))
        return desk.see(f"/apps/{app.client_id}/permissions")

    async def ask_delete(self, desk: Desk) -> Reply:
        """Is it to go, for good? Whoever says yes types its name."""
        return self._ask_delete(desk, await self._app(desk))

    async def delete(self, desk: Desk, fields: dict[str, str]) -> Reply:
        app = await self._app(desk)
        if fields.get("name", "") != app.name:
            return self._ask_delete(desk, app, is_wrong=True)
        await end_app(self._instance, app, desk.actor)
        return desk.see("/apps")

    async def disable(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Refuse everything of it, or answer again."""
        app = await self._app(desk)
        await set_disabled(self._instance, app, wants_disabled(fields.get("deed", "")), desk.actor)
        return desk.see(f"/apps/{app.client_id}/danger")

    async def danger(self, desk: Desk) -> Reply:
        """What cannot be undone, or hurts at once."""
        app = await self._app(desk)
        return self._show(desk, app, "danger", "app_danger.html", cli=command("app", "disable", app.client_id))

    def _ask_delete(self, desk: Desk, app: App, *, is_wrong: bool = False) -> Reply:
        cli = command("app", "delete", app.client_id)
        status = 400 if is_wrong else 200
        return self._show(desk, app, "danger", "app_delete.html", status, cli=cli, is_wrong=is_wrong)

    async def _app(self, desk: Desk) -> App:
        return await app_of(self._instance, desk.org.id, desk.names["app"], desk.actor)

    async def _secrets(self, desk: Desk, app: App) -> list[AppSecret]:
        return await secrets_of(self._instance, app, desk.actor)

    async def _credentials(self, desk: Desk, app: App, error: GatepostError | None = None) -> Reply:
        return self._show(
            desk,
            app,
            "credentials",
            "app_credentials.html",
            error.status if error else 200,
            cli=command("app", "secret", "list", app.client_id),
            secrets=[(render_id("sec", each.id), each) for each in await self._secrets(desk, app)],
            has_none=app.auth_method in SECRETLESS,
            lives=LIVES,
            error=error,
        )

    async def _redirects(
        self, desk: Desk, app: App, fields: dict[str, str], error: GatepostError | None = None
    ) -> Reply:
        return self._show(
            desk,
            app,
            "redirects",
            "app_redirects.html",
            error.status if error else 200,
            cli=command("app", "edit", app.client_id, "--add-redirect", "https://shop.example/callback"),
            uris=await redirect_uris_of(self._instance, app),
            added=fields.get("add", ""),
            error=error,
        )

    async def _permissions(self, desk: Desk, app: App, error: GatepostError | None = None) -> Reply:
        chosen = app.scope.split()
        return self._show(
            desk,
            app,
            "permissions",
            "app_permissions.html",
            error.status if error else 200,
            cli=command("app", "edit", app.client_id, "--scope", app.scope),
            scopes=list(dict.fromkeys((*await known_scopes(self._instance, app.org), *chosen))),
            chosen=chosen,
            optional=parse_metadata(app.metadata).optional_scope.split(),
            error=error,
        )

    def _show(
        self, desk: Desk, app: App, tab: str, template: str = "app.html", status: int = 200, *, cli: str, **view: Any
    ) -> Reply:
        return show_app(self._instance, desk, app, tab, template, status, cli=cli, **view)


def expiry_in(fields: dict[str, str], now: int) -> int | None:
    """When what a form makes is to end; None for never. Raises `invalid_request`."""
    days = fields.get("days", "")
    if days not in LIVES:
        raise GatepostError("invalid_request", "Choose how long it lives.", field="days")
    return now + int(days) * 86_400 if days else None


def show_app(
    instance: Instance, desk: Desk, app: App, tab: str, template: str, status: int = 200, *, cli: str, **view: Any
) -> Reply:
    """A tab of an app, with what all of them show."""
    return desk.show(
        template,
        status,
        section="apps",
        cli=cli,
        app=app,
        tab=tab,
        grants=grant_types_of(app),
        place=f"{desk.visit.base}{desk.root}/apps/{app.client_id}",
        may_write=desk.actor.may(Deed.APPS_WRITE, app),
        now=instance.clock(),
        **view,
    )


def _shown(error: GatepostError) -> GatepostError:
    """The refusal, if the person can mend it on the page; any other goes on up."""
    if error.code in ("not_allowed", "server_error", "temporarily_unavailable"):
        raise error
    return error
