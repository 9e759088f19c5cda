"""The authorization request: from its parameters to what a person is asked. OAuth 2.1 §4.1.1, OIDC Core §3.1.2, RFC 9207.

# Nothing redirects before client and redirect URI are known good

A request passes three types, and each can do only what it has proved. An `AuthorizeAsk` is parameters, as somebody sent
them. `verify_redirect` turns it into a `VerifiedAsk`, the only one that knows where to send an answer; whatever is wrong
before that is shown to the person on a page of ours, because the address in the request may be an attacker's. From there
on every refusal goes back to the app with its `state` and our `iss`. `check` runs the table below, top to bottom, and
gives an `Asked`: what this app may be granted, in terms that need no more judging.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from gatepost.errors import OAuthError
from gatepost.oauth.claims import CLAIMS_OF_SCOPE
from gatepost.oauth.client_metadata import ClientMetadata, grant_types_of
from gatepost.oauth.form import parse_repeatable, take_resources
from gatepost.oauth.narrow import ceiling_of, narrow
from gatepost.oauth.pkce import check_challenge
from gatepost.oauth.redirects import is_registered
from gatepost.oauth.resource import check_resource_uri
from gatepost.oauth.scope import OPENID, parse_scope
from gatepost.records import App, Resource

PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES = ("query", "form_post")
RESPONSE_TYPE = "code"

HELD_CLAIMS = ("sub", "acr")
"""Claims that say who signs in, and how. One that cannot be read must not pass for one that nobody asked for."""

_MAX_TEXT = 2048
_MAX_AGE = re.compile(r"[0-9]{1,9}")


class AuthorizeAsk(NamedTuple):
    """The parameters of an authorization request; nothing of them is checked. `repeated` were sent more than once."""

    fields: dict[str, str]
    repeated: frozenset[str]
    resources: tuple[str, ...]


class VerifiedAsk(NamedTuple):
    """A request whose app and redirect URI are known good: only this may redirect."""

    app: App
    metadata: ClientMetadata
    redirect_uri: str
    response_mode: str
    state: str | None
    ask: AuthorizeAsk


class Asked(NamedTuple):
    """What is asked of a person, checked. `max_age` is None without a limit."""

    scope: str
    resource: str | None
    challenge: str | None
    nonce: str | None
    prompt: tuple[str, ...]
    max_age: int | None
    login_hint: str | None
    id_token_hint: str | None
    acr_values: tuple[str, ...]
    claims: dict[str, Any]
    ui_locales: str | None
    dpop_jkt: str | None

    def is_about(self, subject: str) -> bool:
        """Whether the ID token may be about this person, as the app knows them. OIDC Core §3.1.2.2, §5.5.1."""
        claim = self.claims.get("id_token", {}).get("sub") or {}
        return not claim.keys() & {"value", "values"} or subject in values_of(claim)


def values_of(claim: dict[str, Any]) -> list[str]:
    """The values that a claim is asked for with. OIDC Core §5.5.1."""
    values: list[str] = claim.get("values", [claim["value"]] if "value" in claim else [])
    return values


def parse_authorize(query: bytes) -> AuthorizeAsk:
    """Shape only. Raises `invalid_request` for what is no query at all."""
    fields, repeated = parse_repeatable(query)
    resources = take_resources(fields, repeated)
    return AuthorizeAsk(fields, frozenset(repeated), resources)


def verify_redirect(ask: AuthorizeAsk, app: App, metadata: ClientMetadata, registered: tuple[str, ...]) -> VerifiedAsk:
    """The request with a place to answer it. Raises `redirect_uri_mismatch`, which is shown on a page of ours."""
    redirect_uri = ask.fields.get("redirect_uri")
    if redirect_uri is None:
        why = "sent twice" if "redirect_uri" in ask.repeated else "missing"
        raise OAuthError("redirect_uri_mismatch", f"redirect_uri is {why}.")
    if not is_registered(redirect_uri, registered, app.kind):
        raise OAuthError("redirect_uri_mismatch", "The redirect_uri is not registered for this app.")
    mode = ask.fields.get("response_mode", RESPONSE_MODES[0])
    known_mode = mode if mode in RESPONSE_MODES else RESPONSE_MODES[0]
    state = ask.fields.get("state")
    # One that is refused for its length does not come back: what is reflected is bounded.
    state = None if state and len(state) > _MAX_TEXT else state
    return VerifiedAsk(app, metadata, redirect_uri, known_mode, state, ask)


def check(verified: VerifiedAsk, resources: list[Resource]) -> Asked:
    """What is asked, if this app may ask it. Raises a code of OAuth 2.1 §4.1.2.1 or OIDC Core §3.1.2.6."""
    for refuse in REFUSALS:
        refuse(verified)
    scope, resource = _narrowed(verified, resources)
    fields = {field: read(verified) for field, read in FIELDS.items()}
    return Asked(_with_named(verified.app, scope, fields["claims"], resources), resource, **fields)


def _refuse_repeated(verified: VerifiedAsk) -> None:
    if verified.ask.repeated:
        names = " ".join(sorted(verified.ask.repeated))
        raise OAuthError("invalid_request", f"Sent more than once: {_shown(names)}.")


def _refuse_long_state(verified: VerifiedAsk) -> None:
    if len(verified.ask.fields.get("state", "")) > _MAX_TEXT:
        raise OAuthError("invalid_request", f"state is longer than {_MAX_TEXT:,} characters.")


def _refuse_request_objects(verified: VerifiedAsk) -> None:
    if "request" in verified.ask.fields:
        raise OAuthError("request_not_supported", "This server does not take request objects; use /par.")
    if "request_uri" in verified.ask.fields:
        raise OAuthError("request_uri_not_supported", "This server takes no request_uri but its own, from /par.")


def _refuse_unknown_response(verified: VerifiedAsk) -> None:
    fields = verified.ask.fields
    response_type = fields.get("response_type")
    if response_type is None:
        raise OAuthError("invalid_request", "response_type is missing; it is code.")
    if response_type != RESPONSE_TYPE:
        raise OAuthError("unsupported_response_type", "The only response_type is code.")
    if fields.get("response_mode", verified.response_mode) != verified.response_mode:
        raise OAuthError("invalid_request", f"response_mode is one of: {' '.join(RESPONSE_MODES)}.")


def _refuse_other_grants(verified: VerifiedAsk) -> None:
    if "authorization_code" not in grant_types_of(verified.app):
        raise OAuthError("unauthorized_client", "This app is not registered for the authorization code flow.")


def _refuse_details(verified: VerifiedAsk) -> None:
    if "authorization_details" in verified.ask.fields:
        raise OAuthError("invalid_authorization_details", "This server has no types of authorization_details.")


REFUSALS: tuple[Callable[[VerifiedAsk], None], ...] = (
    _refuse_repeated,
    _refuse_long_state,
    _refuse_request_objects,
    _refuse_unknown_response,
    _refuse_other_grants,
    _refuse_details,
)


def _narrowed(verified: VerifiedAsk, resources: list[Resource]) -> tuple[str, str | None]:
    if verified.app.is_free:
        # The workspace says which APIs there are, and the person has yet to choose it.
        asked = dict.fromkeys(map(check_resource_uri, verified.ask.resources))
        return " ".join(parse_scope(verified.ask.fields.get("scope", ""))), " ".join(asked) or None
    issue = narrow(verified.app, verified.ask.fields.get("scope"), verified.ask.resources, resources)
    return issue.scope, issue.resource


def _with_named(app: App, scope: str, claims: dict[str, Any], resources: list[Resource]) -> str:
    """The scope, with the scopes of claims that are asked for by name, if the app may have them. OIDC Core §5.4, §5.5.

    A claim counts as its scope, because scopes are what a person is shown, what an organization approves, and what an app
    may have at most.
    """
    granted = scope.split()
    if OPENID not in granted:
        return scope
    named = {claim for member in claims.values() for claim in member}
    asked = (token for token, members in CLAIMS_OF_SCOPE.items() if not named.isdisjoint(members))
    return " ".join(dict.fromkeys((*granted, *(token for token in asked if token in ceiling_of(app, resources)))))


def _challenge(verified: VerifiedAsk) -> str | None:
    fields = verified.ask.fields
    required = verified.app.is_public or verified.app.profile != "oidc"
    return check_challenge(fields.get("code_challenge"), fields.get("code_challenge_method"), required=required)


def _prompt(verified: VerifiedAsk) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys(verified.ask.fields.get("prompt", "").split()))
    if not set(prompts) <= set(PROMPTS):
        raise OAuthError("invalid_request", f"prompt is of: {' '.join(PROMPTS)}.")
    if "none" in prompts and len(prompts) > 1:
        raise OAuthError("invalid_request", "prompt=none stands alone.")
    return prompts


def _max_age(verified: VerifiedAsk) -> int | None:
    text = verified.ask.fields.get("max_age")
    if text is None:
        return verified.metadata.default_max_age
    if not _MAX_AGE.fullmatch(text):
        raise OAuthError("invalid_request", "max_age is a whole number of seconds, of at most nine digits.")
    return int(text)


def _claims(verified: VerifiedAsk) -> dict[str, Any]:
    """The `claims` parameter: which claims are asked for by name. OIDC Core §5.5."""
    text = verified.ask.fields.get("claims")
    if text is None:
        return {}
    try:
        claims = orjson.loads(text) if len(text) <= _MAX_TEXT else None
    except orjson.JSONDecodeError:
        claims = None
    if not isinstance(claims, dict) or not all(
        isinstance(claims.get(each, {}), dict) for each in ("userinfo", "id_token")
    ):
        raise OAuthError("invalid_request", "claims is not a JSON object as in OpenID Connect Core, section 5.5.")
    for name in HELD_CLAIMS:
        if not _is_readable(claims.get("id_token", {}).get(name)):
            raise OAuthError(
                "invalid_request", f"In claims, {name} is null or an object with a text or a list of texts."
            )
    return {each: claims[each] for each in ("userinfo", "id_token") if each in claims}


def _is_readable(claim: Any) -> bool:
    if not isinstance(claim, dict):
        return claim is None
    values = claim.get("values", [])
    return isinstance(values, list) and all(isinstance(each, str) for each in (claim.get("value", ""), *values))


def _text(name: str) -> Callable[[VerifiedAsk], str | None]:
    def read(verified: VerifiedAsk) -> str | None:
        value = verified.ask.fields.get(name)
        if value is not None and len(value) > _MAX_TEXT:
            raise OAuthError("invalid_request", f"{name} is longer than {_MAX_TEXT:,} characters.")
        return value

    return read


def _dpop_jkt(verified: VerifiedAsk) -> str | None:
    thumbprint = verified.ask.fields.get("dpop_jkt")
    if thumbprint is not None and not re.fullmatch(r"[A-Za-z0-9_-]{43}", thumbprint):
        raise OAuthError("invalid_request", "dpop_jkt is not the base64url of a SHA-256 thumbprint.")
    return thumbprint


FIELDS: dict[str, Callable[[VerifiedAsk], Any]] = {
    "challenge": _challenge,
    "nonce": _text("nonce"),
    "prompt": _prompt,
    "max_age": _max_age,
    "login_hint": _text("login_hint"),
    "id_token_hint": lambda verified: verified.ask.fields.get("id_token_hint"),
    "acr_values": lambda verified: tuple(verified.ask.fields.get("acr_values", "").split()),
    "claims": _claims,
    "ui_locales": _text("ui_locales"),
    "dpop_jkt": _dpop_jkt,
}


def _shown(text: str) -> str:
    """Names from a request, safe in an `error_description`. RFC 6749 §4.1.2.1."""
    return re.sub(r"[^ !#-\[\]-~]", "?", text[:200])
