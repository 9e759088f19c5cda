"""What the API is asked: the members of a body or of a query, each endpoint's in one shape. Unknown ones are refused."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gatepost.flows.app_requests import MAX_REASON, STATES
from gatepost.flows.callers import POWERS
from gatepost.flows.limits import MAX_RATE
from gatepost.flows.roles import ROLES
from gatepost.flows.webhooks import OVERLAP
from gatepost.oauth.client_metadata import AUTH_METHODS, KINDS, PROFILES, SUPPORTED_GRANTS
from gatepost.oauth.org_settings import LANGUAGES
from gatepost.records import MAX_ACCESS_TTL, WAITING

MAX_LIST = 100

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Uri = Annotated[str, Meta(min_length=1, max_length=2048)]
Uris = Annotated[list[Uri], Meta(max_length=MAX_LIST)]
Scope = Annotated[str, Meta(max_length=2048, description="Scopes, separated by spaces.")]
Seconds = Annotated[int, Meta(ge=1, le=36_500 * 86_400)]
AccessSeconds = Annotated[int, Meta(ge=1, le=MAX_ACCESS_TTL)]
EventTypes = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=MAX_LIST)]
Window = Annotated[int, Meta(ge=0, le=36_500 * 86_400)] | Literal["until_used"] | None
Colour = Annotated[str, Meta(max_length=20, description="As in #0f766e.")]
Limit = Annotated[int, Meta(ge=1, le=1000)]
ClientId = Annotated[str, Meta(max_length=200)]
Id = Annotated[str, Meta(max_length=40)]
Cursor = Annotated[str, Meta(max_length=1000, description="Where to go on: as the `next` of the part before says.")]
Instant = Annotated[datetime, Meta(tz=True)]
Expiry = Annotated[datetime, Meta(tz=True, description="When it ends: an instant ahead, by a hundred years at most.")]


def _one_of(values: Iterable[str]) -> Meta:
    """What a document for programs says of the values; the verb refuses others, in its own words."""
    return Meta(extra_json_schema={"enum": list(values)})


Role = Annotated[str, _one_of(ROLES)]
Kind = Annotated[str, _one_of(KINDS)]
Profile = Annotated[str, _one_of(PROFILES)]
Method = Annotated[str, _one_of(AUTH_METHODS)]
GrantTypes = Annotated[list[Annotated[str, _one_of(SUPPORTED_GRANTS)]], Meta(max_length=MAX_LIST)]
Scopes = Annotated[list[Annotated[str, _one_of(POWERS)]], Meta(min_length=1, max_length=MAX_LIST)]


class Listing(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Limit = 100
    after: Cursor | None = None


class GrantListing(Struct, frozen=True, forbid_unknown_fields=True):
    """Which connections, and which part of their list."""

    app: ClientId | None = None
    user: Id | None = None
    limit: Limit = 100
    after: Cursor | None = None


class EventListing(Struct, frozen=True, forbid_unknown_fields=True):
    """Which events, and which part of their list; the newest come first."""

    app: ClientId | None = None
    user: Id | None = None
    type: Id | None = None
    result: Id | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = 100
    after: Cursor | None = None


class Metadata(Struct, frozen=True, forbid_unknown_fields=True):
    """What an app says of itself; null takes a choice back."""

    id_token_signed_response_alg: str | UnsetType = UNSET
    userinfo_signed_response_alg: str | UnsetType | None = UNSET
    subject_type: str | UnsetType = UNSET
    sector_identifier: str | UnsetType | None = UNSET
    default_max_age: Annotated[int, Meta(ge=0, le=2**31)] | UnsetType | None = UNSET
    require_pushed_authorization_requests: bool | UnsetType = UNSET
    dpop_bound_access_tokens: bool | UnsetType = UNSET
    jwks: dict[str, Any] | UnsetType | None = UNSET
    jwks_uri: Uri | UnsetType | None = UNSET
    token_endpoint_auth_signing_alg: str | UnsetType | None = UNSET
    post_logout_redirect_uris: Uris | UnsetType = UNSET
    backchannel_logout_uri: Uri | UnsetType | None = UNSET
    backchannel_logout_session_required: bool | UnsetType = UNSET
    client_uri: Uri | UnsetType | None = UNSET
    policy_uri: Uri | UnsetType | None = UNSET
    tos_uri: Uri | UnsetType | None = UNSET
    first_party: bool | UnsetType = UNSET
    skip_consent: bool | UnsetType = UNSET
    open_to_others: bool | UnsetType = UNSET
    optional_scope: Scope | UnsetType = UNSET
    agent: bool | UnsetType = UNSET


class NewApp(Struct, frozen=True, forbid_unknown_fields=True):
    """A new app. What is left out, its kind or the server's settings decide."""

    name: Name
    kind: Kind = "web"
    client_id: ClientId | None = None
    redirect_uris: Uris = []
    profile: Profile = "oauth21"
    auth_method: Method | None = None
    grant_types: GrantTypes = []
    scope: Scope = ""
    resource: Uri | None = None
    access_ttl: AccessSeconds | None = None
    grant_idle_ttl: Seconds | None = None
    grant_ttl: Seconds | None = None
    retry_window: Window = None
    metadata: Metadata = Metadata()


class AppChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of an app; the rest stays."""

    name: Name | UnsetType = UNSET
    profile: Profile | UnsetType = UNSET
    auth_method: Method | UnsetType | None = UNSET
    grant_types: GrantTypes | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    resource: Uri | UnsetType | None = UNSET
    access_ttl: AccessSeconds | UnsetType | None = UNSET
    grant_idle_ttl: Seconds | UnsetType | None = UNSET
    grant_ttl: Seconds | UnsetType | None = UNSET
    retry_window: Window | UnsetType = UNSET
    metadata: Metadata = Metadata()
    redirect_uris: Annotated[Uris, Meta(description="All of them, as they are to be.")] | UnsetType = UNSET


class NewSecret(Struct, frozen=True, forbid_unknown_fields=True):
    """One more secret of an app; without an instant it never expires."""

    expires_at: Expiry | None = None


class GrantChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Which connections to end: of an app, of a person, of both together, or all."""

    app: ClientId | None = None
    user: Id | None = None
    all: bool = False


class OrganizationSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of what the organization chose for itself; null takes a choice back."""

    accent: Colour | UnsetType | None = UNSET
    accent_dark: Colour | UnsetType | None = UNSET
    languages: Annotated[list[Annotated[str, _one_of(LANGUAGES)]], Meta(max_length=MAX_LIST)] | UnsetType | None = UNSET
    second_factor: bool | UnsetType = UNSET
    idle_ttl: Seconds | UnsetType | None = UNSET
    session_ttl: Seconds | UnsetType | None = UNSET
    email_domains: Annotated[list[Name], Meta(max_length=MAX_LIST)] | UnsetType | None = UNSET


class OrganizationChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of the organization; the rest stays."""

    name: Name | UnsetType = UNSET
    apps_need_approval: bool | UnsetType = UNSET
    settings: OrganizationSettings = OrganizationSettings()


class RequestListing(Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests for apps, and which part of their list."""

    state: Annotated[str, _one_of(STATES)] = WAITING
    limit: Limit = 100
    after: Cursor | None = None


class Refusal(Struct, frozen=True, forbid_unknown_fields=True):
    """What whoever asks for the app reads."""

    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""


class RoleChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The role that a member is to have."""

    role: Role


class NewInvitation(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to invite, and as what."""

    email: Annotated[str, Meta(min_length=3, max_length=254)]
    role: Role = "member"


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A new API key. Without scopes it has the usual ones; without an instant it never expires."""

    name: Name = "API key"
    scopes: Scopes | None = None
    expires_at: Expiry | None = None


class KeyEnd(Struct, frozen=True, forbid_unknown_fields=True):
    """How to end an API key: with the grants that it made, unless they are kept."""

    keep_grants: bool = False


class NewResource(Struct, frozen=True, forbid_unknown_fields=True):
    """An API that tokens are for, its scopes, and the app that is this API."""

    uri: Uri
    scopes: Scope = ""
    served_by: ClientId | None = None


class ResourceChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Which resource."""

    uri: Uri


class NewTrustedIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An identity provider, and where its public keys are."""

    issuer: Uri
    jwks_uri: Uri


class IssuerChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Which identity provider."""

    issuer: Uri


class RateLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests a minute; null takes the limit away."""

    rate_limit: Annotated[int, Meta(ge=1, le=MAX_RATE)] | None


class ShareListing(Struct, frozen=True, forbid_unknown_fields=True):
    """The last so many seconds, and which part of the list: of how many apps."""

    seconds: Annotated[int, Meta(ge=60, le=90 * 86_400)] = 86_400
    limit: Limit = 100
    after: Cursor | None = None


class UsageChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """The last so many seconds, of one app or of all."""

    seconds: Annotated[int, Meta(ge=60, le=90 * 86_400)] = 86_400
    app: ClientId | None = None


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """Where events are to be sent, and which: types or families of them; all without any."""

    url: Uri
    types: EventTypes = []
    name: Name = "Webhook"


class WebhookChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of a webhook; the rest stays."""

    url: Uri | None = None
    types: EventTypes | None = None
    name: Name | None = None
    disabled: bool | None = None


class Renewal(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds the secret before signs beside the new one."""

    overlap: Annotated[int, Meta(ge=0, le=30 * 86_400)] = OVERLAP


class NewScopeWords(Struct, frozen=True, forbid_unknown_fields=True):
    """What a scope means, in one language."""

    scope: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Name
    locale: Annotated[str, Meta(pattern="^[a-z]{2,3}$")] = "en"


class ScopeChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Which scope, and in which language; in all, if none is named."""

    scope: Annotated[str, Meta(min_length=1, max_length=200)]
    locale: str | None = None


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to rotate even if verifiers may not have seen the next key yet."""

    force: bool = False
