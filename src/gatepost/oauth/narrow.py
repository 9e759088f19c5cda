"""What every grant type passes through: the ask, narrowed to what the app may have.

RFC 6749 §3.3, RFC 8707 §2, RFC 9449 §5.
"""

from gatepost.errors import OAuthError
from gatepost.light import Light, replace
from gatepost.oauth.client_metadata import parse_metadata
from gatepost.oauth.resource import are_equal, check_resource_uri, find_resource
from gatepost.oauth.scope import OFFLINE_ACCESS, STANDARD, check_ceiling, lowered, parse_scope
from gatepost.records import App, Resource

ANY_KEY = "*"
"""Stands for a key in a grant whose refreshes need a proof, but of any key: its app proves in another way who it is."""


class Issue(Light, frozen=True):
    """What will be granted. `resource` are the registered spellings, separated by spaces; None is the issuer itself.

    `jkt` is the thumbprint of the key that its tokens are bound to; None for bearer tokens.
    """

    scope: str
    resource: str | None
    jkt: str | None = None


def needs_resources(app: App, scope: str | None, resources: tuple[str, ...]) -> bool:
    """Whether this ask cannot be narrowed without knowing the organization's resources."""
    return bool(resources or app.default_resource or (scope and not app.scope))


def narrow(app: App, scope: str | None, asked: tuple[str, ...], registered: list[Resource]) -> Issue:
    """The scope and resource to grant. Raises `invalid_scope`, `invalid_target`.

    An app without scopes of its own may ask for any that the organization's resources define, and gets none unasked.
    """
    granted = " ".join(check_ceiling(parse_scope(scope), ceiling_of(app, registered))) if scope else app.scope
    wanted = asked or ((app.default_resource,) if app.default_resource else ())
    found = dict.fromkeys(find_resource(each, registered).uri for each in wanted)
    return Issue(granted, " ".join(found) or None)


def ceiling_of(app: App, registered: list[Resource]) -> tuple[str, ...]:
    """The scopes that an app may have at most."""
    return tuple(app.scope.split()) or (*STANDARD, *(token for each in registered for token in each.scopes.split()))


def part_of(held: tuple[str, ...], ceiling: tuple[str, ...], scope: str) -> str:
    """The part of what is held that an app may have and asks for; all that it may have, if it asks for none.

    For tokens that come without a refresh token, so never with `offline_access`. Raises `invalid_scope`.
    """
    allowed = [token for token in held if token in ceiling and token != OFFLINE_ACCESS]
    asked = parse_scope(scope)
    over = [token for token in asked if token not in allowed]
    if over:
        raise OAuthError("invalid_scope", f"The app, or what it presents, does not have: {' '.join(over)}.")
    if held and not allowed:
        raise OAuthError("invalid_scope", "The app may have nothing of what it presents.")
    return " ".join(asked or allowed)


def within_grant(granted: Issue, ceiling: str, scope: str | None, resources: tuple[str, ...]) -> Issue:
    """The part of a grant that a token request asks for; all of it, if it asks for no part.

    What the app may not have today (`ceiling`) is left out when the token is minted; it is refused if nothing else is asked for.
    Raises `invalid_scope`, `invalid_target`. RFC 6749 §6, RFC 8707 §2.2.
    """
    if not scope and not resources:
        return granted
    asked = parse_scope(scope or "")
    over = [token for token in asked if token not in granted.scope.split(" ")]
    if over:
        raise OAuthError("invalid_scope", f"The grant does not have: {' '.join(over)}.")
    wanted = " ".join(asked)
    if wanted and not lowered(wanted, ceiling):
        raise OAuthError("invalid_scope", f"This app may not have any more: {wanted}.")
    known = (granted.resource or "").split()
    found = [uri for each in resources for uri in known if are_equal(check_resource_uri(each), uri)]
    if len(found) != len(resources):
        raise OAuthError("invalid_target", "The grant is not for this resource.", detail=f"it is for {known}")
    return Issue(wanted or granted.scope, " ".join(dict.fromkeys(found)) or granted.resource)


def needs_key(app: App) -> bool:
    """Whether all tokens of this app are bound to a key. RFC 9449 §5.2, FAPI 2.0 Security Profile §5.3.2.1."""
    return app.profile == "fapi2" or parse_metadata(app.metadata).dpop_bound_access_tokens


def bind(app: App, issue: Issue, proved: str | None, key: str | None = None) -> Issue:
    """The issue, bound to the key that was proved, if one was; `key` is the one it has to be, or ANY_KEY.

    Raises `invalid_dpop_proof` when there has to be a proof, `invalid_grant` when it is of another key. RFC 9449 §5, §10.
    """
    if proved is None and (key or needs_key(app)):
        raise OAuthError(
            "invalid_dpop_proof", "These tokens are bound to a key: send /token a proof that you have it (RFC 9449)."
        )
    if key not in (None, ANY_KEY, proved):
        raise OAuthError("invalid_grant", "It is bound to another key than the proof's.", detail="another key proves")
    return issue if issue.jkt == proved else replace(issue, jkt=proved)


def key_to_keep(app: App, proved: str | None) -> str | None:
    """The key that refreshes of a new grant have to be proved with.

    None where none was proved: what `bind` has let through needs none. A public app has nothing else to prove itself with.
    Another may change its keys from one refresh to the next.
    """
    if proved is None or app.is_public:
        return proved
    return ANY_KEY if needs_key(app) else None
