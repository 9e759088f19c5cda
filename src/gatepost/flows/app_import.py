"""Apps brought from elsewhere as client metadata. RFC 7591 §2.

What we do not have is dropped and named; what would be unsafe refuses the whole file, before anything is written.
"""

from typing import Any, NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.apps import FreshSecret, NewApp, change_app, checked_app, create_app, create_secret, get_app
from gatepost.flows.instance import Instance
from gatepost.oauth.client_metadata import AUTH_METHODS, KINDS, PROFILES
from gatepost.records import App
from gatepost.secrets import Secret
from gatepost.store.apps import find_app
from gatepost.store.events import Act
from gatepost.store.orgs import find_owner

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
)
KEYS = ("jwks", "jwks_uri")
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
_KINDS = {"native": "native", "web": "web"}
MAX_SECRET = 512


class Imported(NamedTuple):
    """An app that was made or updated, and its secret if it brought one or was given one."""

    app: App
    secret: Secret | None
    is_new: bool


class _Plan(NamedTuple):
    new: NewApp
    secret: Secret | None
    exists: bool


async def import_apps(
    instance: Instance, org: bytes, entries: Any, *, update: bool, act: Act
) -> tuple[list[Imported], list[str]]:
    """Make or update apps from a list of client metadata; answers them, and what was dropped.

    Raises `invalid_request` for an unsafe or malformed entry, `conflict` for a client_id that exists (an own one may be
    updated, another organization's never). Then nothing was imported.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise GatepostError("invalid_request", "The file is not a JSON array of objects (RFC 7591 client metadata).")
    warnings: list[str] = []
    plans = [await _plan(instance, org, index, entry, update, warnings, act) for index, entry in enumerate(entries)]
    names = [plan.new.client_id for plan in plans if plan.new.client_id]
    if len(names) != len(set(names)):
        raise GatepostError("invalid_request", "A client_id is in the file twice.")
    return [await _carry_out(instance, org, plan, act) for plan in plans], warnings


async def _plan(
    instance: Instance, org: bytes, index: int, entry: dict[str, Any], update: bool, warnings: list[str], act: Act
) -> _Plan:
    name = f"app {index}" + (f" ({entry['client_id']})" if isinstance(entry.get("client_id"), str) else "")
    texts = {field: _text(entry, field, name) for field in _TEXTS}
    lists = {field: _list(entry, field, name) for field in _LISTS}
    warnings += [
        f"{name}: {field} is not supported and was dropped" for field in entry if field not in (*_TEXTS, *_LISTS)
    ]
    if any(field in entry for field in KEYS):
        raise GatepostError(
            "invalid_request", f"{name}: keys of apps are not supported yet, so importing it would weaken it."
        )
    for kept, field in ((GRANT_TYPES, "grant_types"), (("code",), "response_types")):
        warnings += [
            f"{name}: {field} {each} is not supported and was dropped" for each in lists[field] if each not in kept
        ]
    method = texts["token_endpoint_auth_method"]
    if method and method not in AUTH_METHODS:
        raise GatepostError("invalid_request", f"{name}: the authentication method {method} is not supported.")
    grants = tuple(each for each in lists["grant_types"] if each in GRANT_TYPES)
    new = NewApp(
        name=texts["client_name"] or texts["client_id"] or name,
        kind=_kind(texts, grants, lists["redirect_uris"]),
        client_id=texts["client_id"],
        redirect_uris=lists["redirect_uris"],
        scope=texts["scope"] or "",
        profile=texts["profile"] or PROFILES[0],
        auth_method=method,
        grant_types=" ".join(grants),
    )
    _check(org, new, name, texts["client_secret"], act)
    exists = bool(new.client_id) and await _exists(instance, org, new.client_id or "", name, update)
    secret = texts["client_secret"]
    return _Plan(new, Secret(secret) if secret else None, exists)


def _check(org: bytes, new: NewApp, name: str, secret: str | None, act: Act) -> None:
    try:
        app = checked_app(org, new, act.at)
    except GatepostError as error:
        raise GatepostError(error.code, f"{name}: {error.description}") from None
    if secret and (
        app.is_public or not secret.isascii() or not secret.isprintable() or not 16 <= len(secret) <= MAX_SECRET
    ):
        raise GatepostError(
            "invalid_request",
            f"{name}: client_secret must be 16 to {MAX_SECRET} printable ASCII characters, and only for an app that keeps one.",
        )


async def _exists(instance: Instance, org: bytes, client_id: str, name: str, update: bool) -> bool:
    owner = await instance.store.read(find_owner("client_id", client_id))
    if owner not in (None, org):
        raise GatepostError("conflict", f"{name}: the client_id belongs to another organization.")
    exists = await instance.store.read(find_app(org, client_id)) is not None
    if exists and not update:
        raise GatepostError("conflict", f"{name}: this app exists already.", fix="add --update to change it")
    return exists


async def _carry_out(instance: Instance, org: bytes, plan: _Plan, act: Act) -> Imported:
    fresh: FreshSecret | None
    if plan.exists:
        app = await get_app(instance, plan.new.client_id or "")
        changes = {field: getattr(plan.new, field) for field in ("name", "scope", "auth_method", "grant_types")}
        app = await change_app(instance, app, changes, plan.new.redirect_uris, (), act)
        fresh = await create_secret(instance, app, None, act, text=plan.secret) if plan.secret else None
    else:
        app, fresh = await create_app(instance, org, plan.new, act, secret=plan.secret)
    return Imported(app, fresh.text if fresh else None, not plan.exists)


def _kind(texts: dict[str, str | None], grants: tuple[str, ...], redirect_uris: tuple[str, ...]) -> str:
    """The kind that the metadata speaks of."""
    if grants == ("client_credentials",):
        return "service"
    kind = _KINDS.get(texts["application_type"] or "web", "web")
    if texts["token_endpoint_auth_method"] == "none" and kind == "web":
        kind = "spa"
    assert kind in KINDS
    return kind


def _text(entry: dict[str, Any], field: str, name: str) -> str | None:
    value = entry.get(field)
    if value is not None and (not isinstance(value, str) or not value):
        raise GatepostError("invalid_request", f"{name}: {field} must be a text that is not empty.")
    return value


def _list(entry: dict[str, Any], field: str, name: str) -> tuple[str, ...]:
    value = entry.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > 100:
        raise GatepostError("invalid_request", f"{name}: {field} must be a list of at most 100 texts.")
    return tuple(dict.fromkeys(value))
