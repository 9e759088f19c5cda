"""An organization's auth_token and its saved clients: the first two routes of the seed."""

import secrets
import string
from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.apps import NewApp, check_asking, checked_app, new_client_id
from gatepost.flows.callers import Caller, check_deed, check_in_org
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.roles import Deed
from gatepost.light import replace
from gatepost.oauth.redirects import check_redirect_uri
from gatepost.store.apps import Taken, find_app, save_pair
from gatepost.store.events import Act
from gatepost.store.orgs import find_org, give_auth_token

AUTH_TOKEN_LENGTH = 14

_TRIES = 5
"""How many fresh auth_tokens are tried: that one is taken is less likely than 1 in 10^20."""

_ALPHABET = string.ascii_letters + string.digits


class SavedClient(NamedTuple):
    """A saved client as the seed's second route answers it. `changed` is False when all was there already."""

    client_id: str
    redirect_uri: str
    name: str
    auth_token: str
    is_new: bool
    changed: bool


async def get_auth_token(instance: Instance, org: bytes, act: Act) -> str:
    """The organization's auth_token, made on the first call. An identifier: it opens nothing."""
    known = await instance.store.read(find_org(org))
    if known and known.auth_token:
        return known.auth_token
    for _ in range(_TRIES):
        candidate = "".join(secrets.choice(_ALPHABET) for _ in range(AUTH_TOKEN_LENGTH))
        token = await instance.store.ask(give_auth_token(org, candidate, act))
        if token is not None:
            return token
    raise OAuthError(
        "server_error", "No auth_token could be made.", detail="every candidate was another organization's"
    )


async def save_client(
    instance: Instance, caller: Caller, client_id: str | None, redirect_uri: str, name: str | None, address: str
) -> SavedClient:
    """Save the pair for the organization, making the app if it is new.

    Raises `insufficient_scope`, `invalid_request`, and `conflict` when the client_id is another organization's.
    """
    org = check_in_org(caller)
    known = await instance.store.read(find_app(org, client_id)) if client_id and caller.person else None
    check_deed(caller, Deed.APPS_WRITE, known)
    if known and caller.person:
        check_asking(caller.person, known)
    act = Act(instance.clock(), caller.actor, address)
    client_id = client_id or new_client_id()
    app = checked_app(org, NewApp(name or client_id, client_id=client_id), act.at)
    app = replace(app, created_by=caller.person.user_id if caller.person else None)
    check_redirect_uri(redirect_uri)
    # Whose it is was looked at only if it was there. If it comes to be meanwhile, look again.
    only_new = caller.person is not None and known is None
    saved = await instance.store.ask(save_pair(app, redirect_uri, fresh_epoch(), act, only_new=only_new))
    if isinstance(saved, Taken):
        raise OAuthError("conflict", "This client_id belongs to another organization. Choose another, or send none.")
    if only_new and not saved.app_is_new:
        return await save_client(instance, caller, client_id, redirect_uri, name, address)
    kept = await instance.store.read(find_app(org, client_id)) or app
    token = await get_auth_token(instance, org, act)
    return SavedClient(
        client_id, redirect_uri, kept.name, token, saved.app_is_new, changed=saved.app_is_new or saved.uri_is_new
    )
