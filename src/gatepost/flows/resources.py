"""Resources: the APIs that an organization's tokens are for. RFC 8707."""

from gatepost.errors import GatepostError, OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.resource import check_resource_uri, find_resource
from gatepost.oauth.scope import parse_scope
from gatepost.records import Resource
from gatepost.store.apps import find_app
from gatepost.store.resources import delete_resource, list_resources, make_resource


async def create_resource(
    instance: Instance, org: bytes, uri: str, scopes: str, served_by: str | None, actor: Actor
) -> Resource:
    """Register a resource.

    Raises `invalid_target`, `invalid_scope`, `not_found`, `conflict` for a second spelling, and as `Actor.check` does.
    """
    act = actor.check(Deed.RESOURCES_WRITE, org)
    check_resource_uri(uri)
    if served_by and not await instance.store.read(find_app(org, served_by)):
        raise GatepostError(
            "not_found", f"This organization has no app {served_by}.", fix="gatepost app list --org ORG"
        )
    if await find_spelling(instance, org, uri):
        raise GatepostError("conflict", f"{uri} is registered already, in this spelling or another.")
    resource = Resource(uri, " ".join(parse_scope(scopes)), served_by, act.at)
    if not await instance.store.ask(make_resource(org, resource, act)):
        raise GatepostError("conflict", f"{uri} is registered already.")
    return resource


async def drop_resource(instance: Instance, org: bytes, uri: str, actor: Actor) -> str:
    """Delete a resource, whose registered spelling is answered; grants for it refuse to mint from then on.

    Raises `not_found`, and as `Actor.check` does.
    """
    act = actor.check(Deed.RESOURCES_WRITE, org)
    found = await find_spelling(instance, org, uri)
    if found is None or not await instance.store.ask(delete_resource(org, found.uri, act)):
        raise GatepostError("not_found", f"There is no resource {uri} here.", fix="gatepost resource list --org ORG")
    return found.uri


async def registered_resources(instance: Instance, org: bytes, actor: Actor) -> list[Resource]:
    """All resources of an organization, by URI. Raises as `Actor.check` does."""
    actor.check(Deed.RESOURCES_READ, org)
    return await instance.store.read(list_resources(org))


async def find_spelling(instance: Instance, org: bytes, uri: str) -> Resource | None:
    """The registered resource that this spelling means."""
    try:
        return find_resource(uri, await instance.store.read(list_resources(org)))
    except OAuthError:
        return None


async def get_spelling(instance: Instance, org: bytes, uri: str) -> Resource:
    """The same. Raises `invalid_target`."""
    found = await find_spelling(instance, org, uri)
    if found is None:
        raise GatepostError(
            "invalid_target", f"{uri} is not registered.", fix=f"gatepost resource create {uri} --org ORG"
        )
    return found
