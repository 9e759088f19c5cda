"""Who acts, as they are now: an API key, or a person in one of their organizations."""

from gatepost.errors import GatepostError
from gatepost.flows.bearer import Presented, accept, check_scopes, refused
from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.roles import Actor
from gatepost.oauth.consent import ADMIN
from gatepost.secrets import API_KEY, Secret, render_id
from gatepost.store.events import Act
from gatepost.store.orgs import find_org
from gatepost.store.people import find_member


async def authenticate(
    instance: Instance, verified: VerifiedTokens, authorization: str | None, address: str | None
) -> Actor:
    """Who calls with this Bearer header: an API key, or a person by an access token of their own with the scope gatepost.

    Raises `invalid_token`, `insufficient_scope`.
    """
    _, _, text = (authorization or "").partition(" ")
    if not text or text.startswith(API_KEY):
        key = (await authenticate_key(instance, authorization)).key
        assert key is not None
        act = Act(instance.clock(), render_id("key", key.id), address)
        return Actor(act, key.org, scopes=frozenset(key.scopes.split()))
    return await _person_of(instance, verified, authorization or "", address)


async def _person_of(instance: Instance, verified: VerifiedTokens, authorization: str, address: str | None) -> Actor:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise refused("it is not a Bearer token")
    accepted = await accept(instance, verified, Presented(Secret(token)), instance.issuer)
    grant = accepted.grant
    # What a key got in somebody's name, or an app by exchange, must not give them the power of an owner.
    if grant is None or grant.user_id is None or grant.key_id is not None or "act" in accepted.claims:
        raise refused("no person gave it")
    check_scopes(accepted, frozenset((ADMIN,)))
    try:
        return await person(instance, grant.org, grant.user_id, address)
    except GatepostError as error:
        raise refused(error.description) from None


async def person(instance: Instance, org: bytes, user_id: bytes, address: str | None) -> Actor:
    """A person as they may act in an organization now, with the role that they have there now.

    Raises `not_found` where they are no member, or the organization or they are disabled: to them it is not there.
    """
    member = await instance.store.read(find_member(org, user_id))
    place = await instance.store.read(find_org(org))
    if member is None or place is None or member.disabled_at is not None or place.disabled_at is not None:
        raise GatepostError("not_found", "There is no such organization here.")
    act = Act(instance.clock(), render_id("usr", user_id), address)
    return Actor(act, org, member.role, user_id)
