"""Apps: made, changed, disabled, deleted; and their secrets, several side by side so that rotation needs no downtime."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.missing import missing
from gatepost.flows.owned_apps import app_of
from gatepost.flows.roles import Actor, Deed
from gatepost.light import fields_of, replace
from gatepost.oauth.app_rules import check_choices, settle
from gatepost.oauth.client_metadata import (
    PUBLIC_KINDS,
    SECRETLESS,
    ClientMetadata,
    check_client_id,
    check_name,
    parse_metadata,
    render_metadata,
)
from gatepost.oauth.redirects import check_redirect_uri
from gatepost.oauth.scope import parse_scope
from gatepost.records import MAX_ACCESS_TTL, App, AppSecret
from gatepost.secrets import CLIENT_SECRET, Secret, new_id, parse_id, render_id, render_text
from gatepost.store.apps import Draft, add_secret, delete_secret, find_app, keep_apps, list_secrets
from gatepost.store.events import Act
from gatepost.store.orgs import find_owner

MAX_GRANT_TTL = 36_500 * 86_400

NO_METADATA = ClientMetadata()

_TRUSTING = ("first_party", "skip_consent", "open_to_others")
"""What would let an app take from people, unasked, what its maker may not have."""


class NewApp(NamedTuple):
    """What an app is made of. None leaves a choice to its kind or to the server's settings."""

    name: str
    kind: str = "web"
    client_id: str | None = None
    redirect_uris: tuple[str, ...] = ()
    scope: str = ""
    profile: str = "oauth21"
    auth_method: str | None = None
    grant_types: str = ""
    default_resource: str | None = None
    access_ttl: int | None = None
    grant_idle_ttl: int | None = None
    grant_ttl: int | None = None
    retry_window: int | None = None
    metadata: Mapping[str, Any] = {}
    """Members of `ClientMetadata` by name; what is left out is its default, or stays as it is."""


class FreshSecret(NamedTuple):
    """A secret just made, with the text that is shown once and never again."""

    record: AppSecret
    text: Secret


async def create_app(
    instance: Instance, org: bytes, new: NewApp, actor: Actor, *, secret: Secret | None = None
) -> tuple[App, FreshSecret | None]:
    """Make an app, and its first secret if its kind can keep one: a fresh one, or the one it brings from elsewhere.

    Raises `invalid_request`, `invalid_scope`, `conflict` when the client_id is taken, and as `Actor.check` does.
    """
    act = actor.check_own(Deed.APPS_WRITE, org)
    check_trusting(actor, new.metadata)
    draft, fresh = draft_app(instance, org, new, actor, secret)
    await instance.store.ask(keep_apps(org, (draft,), act))
    return draft.app, fresh


def draft_app(
    instance: Instance, org: bytes, new: NewApp, actor: Actor, secret: Secret | None
) -> tuple[Draft, FreshSecret | None]:
    """What would be kept of a new app, with its first secret. Raises `invalid_request`, `invalid_scope`."""
    app = replace(checked_app(org, new, actor.act.at), created_by=actor.user_id)
    fresh = None if app.auth_method in SECRETLESS else fresh_secret(instance, None, actor.act, secret)
    return Draft(app, True, fresh_epoch(), new.redirect_uris, (), fresh.record if fresh else None), fresh


def check_trusting(actor: Actor, metadata: Mapping[str, Any]) -> None:
    """Only those who may change all apps can let one do without asking people. Raises as `Actor.check` does."""
    if any(metadata.get(name) for name in _TRUSTING) and actor.org is not None:
        actor.check(Deed.APPS_WRITE, actor.org)


def check_asking(actor: Actor, app: App) -> None:
    """Nobody changes an app that asks nobody unless they may allow that: it was trusted as it was. Raises `not_allowed`."""
    if parse_metadata(app.metadata).skip_consent and not actor.may(Deed.APPS_WRITE):
        raise GatepostError("not_allowed", f"{app.name} asks nobody for consent, so only owners and admins change it.")


def new_client_id() -> str:
    """A client_id for an app that brings none of its own."""
    return render_id("app", new_id())


def checked_app(org: bytes, new: NewApp, now: int, known: ClientMetadata = NO_METADATA) -> App:
    """The app that would be made, or what `known` would become. Raises `invalid_request`, `invalid_scope`."""
    method = new.auth_method or ("none" if new.kind in PUBLIC_KINDS else None)
    if method is None and new.profile == "fapi2":
        method = "private_key_jwt"
    for uri in new.redirect_uris:
        check_redirect_uri(uri, new.kind, "redirect_uri")
    _check_lives(new)
    metadata = settle(new.metadata, known, new.profile, new.kind)
    app = App(
        org=org,
        client_id=check_client_id(new.client_id) if new.client_id is not None else new_client_id(),
        name=check_name(new.name),
        kind=new.kind,
        profile=new.profile,
        auth_method=method,
        grant_types=new.grant_types,
        scope=" ".join(parse_scope(new.scope)),
        default_resource=new.default_resource,
        access_ttl=new.access_ttl,
        grant_idle_ttl=new.grant_idle_ttl,
        grant_ttl=new.grant_ttl,
        retry_window=new.retry_window,
        disabled_at=None,
        created_at=now,
        org_disabled_at=None,
        metadata=render_metadata(metadata),
    )
    check_choices(app, metadata)
    return app


def _check_lives(new: NewApp) -> None:
    for field, most in (
        ("access_ttl", MAX_ACCESS_TTL),
        ("grant_idle_ttl", MAX_GRANT_TTL),
        ("grant_ttl", MAX_GRANT_TTL),
    ):
        seconds = getattr(new, field)
        if seconds is not None and not 1 <= seconds <= most:
            raise GatepostError("invalid_request", f"{field} is from 1s to {most // 86_400}d.", field=field)
    if new.retry_window is not None and new.retry_window > MAX_GRANT_TTL:
        raise GatepostError(
            "invalid_request", f"retry_window is at most {MAX_GRANT_TTL // 86_400}d.", field="retry_window"
        )


async def create_secret(instance: Instance, app: App, expires_at: int | None, actor: Actor) -> FreshSecret:
    """Give an app one more secret. Raises `invalid_request`, and as `Actor.check` does."""
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    if app.auth_method in SECRETLESS:
        why = "is a public app: it cannot keep a secret" if app.is_public else "proves who it is with its own key"
        raise GatepostError(
            "invalid_request",
            f"{app.client_id} {why} and has none.",
            fix="make an app of the kind web or service, if it runs where nobody else looks",
        )
    fresh = fresh_secret(instance, expires_at, act)
    if not await instance.store.ask(add_secret(app.org, app.client_id, fresh.record, act)):
        raise missing("app", app.client_id, where=" any more")
    return fresh


def fresh_secret(instance: Instance, expires_at: int | None, act: Act, text: Secret | None = None) -> FreshSecret:
    """A secret that is not kept yet: a new one, or `text` that an app brings from elsewhere."""
    text = text or Secret(render_text(CLIENT_SECRET, os.urandom(32)))
    secret_hash = instance.keyring.hash_secret(text.reveal())
    record = AppSecret(new_id(), secret_hash, instance.keyring.current, text.reveal()[-4:], act.at, expires_at, None)
    return FreshSecret(record, text)


async def secrets_of(instance: Instance, app: App, actor: Actor) -> list[AppSecret]:
    """An app's secrets, oldest first, without those that were lent and are over. Raises as `Actor.check` does."""
    act = actor.check(Deed.APPS_READ, app.org, app)
    found = await instance.store.read(list_secrets(app.org, app.client_id))
    return [each for each in found if not each.was_lent or (each.expires_at or 0) > act.at]


async def drop_secret(instance: Instance, app: App, secret: str, actor: Actor) -> None:
    """Delete one of an app's secrets. Raises `not_found`, and as `Actor.check` does."""
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    raw = parse_id("sec", secret)
    if raw is None or not await instance.store.ask(delete_secret(app.org, app.client_id, raw, act)):
        fix = f"gatepost app secret list {app.client_id}"
        raise missing("sec", secret, where=f" of {app.client_id}", fix=fix)


async def get_app(instance: Instance, client_id: str) -> App:
    """The app with this client_id, whichever organization owns it. Raises `not_found`. For the operator's commands alone."""
    owner = await instance.store.read(find_owner("client_id", client_id))
    app = await instance.store.read(find_app(owner, client_id)) if owner else None
    if app is None:
        raise missing("app", client_id)
    return app


async def change_app(
    instance: Instance,
    app: App,
    changes: dict[str, Any],
    add_uris: tuple[str, ...],
    drop_uris: tuple[str, ...],
    actor: Actor,
) -> App:
    """Change an app's policy (fields of NewApp by name) and redirect URIs, all of it or nothing.

    Raises `invalid_request`, `invalid_scope`; `not_found` for a redirect URI to drop that it does not have; `overtaken` when
    somebody else changed it since `app` was read; `not_allowed` for an app that says itself what it is; and as
    `Actor.check` does.
    """
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    check_trusting(actor, changes.get("metadata") or {})
    check_asking(actor, app)
    if app.is_free:
        raise GatepostError(
            "not_allowed",
            f"{app.name} belongs to no organization, and says itself what it is.",
            fix="disable it, or delete it",
        )
    await instance.store.ask(keep_apps(app.org, (draft_change(app, changes, add_uris, drop_uris),), act))
    return await app_of(instance, app.org, app.client_id, actor)


def draft_change(
    app: App,
    changes: dict[str, Any],
    add_uris: tuple[str, ...],
    drop_uris: tuple[str, ...],
    secret: AppSecret | None = None,
) -> Draft:
    """What would be kept of a changed app. Raises `invalid_request`, `invalid_scope`."""
    unchanged = {
        field: getattr(app, field) for field in NewApp._fields if field in fields_of(App) and field != "metadata"
    }
    new = NewApp(**{**unchanged, **changes, "redirect_uris": add_uris})
    changed = checked_app(app.org, new, app.created_at, parse_metadata(app.metadata))
    changed = replace(changed, created_by=app.created_by, version=app.version, rate_limit=app.rate_limit)
    return Draft(changed, False, 0, add_uris, drop_uris, secret)
