"""ID-JAG: an organization's own identity provider says who a person is and what an app may do for them. RFC 7523 §3.

draft-ietf-oauth-identity-assertion-authz-grant §4; MCP "Enterprise-Managed Authorization".
"""

from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.oauth.client_assertion import MAX_AHEAD, Once, check_life, once_of
from gatepost.oauth.foreign_jwt import UnverifiedJwt
from gatepost.oauth.narrow import Issue, ceiling_of, part_of
from gatepost.oauth.resource import are_equal, check_resource_uri, find_resource
from gatepost.oauth.scope import parse_scope
from gatepost.records import App, Resource

PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"

MAX_SUBJECT = 255

_TYPE = "oauth-id-jag+jwt"


class AssertionAsk(NamedTuple):
    """What an app presents, and the part of it that it asks for: all of it, if it asks for no part."""

    assertion: str
    scope: str
    resources: tuple[str, ...]


class IdentityAssertion(NamedTuple):
    """What a good one says. `subject` is the issuer's name for a person, unique there; `email` is empty unless verified.

    `scope` is None when the issuer leaves it to us; `jkt` names the key that the app has to prove, if it is bound to one.
    """

    issuer: str
    subject: str
    email: str
    scope: str | None
    resources: tuple[str, ...]
    once: Once
    jkt: str | None


def check_identity_assertion(jwt: UnverifiedJwt, client_id: str, issuer: str, now: int) -> IdentityAssertion:
    """What a verified assertion says, if it says it now, to us, and for this app. Raises ValueError."""
    claims = jwt.claims
    if jwt.typ != _TYPE:
        raise ValueError(f"its typ is not {_TYPE}")
    if not issuer or claims.get("aud") not in (issuer, [issuer]):
        raise ValueError("aud is not the issuer")
    if claims.get("client_id") != client_id:
        raise ValueError("it is for another app")
    if "authorization_details" in claims:
        raise ValueError("there are no types of authorization_details here")
    life = check_life(claims, MAX_AHEAD, now)
    if life.made_at is None:
        raise ValueError("it has no iat")
    return IdentityAssertion(
        issuer=claims["iss"],
        subject=_subject(claims),
        email=_text(claims, "email") if claims.get("email_verified") is True else "",
        scope=_text(claims, "scope") if "scope" in claims else None,
        resources=_resources(claims),
        once=once_of(claims, claims["iss"], life),
        jkt=_key(claims["cnf"]) if "cnf" in claims else None,
    )


def _subject(claims: dict[str, Any]) -> str:
    """The person's `sub`, below the `tenant` if the issuer has several: neither can hold the line break between them."""
    names = [_text(claims, name) for name in ("tenant", "sub") if name in claims or name == "sub"]
    if not all(0 < len(name) <= MAX_SUBJECT and name.isprintable() for name in names):
        raise ValueError(f"sub or tenant is not a text of 1 to {MAX_SUBJECT} characters")
    return "\n".join(names)


def _resources(claims: dict[str, Any]) -> tuple[str, ...]:
    listed = claims.get("resource", [])
    uris = [listed] if isinstance(listed, str) else listed
    if not isinstance(uris, list) or not all(isinstance(each, str) for each in uris):
        raise ValueError("resource is neither a text nor a list of texts")
    return tuple(uris)


def _key(confirmation: Any) -> str:
    """The thumbprint of the key that it is bound to. RFC 9449 §6.1."""
    if not isinstance(confirmation, dict) or confirmation.keys() != {"jkt"}:
        raise ValueError("cnf is not a jkt, and nothing else is known here")
    return _text(confirmation, "jkt")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value


def check_granted(said: IdentityAssertion, app: App, ask: AssertionAsk, registered: list[Resource]) -> Issue:
    """What the app gets: of what the assertion says and the app may have, the part that is asked for.

    Raises `invalid_scope`, `invalid_target`.
    """
    ceiling = ceiling_of(app, registered)
    held = parse_scope(said.scope) if said.scope is not None else tuple(app.scope.split()) or parse_scope(ask.scope)
    wanted = ask.resources or said.resources or tuple(filter(None, [app.default_resource]))
    for each in ask.resources:
        if said.resources and not any(are_equal(check_resource_uri(each), uri) for uri in said.resources):
            raise OAuthError("invalid_target", "The assertion is not for this resource.")
    found = dict.fromkeys(find_resource(each, registered).uri for each in wanted)
    return Issue(part_of(held, ceiling, ask.scope), " ".join(found) or None)
