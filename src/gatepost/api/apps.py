"""Apps and their secrets."""

from typing import Any

import msgspec

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import AppDocument, AppUse, Page, SecretDocument
from gatepost.api.rendering import of_app, of_secret, of_use
from gatepost.flows.apps import NewApp, change_app, create_app, create_secret, drop_secret, secrets_of
from gatepost.flows.browsing import uses_of
from gatepost.flows.limits import set_app_limit
from gatepost.flows.owned_apps import app_of, apps_of, end_app, redirect_uris_of, set_disabled
from gatepost.flows.resources import get_spelling
from gatepost.records import UNTIL_USED, App

_RENAMED = {"resource": "default_resource"}


async def list_apps(call: Call, ask: asks.Listing) -> Page[AppDocument]:
    """List apps."""
    after = call.position(ask.after).decode()
    found = await apps_of(call.instance, call.org, call.actor, after, ask.limit + 1)
    uris = {app.client_id: await redirect_uris_of(call.instance, app) for app in found}
    return call.page(found, ask.limit, lambda app: of_app(app, uris[app.client_id]), lambda app: app.client_id.encode())


async def make(call: Call, ask: asks.NewApp) -> AppDocument:
    """Make an app."""
    policy = await _policy(call, msgspec.structs.asdict(ask))
    app, secret = await create_app(call.instance, call.org, NewApp(**policy), call.actor)
    return of_app(app, list(ask.redirect_uris), secret.text.reveal() if secret else None)


async def show(call: Call, _: None) -> AppDocument:
    """Show an app."""
    return await _document(call, await _named(call))


async def use(call: Call, _: None) -> AppUse:
    """Show how an app is used here: its live connections, as far as they were counted, and when it was last used."""
    app = await _named(call)
    return of_use((await uses_of(call.instance, call.org, [app]))[app.client_id])


async def change(call: Call, ask: asks.AppChange) -> AppDocument:
    """Change an app."""
    app = await _named(call)
    before = await _document(call, app)
    call.check_unchanged(before)
    policy = await _policy(call, msgspec.structs.asdict(ask))
    wanted = policy.pop("redirect_uris", before.redirect_uris)
    added = tuple(uri for uri in wanted if uri not in before.redirect_uris)
    dropped = tuple(uri for uri in before.redirect_uris if uri not in wanted)
    return await _document(call, await change_app(call.instance, app, policy, added, dropped, call.actor))


async def delete(call: Call, _: None) -> None:
    """Delete an app; its grants end with it, for good."""
    app = await _named(call)
    call.check_unchanged(await _document(call, app))
    await end_app(call.instance, app, call.actor)


async def disable(call: Call, _: None) -> AppDocument:
    """Refuse everything of an app, at once, until it is enabled."""
    return await _switch(call, disabled=True)


async def enable(call: Call, _: None) -> AppDocument:
    """Answer a disabled app again."""
    return await _switch(call, disabled=False)


async def limit(call: Call, ask: asks.RateLimit) -> AppDocument:
    """Limit how many requests a minute the tokens of an app are good for."""
    app = await _named(call)
    call.check_unchanged(await _document(call, app))
    await set_app_limit(call.instance, app, ask.rate_limit, call.actor)
    return await _document(call, await _named(call))


async def list_secrets(call: Call, _: None) -> Page[SecretDocument]:
    """List an app's secrets."""
    return Page([of_secret(each) for each in await secrets_of(call.instance, await _named(call), call.actor)])


async def add_secret(call: Call, ask: asks.NewSecret) -> SecretDocument:
    """Give an app one more secret."""
    fresh = await create_secret(call.instance, await _named(call), call.expiry(ask.expires_at), call.actor)
    return of_secret(fresh.record, fresh.text.reveal())


async def delete_secret(call: Call, _: None) -> None:
    """Delete a secret; the others stay good."""
    await drop_secret(call.instance, await _named(call), call.names["secret"], call.actor)


async def _named(call: Call) -> App:
    return await app_of(call.instance, call.org, call.names["client_id"], call.actor)


async def _document(call: Call, app: App) -> AppDocument:
    return of_app(app, await redirect_uris_of(call.instance, app))


async def _switch(call: Call, *, disabled: bool) -> AppDocument:
    app = await _named(call)
    await set_disabled(call.instance, app, disabled, call.actor)
    return await _document(call, await _named(call))


async def _policy(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, by the fields of `NewApp`."""
    policy = {_RENAMED.get(name, name): value for name, value in given.items() if value is not msgspec.UNSET}
    metadata = msgspec.structs.asdict(policy.pop("metadata"))
    policy["metadata"] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in metadata.items()
        if value is not msgspec.UNSET
    }
    if "grant_types" in policy:
        policy["grant_types"] = " ".join(policy["grant_types"])
    if "redirect_uris" in policy:
        policy["redirect_uris"] = tuple(dict.fromkeys(policy["redirect_uris"]))
    if policy.get("retry_window") == "until_used":
        policy["retry_window"] = UNTIL_USED
    if policy.get("default_resource") is not None:
        policy["default_resource"] = (await get_spelling(call.instance, call.org, policy["default_resource"])).uri
    return policy
