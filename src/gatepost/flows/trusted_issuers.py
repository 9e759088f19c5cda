"""Identity providers whose word an organization takes for who its members are. RFC 7523."""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.redirects import check_redirect_uri
from gatepost.records import TrustedIssuer
from gatepost.store.trusted_issuers import delete_trusted_issuer, list_trusted_issuers, make_trusted_issuer


async def trust(instance: Instance, org: bytes, issuer: str, jwks_uri: str, actor: Actor) -> TrustedIssuer:
    """Trust an issuer, by the keys at a URL.

    Raises `invalid_request`, `conflict` for one that is trusted already, and as `Actor.check` does.
    """
    act = actor.check(Deed.TRUST_WRITE, org)
    check_redirect_uri(issuer, "web", "issuer")
    check_redirect_uri(jwks_uri, "web", "jwks_uri")
    trusted = TrustedIssuer(issuer, jwks_uri, act.at)
    if not await instance.store.ask(make_trusted_issuer(org, trusted, act)):
        raise GatepostError("conflict", f"{issuer} is trusted already.", fix="delete it first, to change its keys")
    return trusted


async def distrust(instance: Instance, org: bytes, issuer: str, actor: Actor) -> None:
    """Stop trusting an issuer, and forget what it said of who is who. Raises `not_found`, and as `Actor.check` does."""
    act = actor.check(Deed.TRUST_WRITE, org)
    if not await instance.store.ask(delete_trusted_issuer(org, issuer, act)):
        raise GatepostError("not_found", f"{issuer} is not trusted here.", fix="gatepost trusted-issuer list --org ORG")


async def trusted_issuers(instance: Instance, org: bytes, actor: Actor) -> list[TrustedIssuer]:
    """The issuers that an organization trusts, by name. Raises as `Actor.check` does."""
    actor.check(Deed.ORG_READ, org)
    return await instance.store.read(list_trusted_issuers(org))
