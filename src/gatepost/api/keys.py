"""API keys, and the keys that sign access tokens."""

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import Key, Page, SigningKeyDocument
from gatepost.api.rendering import of_key, of_signing_key
from gatepost.flows.api_keys import create_key, end_key, key_of, keys_of
from gatepost.flows.signing import rotate, signing_keys


async def list_keys(call: Call, _: None) -> Page[Key]:
    """List API keys."""
    return Page([of_key(key) for key in await keys_of(call.instance, call.org, call.actor)])


async def make(call: Call, ask: asks.NewKey) -> Key:
    """Make an API key."""
    scopes = None if ask.scopes is None else tuple(ask.scopes)
    fresh = await create_key(call.instance, call.org, ask.name, scopes, call.expiry(ask.expires_at), call.actor)
    return of_key(fresh.record, fresh.text.reveal())


async def show(call: Call, _: None) -> Key:
    """Show an API key."""
    return of_key(await key_of(call.instance, call.org, call.names["key"], call.actor))


async def revoke(call: Call, ask: asks.KeyEnd) -> None:
    """End an API key, and the grants it made."""
    call.check_unchanged(of_key(await key_of(call.instance, call.org, call.names["key"], call.actor)))
    await end_key(call.instance, call.org, call.names["key"], call.actor, keep_grants=ask.keep_grants)


async def list_signing_keys(call: Call, _: None) -> Page[SigningKeyDocument]:
    """List signing keys."""
    max_age = call.instance.tokens.jwks_max_age
    return Page([of_signing_key(each, max_age) for each in await signing_keys(call.instance.store, call.actor)])


async def rotate_signing_keys(call: Call, ask: asks.Rotation) -> Page[SigningKeyDocument]:
    """Activate the next signing key and publish a new one."""
    instance, max_age = call.instance, call.instance.tokens.jwks_max_age
    found = await rotate(instance.store, instance.keyring, call.actor, max_age=max_age, force=ask.force)
    return Page([of_signing_key(each, max_age) for each in found])
