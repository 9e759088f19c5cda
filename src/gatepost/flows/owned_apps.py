"""An organization's apps as those see them who administer it: all of them, or, for a developer, those they made."""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.missing import missing
from gatepost.flows.roles import Actor, Deed
from gatepost.records import App
from gatepost.store.apps import delete_app, find_app, list_apps, list_redirect_uris, set_app_disabled
from gatepost.store.events import Act


async def apps_of(instance: Instance, org: bytes, actor: Actor, after: str, limit: int) -> list[App]:
    """Up to `limit` apps behind the client_id `after` that the actor may see. Raises as `Actor.check` does."""
    actor.check_own(Deed.APPS_READ, org)
    maker = None if actor.may(Deed.APPS_READ) else actor.user_id
    return await instance.store.read(list_apps(org, after, limit, created_by=maker))


async def app_of(instance: Instance, org: bytes, client_id: str, actor: Actor) -> App:
    """One app of an organization. Raises `not_found`, and as `Actor.check` does."""
    actor.check_own(Deed.APPS_READ, org)
    app = await instance.store.read(find_app(org, client_id))
    if app is None:
        raise missing("app", client_id)
    actor.check(Deed.APPS_READ, org, app)
    return app


async def redirect_uris_of(instance: Instance, app: App) -> list[str]:
    """The redirect URIs of an app that the actor has been shown, in the order they were registered."""
    return await instance.store.read(list_redirect_uris(app.org, app.client_id))


async def check_apps(instance: Instance, actor: Actor, deed: Deed, org: bytes, client_id: str | None) -> Act:
    """`Actor.check` for what is about one app, which may be one's own, or with None about all of them."""
    app = None if client_id is None or actor.may(deed) else await instance.store.read(find_app(org, client_id))
    return actor.check(deed, org, app)


async def set_disabled(instance: Instance, app: App, disabled: bool, actor: Actor) -> None:
    """Disable or enable an app; everything of it is refused from now on, or answered again. Raises as `Actor.check` does.

    It may have been disabled against its maker, so only somebody who may change all apps enables one.
    """
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    if not disabled and not actor.may(Deed.APPS_WRITE):
        raise GatepostError(
            "not_allowed", "Only somebody who may change all apps enables one again: an admin or owner."
        )
    await instance.store.ask(set_app_disabled(app.org, app.client_id, disabled, act))


async def end_app(instance: Instance, app: App, actor: Actor) -> None:
    """Delete an app; its grants end with it, for good.

    Raises `overtaken` when somebody else changed or deleted it since it was read, and as `Actor.check` does.
    """
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    if not await instance.store.ask(delete_app(app.org, app.client_id, act, app.version)):
        raise GatepostError(
            "overtaken", f"Somebody else changed {app.client_id} just now.", fix="look again, then delete it"
        )
