"""Apps brought from elsewhere as client metadata. RFC 7591 §2.

What we do not have is dropped and named; what would be unsafe refuses the whole file, before anything is written. The
whole file is then written in one transaction.
"""

import hmac
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError
from gatepost.flows.apps import FreshSecret, NewApp, draft_app, draft_change, fresh_secret
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.jose import ALGORITHMS
from gatepost.oauth.client_keys import check_client_keys
from gatepost.oauth.client_metadata import AUTH_METHODS, DEVICE_CODE, PROFILES, SECRETLESS, SUPPORTED_GRANTS
from gatepost.oauth.foreign_jwt import KEY_OF
from gatepost.oauth.newcomers import OPTIONAL
from gatepost.records import App
from gatepost.secrets import Secret
from gatepost.store.apps import Draft, find_app, keep_apps, list_redirect_uris, list_secrets
from gatepost.store.events import Act
from gatepost.store.orgs import find_owner

_TEXTS = (
    "client_id",
    "client_secret",
    "client_name",
    "scope",
    "token_endpoint_auth_method",
    "application_type",
    "profile",
)
_LISTS = ("redirect_uris", "grant_types", "response_types")
_METADATA: dict[str, type] = {
    **OPTIONAL,
    "jwks": dict,
    "jwks_uri": str,
    "sector_identifier": str,
    "first_party": bool,
    "skip_consent": bool,
    "open_to_others": bool,
    "optional_scope": str,
}
"""The members that are kept as they are, by the type of JSON they have: what an app may say of itself, its keys, and more.

The last five are ours, and are for whoever looks after the app to say.
"""

_OURS = {
    "id_token_signed_response_alg": ALGORITHMS,
    "userinfo_signed_response_alg": ALGORITHMS,
    "token_endpoint_auth_signing_alg": tuple(KEY_OF),
}
"""The values that we support of them; others are dropped."""

_FIELDS = {
    "client_name": "name",
    "scope": "scope",
    "token_endpoint_auth_method": "auth_method",
    "grant_types": "grant_types",
    "profile": "profile",
}
"""The members that an update changes, by the field of an app they are kept in."""

MIN_SECRET = 8
MAX_SECRET = 512


class Imported(NamedTuple):
    """An app that was made or updated, and its secret if it brought one or was given one."""

    app: App
    secret: Secret | None
    is_new: bool


Planned: TypeAlias = tuple[Draft, FreshSecret | None]
"""An app as it would be kept, and the secret that it would have then."""


class _Entry(NamedTuple):
    """One entry of the file, read: what messages call it, and its members of the right shape."""

    label: str
    texts: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    metadata: dict[str, Any]

    @property
    def client_id(self) -> str | None:
        return self.texts.get("client_id")

    @property
    def secret(self) -> Secret | None:
        text = self.texts.get("client_secret")
        return Secret(text) if text else None


async def import_apps(
    instance: Instance, org: bytes, entries: Any, *, update: bool, actor: Actor
) -> tuple[list[Imported], list[str]]:
    """Make or update apps from a list of client metadata; answers them, and what was dropped.

    An update changes what the file names and leaves the rest. Raises `invalid_request` for an unsafe or malformed entry,
    `conflict` for a client_id that exists (an own one may be updated, another organization's never). Then nothing was
    imported.
    """
    planned, warnings = await plan_apps(instance, org, entries, update=update, actor=actor)
    await keep_planned(instance, org, planned, actor.act)
    return [Imported(draft.app, fresh.text if fresh else None, draft.is_new) for draft, fresh in planned], warnings


async def plan_apps(
    instance: Instance, org: bytes, entries: Any, *, update: bool, actor: Actor
) -> tuple[list[Planned], list[str]]:
    """What `import_apps` would keep, and what it would drop; raises as it does, and writes nothing."""
    actor.check(Deed.APPS_WRITE, org)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise GatepostError("invalid_request", "The file is not a JSON array of objects (RFC 7591 client metadata).")
    warnings: list[str] = []
    read = [_read(index, entry, warnings) for index, entry in enumerate(entries)]
    names = [entry.client_id for entry in read if entry.client_id]
    if len(names) != len(set(names)):
        raise GatepostError("invalid_request", "A client_id is in the file twice.")
    return [await _plan(instance, org, entry, update, warnings, actor) for entry in read], warnings


async def keep_planned(instance: Instance, org: bytes, planned: list[Planned], act: Act) -> None:
    """Keep what was planned, all of it or nothing. Raises `conflict` when a client_id was taken meanwhile."""
    await instance.store.ask(keep_apps(org, tuple(draft for draft, _ in planned), act))


def _read(index: int, content: dict[str, Any], warnings: list[str]) -> _Entry:
    label = f"app {index}" + (f" ({content['client_id']})" if isinstance(content.get("client_id"), str) else "")
    try:
        check_client_keys(content.get("jwks"), content.get("jwks_uri"))
    except GatepostError as error:
        raise _labelled(error, label) from None
    texts = {field: _text(content[field], field, label) for field in _TEXTS if content.get(field) is not None}
    lists = {field: _list(content[field], field, label) for field in _LISTS if content.get(field) is not None}
    metadata = {field: _value(content[field], field, label) for field in _METADATA if content.get(field) is not None}
    dropped = [field for field in content if field not in (*_TEXTS, *_LISTS, *_METADATA)]
    for field, supported in _OURS.items():
        if field in metadata and metadata[field] not in supported:
            dropped.append(f"{field} {metadata.pop(field)}")
    for kept, field in ((SUPPORTED_GRANTS, "grant_types"), (("code",), "response_types")):
        dropped += [f"{field} {each}" for each in lists.get(field, ()) if each not in kept]
    warnings += [f"{label}: {each} is not supported and was dropped" for each in dropped]
    if "grant_types" in lists:
        lists["grant_types"] = tuple(each for each in lists["grant_types"] if each in SUPPORTED_GRANTS)
    method = texts.get("token_endpoint_auth_method")
    if method and method not in AUTH_METHODS:
        raise GatepostError("invalid_request", f"{label}: the authentication method {method} is not supported.")
    return _Entry(label, texts, lists, metadata)


async def _plan(
    instance: Instance, org: bytes, entry: _Entry, update: bool, warnings: list[str], actor: Actor
) -> tuple[Draft, FreshSecret | None]:
    existing = await _find_existing(instance, org, entry, update)
    try:
        if existing is None:
            draft, fresh = draft_app(instance, org, _new_app(entry), actor, entry.secret)
        else:
            draft, fresh = await _plan_update(instance, existing, entry, warnings, actor.act)
    except GatepostError as error:
        raise _labelled(error, entry.label) from None
    _check_secret(draft.app, entry)
    return draft, fresh


def _labelled(error: GatepostError, label: str) -> GatepostError:
    return GatepostError(error.code, f"{label}: {error.description}", fix=error.fix)


def _new_app(entry: _Entry) -> NewApp:
    return NewApp(
        name=entry.texts.get("client_name") or entry.client_id or entry.label,
        kind=_kind(entry),
        client_id=entry.client_id,
        redirect_uris=entry.lists.get("redirect_uris", ()),
        scope=entry.texts.get("scope", ""),
        profile=entry.texts.get("profile", PROFILES[0]),
        auth_method=entry.texts.get("token_endpoint_auth_method"),
        grant_types=" ".join(entry.lists.get("grant_types", ())),
        metadata=entry.metadata,
    )


async def _plan_update(
    instance: Instance, app: App, entry: _Entry, warnings: list[str], act: Act
) -> tuple[Draft, FreshSecret | None]:
    members = {**entry.texts, **{name: " ".join(values) for name, values in entry.lists.items()}}
    changes: dict[str, Any] = {field: members[member] for member, field in _FIELDS.items() if member in members}
    changes["metadata"] = entry.metadata
    if entry.texts.get("application_type", app.kind) != app.kind:
        warnings.append(f"{entry.label}: application_type is fixed when an app is made; it stays {app.kind}")
    registered = await instance.store.read(list_redirect_uris(app.org, app.client_id))
    wanted = entry.lists.get("redirect_uris", tuple(registered))
    added = tuple(uri for uri in wanted if uri not in registered)
    dropped = tuple(uri for uri in registered if uri not in wanted)
    is_known = entry.secret is None or await _has_secret(instance, app, entry.secret)
    fresh = None if is_known else fresh_secret(instance, None, act, entry.secret)
    return draft_change(app, changes, added, dropped, fresh.record if fresh else None), fresh


async def _has_secret(instance: Instance, app: App, secret: Secret) -> bool:
    secrets = await instance.store.read(list_secrets(app.org, app.client_id))
    return any(
        hmac.compare_digest(instance.keyring.hash_secret(secret.reveal(), each.key_version), each.secret_hash)
        for each in secrets
    )


async def _find_existing(instance: Instance, org: bytes, entry: _Entry, update: bool) -> App | None:
    if entry.client_id is None:
        return None
    owner = await instance.store.read(find_owner("client_id", entry.client_id))
    if owner not in (None, org):
        raise GatepostError("conflict", f"{entry.label}: the client_id belongs to another organization.")
    app = await instance.store.read(find_app(org, entry.client_id))
    if app and not update:
        raise GatepostError("conflict", f"{entry.label}: this app exists already.", fix="add --update to change it")
    return app


def _check_secret(app: App, entry: _Entry) -> None:
    secret = entry.texts.get("client_secret")
    if secret is None:
        return
    if app.auth_method in SECRETLESS:
        raise GatepostError("invalid_request", f"{entry.label}: an app of this method has no client_secret.")
    if not secret.isascii() or not secret.isprintable() or not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise GatepostError(
            "invalid_request",
            f"{entry.label}: client_secret must be {MIN_SECRET} to {MAX_SECRET} printable ASCII characters.",
        )


def _kind(entry: _Entry) -> str:
    """The kind that the metadata speaks of."""
    grants = set(entry.lists.get("grant_types", ()))
    is_public = entry.texts.get("token_endpoint_auth_method") == "none"
    if grants == {"client_credentials"}:
        return "service"
    if entry.texts.get("application_type") == "native":
        return "native"
    if is_public and DEVICE_CODE in grants and "authorization_code" not in grants:
        return "device"
    return "spa" if is_public else "web"


def _value(value: Any, field: str, label: str) -> Any:
    """A member of the metadata, if it has the right type. JSON's true is no number."""
    wanted = _METADATA[field]
    if wanted is list:
        return _list(value, field, label)
    if type(value) is not wanted or value == "":
        raise GatepostError("invalid_request", f"{label}: {field} is empty, or not of its type.")
    return value


def _text(value: Any, field: str, label: str) -> str:
    if not isinstance(value, str) or not value:
        raise GatepostError("invalid_request", f"{label}: {field} must be a text that is not empty.")
    return value


def _list(value: Any, field: str, label: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > 100:
        raise GatepostError("invalid_request", f"{label}: {field} must be a list of at most 100 texts.")
    return tuple(dict.fromkeys(value))
