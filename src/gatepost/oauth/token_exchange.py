"""Token exchange: an app acts on in the name of whoever stands in a token, and stands in the new one itself. RFC 8693.

There is delegation only: the new token says whom it is for (`sub`), who acts (`act`), and which tokens it came from (`via`),
so that the end of any of them is its end. It is never for more, nor for longer, than the token it came from.
"""

from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.oauth.access_token import audience, confirmation, limited
from gatepost.oauth.client_metadata import parse_metadata
from gatepost.oauth.narrow import ANY_KEY, Issue, bind, ceiling_of, part_of
from gatepost.oauth.resource import are_equal, check_resource_uri
from gatepost.oauth.scope import parse_scope
from gatepost.rates import Rates, handed_on
from gatepost.records import App, Resource

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"

_INHERITED = ("sub", "org", "gid", "key", "auth_time", "acr")


class ExchangeAsk(NamedTuple):
    """An exchange as it is asked for. `targets` are the APIs that the new token is to be for: `resource`s and `audience`."""

    subject_token: str
    actor_token: str
    scope: str
    targets: tuple[str, ...]


def parse_exchange(fields: dict[str, str], targets: tuple[str, ...]) -> ExchangeAsk:
    """The ask in a form. Raises `invalid_request`. RFC 8693 §2.1."""
    subject_token, actor_token = _token(fields, "subject_token"), _token(fields, "actor_token")
    if not subject_token:
        raise OAuthError("invalid_request", "subject_token is missing.", field="subject_token")
    if fields.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise OAuthError(
            "invalid_request", f"requested_token_type is {ACCESS_TOKEN} or left out.", field="requested_token_type"
        )
    return ExchangeAsk(subject_token, actor_token, fields.get("scope", ""), targets)


def _token(fields: dict[str, str], name: str) -> str:
    """A token and the type that says what it is: both or neither."""
    token, field = fields.get(name, ""), f"{name}_type"
    if bool(token) != (field in fields) or (token and fields[field] not in (ACCESS_TOKEN, JWT)):
        raise OAuthError("invalid_request", f"With {name}, {field} is {ACCESS_TOKEN}; without, neither.", field=field)
    return token


def check_actor(actor: dict[str, Any], app: App, proved: str | None) -> None:
    """Who acts is the app that asks, so an actor token can be its own only. Raises `invalid_request`."""
    if _key_of(actor) not in (None, proved):
        raise refused("the actor_token is bound to another key than the one that was proved")
    if actor["sub"] != app.client_id:
        raise OAuthError(
            "invalid_request", "The actor is the app that asks; leave actor_token out.", field="actor_token"
        )


def check_may_act(app: App, subject: dict[str, Any], registered: list[Resource], proved: str | None) -> None:
    """Whether this app may act on with the token: it got it itself, is an API that it is for, or is named in it.

    Another app's token has to be for this one, or to name it. Only an app that is no API, which nobody could address a
    token to, may act on with any bearer token: an API that took any would be a confused deputy. An app proves the key
    of its own bound token; an API cannot, and saw it proved when it was called. RFC 8693 §4.4, §5.

    Raises `invalid_request`.
    """
    named = subject.get("may_act", {}).get("sub")
    if named not in (None, app.client_id):
        raise refused("another is named who may act")
    if subject["client_id"] == app.client_id:
        if proved and _key_of(subject) not in (None, proved):
            raise refused("it is bound to another key than the one that was proved")
        return
    served = {each.uri for each in registered if each.served_by == app.client_id}
    if named or not served.isdisjoint(_audience(subject)):
        return
    if "cnf" in subject:
        raise refused("it is bound to a key, and this app is not an API that it is for")
    if served or app.profile == "fapi2":
        raise refused("it is not for an API that this app is")


def bind_exchanged(app: App, subject: dict[str, Any], issue: Issue, proved: str | None) -> Issue:
    """The issue, bound to the key that was proved. What comes of a bound token is never a bearer token.

    Raises `invalid_dpop_proof`.
    """
    return bind(app, issue, proved, ANY_KEY if "cnf" in subject else None)


def check_exchange(
    ask: ExchangeAsk, app: App, subject: dict[str, Any], scope: str, registered: list[Resource], depth: int
) -> Issue:
    """What the new token is for. `scope` is what is left today of the subject token's; `depth`, how many apps may act.

    Raises `invalid_request`, `invalid_scope`, `invalid_target`.
    """
    if len(subject.get("via", ())) >= depth:
        raise OAuthError("invalid_request", f"The subject_token went through {depth} apps, and may go no further.")
    return Issue(part_of(parse_scope(scope), ceiling_of(app, registered), ask.scope), _resource(ask, subject))


def _resource(ask: ExchangeAsk, subject: dict[str, Any]) -> str | None:
    held = _audience(subject)
    found = [uri for each in ask.targets for uri in held if are_equal(check_resource_uri(each), uri)]
    if len(found) != len(ask.targets):
        raise OAuthError("invalid_target", "The subject token is not for this API.", detail=f"it is for {held}")
    apis = [uri for uri in dict.fromkeys(found or held) if uri != subject["iss"]]
    return " ".join(apis) or None


def _audience(subject: dict[str, Any]) -> list[str]:
    return [subject["aud"]] if isinstance(subject["aud"], str) else subject["aud"]


def _key_of(claims: dict[str, Any]) -> str | None:
    """The thumbprint of the key that a token is bound to, if it is."""
    key: str | None = claims.get("cnf", {}).get("jkt")
    return key


def render_exchanged_claims(
    app: App, subject: dict[str, Any], rates: Rates | None, issue: Issue, expires_at: int, now: int, jti: bytes
) -> dict[str, Any]:
    """The claims of the new token. `act` is this app, and in it whoever acted before, the latest first. RFC 8693 §4.1.

    One that says it is an agent is told from others there (`sub_profile`, draft-mora-oauth-entity-profiles).
    `via` are the tokens it came from, the latest first, and whose they were; `rates`, what the last one is held to today.
    """
    before = {"act": subject["act"]} if "act" in subject else {}
    kind = {"sub_profile": "ai_agent"} if parse_metadata(app.metadata).agent else {}
    claims = {
        **{name: subject[name] for name in _INHERITED if name in subject},
        "iss": subject["iss"],
        "aud": audience(issue.scope, issue.resource, subject["iss"]),
        "exp": expires_at,
        "iat": now,
        "jti": jti.hex(),
        "client_id": app.client_id,
        "scope": issue.scope,
        "act": {"sub": app.client_id, **kind, **before},
        "via": [{"jti": subject["jti"], "client_id": subject["client_id"]}, *subject.get("via", ())],
        **confirmation(issue.jkt),
    }
    return limited(claims, handed_on(rates, subject["client_id"], app.client_id, app.rates))


def refused(why: str) -> OAuthError:
    """The one refusal of a token, whatever the reason. RFC 8693 §2.2.2."""
    return OAuthError(
        "invalid_request",
        "The subject_token or actor_token is invalid, expired, revoked, or not one that this app may exchange.",
        detail=why,
    )
