"""API keys of organizations: made and shown once, listed, revoked."""

import os
from functools import partial
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.callers import DEFAULT_POWERS, INSTANCE_POWERS, POWERS
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.missing import get_by_id, missing
from gatepost.flows.organizations import every_org
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.client_metadata import check_name
from gatepost.records import ApiKey
from gatepost.secrets import API_KEY, Secret, new_id, parse_id, render_text
from gatepost.store.keys import find_key, list_keys, make_key
from gatepost.store.question import INSTANCE
from gatepost.store.revocations import revoke_key


class FreshKey(NamedTuple):
    """A key just made, with the text that is shown once and never again."""

    record: ApiKey
    text: Secret


async def create_key(
    instance: Instance, org: bytes, name: str, scopes: tuple[str, ...] | None, expires_at: int | None, actor: Actor
) -> FreshKey:
    """Make an API key. `scopes` None gives the usual ones. `org` INSTANCE makes a key that serves every organization.

    Raises `invalid_scope` for a scope that such a key cannot have, `not_allowed` for more than the actor may do, and as
    `Actor.check` does.
    """
    act = actor.check(Deed.KEYS_WRITE, org)
    possible = INSTANCE_POWERS if org == INSTANCE else POWERS
    chosen = scopes if scopes is not None else tuple(power for power in DEFAULT_POWERS if power in possible)
    unknown = [scope for scope in chosen if scope not in possible]
    if unknown or not chosen:
        raise GatepostError(
            "invalid_scope",
            f"An API key cannot have: {' '.join(unknown) or 'no scope at all'}.",
            fix=f"choose from {' '.join(possible)}",
        )
    over = [scope for scope in chosen if not actor.may_give(scope)]
    if over:
        raise GatepostError("not_allowed", f"You may not give a key more than you may do: {' '.join(over)}.")
    key_id = new_id()
    text = Secret(render_text(API_KEY, org + key_id + os.urandom(32)))
    record = ApiKey(
        org=org,
        id=key_id,
        name=check_name(name),
        scopes=" ".join(dict.fromkeys(chosen)),
        secret_hash=instance.keyring.hash_secret(text.reveal()),
        key_version=instance.keyring.current,
        created_at=act.at,
        expires_at=expires_at,
        revoked_at=None,
        org_disabled_at=None,
    )
    await instance.store.ask(make_key(record, fresh_epoch(), act))
    return FreshKey(record, text)


async def keys_of(instance: Instance, org: bytes, actor: Actor) -> list[ApiKey]:
    """An organization's API keys, oldest first, revoked ones too. Raises as `Actor.check` does."""
    actor.check(Deed.KEYS_READ, org)
    return await instance.store.read(list_keys(org))


async def key_of(instance: Instance, org: bytes, key: str, actor: Actor) -> ApiKey:
    """One API key of an organization, revoked or not. Raises `not_found`, and as `Actor.check` does."""
    actor.check(Deed.KEYS_READ, org)
    return await get_by_id(instance.store, partial(find_key, org), "key", key)


async def find_key_anywhere(instance: Instance, key: str) -> bytes:
    """The organization of the key with this id. Raises `not_found`. For the operator's commands alone."""
    raw = parse_id("key", key)
    for org in (INSTANCE, *(each.id for each in await every_org(instance))):
        found = await instance.store.read(find_key(org, raw)) if raw else None
        if found:
            return org
    raise missing("key", key)


async def every_key(instance: Instance) -> list[ApiKey]:
    """The API keys of all organizations, after those that serve every one. For the operator's commands alone."""
    orgs = (INSTANCE, *(org.id for org in await every_org(instance)))
    return [key for org in orgs for key in await instance.store.read(list_keys(org))]


async def end_key(instance: Instance, org: bytes, key: str, actor: Actor, *, keep_grants: bool) -> None:
    """Revoke a key and, unless kept, the grants it made.

    Raises `not_found` when there is no live one with this id, and as `Actor.check` does.
    """
    act = actor.check(Deed.KEYS_WRITE, org)
    raw = parse_id("key", key)
    if raw is None or not await instance.store.ask(revoke_key(org, raw, act, keep_grants=keep_grants)):
        raise missing("key", key, what="live API key")
