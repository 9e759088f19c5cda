"""Who calls: an organization's API key, or an app that has proved who it is. Identity first, then possession, then liveness."""

import hmac

from gatepost.errors import GatepostError, OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import MATRIX, Actor, Deed
from gatepost.light import Light
from gatepost.records import ApiKey, App
from gatepost.secrets import API_KEY, parse_start, render_id
from gatepost.store.keys import find_key
from gatepost.store.question import INSTANCE

DEFAULT_POWERS = ("apps:read", "apps:write", "tokens:issue", "tokens:introspect", "grants:read", "grants:revoke")
"""What a key may do by default: what the four routes and a gateway need."""

POWERS = (
    *DEFAULT_POWERS,
    "users:act",
    *("org:read", "org:write", "people:read", "people:write", "keys:read", "keys:write"),
    *("resources:read", "resources:write", "events:read", "signing:read"),
    *("webhooks:read", "webhooks:write"),
)
INSTANCE_POWERS = ("tokens:introspect", "grants:read", "grants:revoke", "signing:read", "signing:rotate")
"""What a key that belongs to no organization may do: nothing that would need one."""

_NOBODY = ApiKey(INSTANCE, bytes(16), "", "", b"", 0, 0, None, None, None)


class Caller(Light, frozen=True):
    """Who calls: an API key, an app, or a person by a token of their own. The other two are None."""

    org: bytes
    key: ApiKey | None
    app: App | None
    person: Actor | None = None

    @property
    def is_proven(self) -> bool:
        """Whether it proved who it is. A public app has only said so: its name is no secret."""
        return self.app is None or not self.app.is_public

    @property
    def actor(self) -> str:
        """How events name the caller."""
        if self.key:
            return render_id("key", self.key.id)
        if self.person:
            return self.person.actor
        return f"app:{self.app.client_id}" if self.app else ""


async def authenticate_key(instance: Instance, authorization: str | None) -> Caller:
    """The API key behind a Bearer header. Raises `invalid_token`, in one way for every kind of wrong key."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise OAuthError(
            "invalid_token", "Send an organization's API key: Authorization: Bearer gp_key_...", scheme="Bearer"
        )
    facts = await instance.policy.facts()
    key = facts.get(text)
    if key is None:
        key = facts[text] = await _find_key(instance, text)
    if key.revoked_at is not None:
        raise _no_key("revoked")
    if key.expires_at is not None and instance.clock() >= key.expires_at:
        raise _no_key("expired")
    if key.org_disabled_at is not None:
        raise _no_key("its organization is disabled")
    return Caller(key.org, key, None)


async def _find_key(instance: Instance, text: str) -> ApiKey:
    """The API key that this is the whole text of."""
    ids = parse_start(API_KEY, text, 32)
    if ids is None:
        raise _no_key("it is not an API key of ours")
    key = await instance.store.read(find_key(ids[:16], ids[16:])) or _NOBODY
    if not hmac.compare_digest(instance.keyring.hash_secret(text, key.key_version), key.secret_hash):
        raise _no_key("no such key")
    return key


def check_deed(caller: Caller, deed: Deed, app: App | None) -> None:
    """Raises `insufficient_scope` unless the caller may do this: to the app, or with None to one that is to be theirs."""
    person = caller.person
    if person is None:
        check_power(caller, MATRIX[deed].scopes[-1])
    elif not (person.may(deed, app) if app else person.may_own(deed)):
        raise OAuthError("insufficient_scope", f"As {person.role} of this organization you may not {deed.value}.")


def check_power(caller: Caller, power: str) -> None:
    """Raises `insufficient_scope` unless the caller is a key with this power."""
    if caller.key is None or not caller.key.may(power):
        raise OAuthError(
            "insufficient_scope",
            f"An API key with the scope {power} is needed."
            if caller.person
            else f"This API key lacks the scope {power}.",
            scheme=f'Bearer error="insufficient_scope", scope="{power}"',
            scope=power,
        )


def check_in_org(caller: Caller) -> bytes:
    """The caller's organization. Raises `insufficient_scope` for a key that belongs to none."""
    if caller.org == INSTANCE:
        raise OAuthError("insufficient_scope", "This API key serves every organization; use a key of the one you mean.")
    return caller.org


def _no_key(why: str) -> GatepostError:
    return OAuthError(
        "invalid_token",
        "The API key is unknown, expired or revoked.",
        detail=why,
        scheme='Bearer error="invalid_token"',
    )
