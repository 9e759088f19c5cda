"""What an app says of itself: its id, its name, its kind, and what else shapes its flows. RFC 6749 §2.2, RFC 7591 §2."""

import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from gatepost.errors import OAuthError
from gatepost.records import App
from gatepost.secrets import REGISTRATION

KINDS = {
    "web": "a website with a server",
    "spa": "an app in the browser",
    "native": "an app on a phone or a desktop",
    "device": "a device or a command line",
    "service": "a job or a service of your own",
}
PUBLIC_KINDS = ("spa", "native", "device")
"""Kinds that cannot keep a secret and have none. RFC 6749 §2.1, RFC 8252 §8.4."""

REDIRECTED_KINDS = ("web", "spa", "native")
"""Kinds that people are sent back to, at an address, and that can do nothing before they say where."""

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SUPPORTED_GRANTS = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_CODE,
    TOKEN_EXCHANGE,
    JWT_BEARER,
)
CONFIDENTIAL_GRANTS = ("client_credentials", TOKEN_EXCHANGE, JWT_BEARER)
"""Those that make an app act by itself: it has to prove who it is."""

GRANT_TYPES = {
    "web": ("authorization_code", "refresh_token"),
    "spa": ("authorization_code", "refresh_token"),
    "native": ("authorization_code", "refresh_token"),
    "device": ("authorization_code", DEVICE_CODE, "refresh_token"),
    "service": ("client_credentials",),
}
"""What an app may do if it names no grant types of its own. Client credentials are never a login's fallback."""

PROFILES = ("oauth21", "oidc", "fapi2")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
SECRETLESS = ("private_key_jwt", "none")
"""The methods of apps that have no secret with us."""

MAX_CLIENT_ID = 200

_CLIENT_ID = re.compile(rf"(?!{REGISTRATION}|(?:usr|org)_[0-9a-f]{{32}}$)[A-Za-z0-9._~-]{{1,{MAX_CLIENT_ID}}}")

_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
"""Categories of characters that show as nothing, or change how others show."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Those that are letters, marks or signs by their category, and show as nothing all the same."""


class ClientMetadata(NamedTuple):
    """What an app says of itself that no statement joins on, named as in RFC 7591 and OpenID Connect."""

    id_token_signed_response_alg: str = "RS256"
    userinfo_signed_response_alg: str | None = None
    subject_type: str = "public"
    sector_identifier: str | None = None
    default_max_age: int | None = None
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    first_party: bool = False
    """The organization vouches for it as its own."""
    skip_consent: bool = False
    """A first-party app that asks nobody."""
    open_to_others: bool = False
    """Members of other organizations may connect it to theirs."""
    optional_scope: str = ""
    """Scopes that a person may leave out."""
    agent: bool = False
    """It decides for itself what to do in a person's name."""


@lru_cache(maxsize=4096)
def parse_metadata(text: str) -> ClientMetadata:
    """The metadata as it is kept with an app. Read only: what was parsed is kept, as every token asks for it."""
    content = orjson.loads(text)
    uris = tuple(content.pop("post_logout_redirect_uris", ()))
    return ClientMetadata(**content, post_logout_redirect_uris=uris)


def render_metadata(metadata: ClientMetadata) -> str:
    """The text that is kept with an app: what differs from the defaults."""
    defaults = ClientMetadata()._asdict()
    return orjson.dumps({name: value for name, value in metadata._asdict().items() if value != defaults[name]}).decode()


def grant_types_of(app: App) -> tuple[str, ...]:
    """The grant types an app may use: its own list, else its kind's."""
    return _split(app.grant_types) or GRANT_TYPES[app.kind]


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def check_client_id(client_id: str) -> str:
    """A client_id that no client mangles: unreserved characters only. Raises `invalid_request`."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise OAuthError(
            "invalid_request",
            f"A client_id is 1 to {MAX_CLIENT_ID} characters of A-Z a-z 0-9 . _ ~ and -, not beginning with {REGISTRATION},"
            " and not the id of a person or an organization, for whom tokens stand by it.",
            field="client_id",
        )
    return client_id


def is_hidden(character: str) -> bool:
    """Whether a character shows as nothing, or changes how others show."""
    return unicodedata.category(character) in _HIDDEN or character in _BLANK


def check_name(name: str, field: str = "name") -> str:
    """A name that shows as it is: no control, bidirectional or invisible characters. Raises `invalid_request`."""
    if not 1 <= len(name) <= 200 or not name.strip():
        raise OAuthError("invalid_request", f"{field} has 1 to 200 characters, not all of them blank.", field=field)
    if any(map(is_hidden, name)):
        raise OAuthError("invalid_request", f"{field} has control or invisible characters.", field=field)
    return unicodedata.normalize("NFC", name)
