"""What the API answers with: one document for each kind of thing."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """Part of a list. `next` is the URL of the part behind it; null at the end."""

    items: list[T]
    next: str | None = None


class Me(Struct, frozen=True):
    """Who calls: a person with a role or an API key with scopes, and what they may do; `may_own` to their own apps alone."""

    actor: str
    org: str | None
    role: str | None
    scopes: list[str]
    may: list[str]
    may_own: list[str]


class Role(Struct, frozen=True):
    """A role, and what it lets people do; `may_own` to apps that they made."""

    role: str
    may: list[str]
    may_own: list[str]


class OrganizationSettings(Struct, frozen=True):
    """What an organization chose for itself. What is empty, false or null leaves things as they are for everybody."""

    accent: str
    accent_dark: str
    languages: list[str]
    second_factor: bool
    idle_ttl: int | None
    session_ttl: int | None
    email_domains: list[str]


class Organization(Struct, frozen=True):
    """The caller's organization."""

    id: str
    name: str
    auth_token: str | None
    apps_need_approval: bool
    settings: OrganizationSettings
    disabled: bool
    created_at: datetime


class HealthCheck(Struct, frozen=True):
    """A thing that was looked at: ok, advice or problem; `why` and `fix` are null when it is ok."""

    name: str
    status: str
    what: str
    why: str | None
    fix: str | None


class Health(Struct, frozen=True):
    """What an organization should look after, as far as the caller may see it."""

    problems: int
    advice: int
    checks: list[HealthCheck]


class AppDocument(Struct, frozen=True):
    """An app. Null leaves a choice to its kind or to the server's settings. `client_secret` is there once, when it is made."""

    client_id: str
    name: str
    kind: str
    profile: str
    auth_method: str | None
    redirect_uris: list[str]
    grant_types: list[str]
    scope: str
    resource: str | None
    access_ttl: int | None
    grant_idle_ttl: int | None
    grant_ttl: int | None
    retry_window: int | Literal["until_used"] | None
    metadata: dict[str, Any]
    """By their names in RFC 7591, OpenID Connect Registration and the logout specifications."""
    disabled: bool
    rate_limit: int | None
    created_by: str | None
    created_at: datetime
    client_secret: str | None = None


class AppUse(Struct, frozen=True):
    """How an app is used. `more` says that it has more connections than were counted."""

    connections: int
    more: bool
    last_used_at: datetime | None


class SecretDocument(Struct, frozen=True):
    """One of an app's secrets. `client_secret` is there once, when it is made."""

    id: str
    ends_in: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    client_secret: str | None = None


class GrantDocument(Struct, frozen=True):
    """A connection: who let which app do what."""

    id: str
    app: str
    subject: str
    scope: str
    resource: str | None
    generation: int
    created_at: datetime
    last_used_at: datetime
    uses: int
    expires_at: datetime
    rate_limit: int | None
    revoked: bool


class Revoked(Struct, frozen=True):
    """How many live connections were ended."""

    revoked: int


class AppRequestDocument(Struct, frozen=True):
    """An app of others that somebody asked for, and what was said. `approved_scope` is what the organization has agreed to."""

    id: str
    client_id: str
    name: str
    hosts: list[str]
    scope: str
    state: str
    asked_by: str
    asked_at: datetime
    approved_scope: str | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str


class Person(Struct, frozen=True):
    """A member of the organization. `disabled` is by the operator, in every organization."""

    id: str
    email: str
    role: str
    disabled: bool
    created_at: datetime


class InvitationDocument(Struct, frozen=True):
    """Somebody who may become a member. `link` is there once, when it is made, for whoever hands it on by hand."""

    id: str
    email: str
    role: str
    created_at: datetime
    expires_at: datetime
    link: str | None = None
    mailed: bool | None = None


class Key(Struct, frozen=True):
    """An API key. `api_key` is there once, when it is made."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked: bool
    api_key: str | None = None


class ResourceDocument(Struct, frozen=True):
    """An API that tokens are for. RFC 8707."""

    uri: str
    scopes: list[str]
    served_by: str | None
    created_at: datetime


class TrustedIssuerDocument(Struct, frozen=True):
    """An identity provider whose word counts for who members are."""

    issuer: str
    jwks_uri: str
    created_at: datetime


class UsagePoint(Struct, frozen=True):
    """How often something happened in a step of time: what kind of thing, and which."""

    at: datetime
    kind: str
    name: str
    times: int


class Usage(Struct, frozen=True):
    """How much was issued, refused and checked, in steps of so many seconds; a step in which nothing was is left out."""

    since: datetime
    until: datetime
    step: int
    points: list[UsagePoint]


class Share(Struct, frozen=True):
    """How often something happened to an app."""

    client_id: str
    kind: str
    name: str
    times: int


class WebhookDocument(Struct, frozen=True):
    """Where the organization hears of its events. `secret` is there once, when it is made or renewed."""

    id: str
    name: str
    url: str
    types: list[str]
    created_at: datetime
    disabled: bool
    failing_since: datetime | None
    secret: str | None = None


class Tried(Struct, frozen=True):
    """One try to deliver: the status and start of the answer, or why there was none."""

    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str


class DeliveryDocument(Struct, frozen=True):
    """An event on its way to a webhook, or what became of it."""

    event: str
    type: str
    state: str
    attempts: list[dict[str, Any]]


class ScopeWords(Struct, frozen=True):
    """What a scope means, in one language."""

    scope: str
    locale: str
    text: str


class SigningKeyDocument(Struct, frozen=True):
    """A key that signs access tokens: next, active or retired."""

    kid: str
    alg: str
    state: str
    published_at: datetime
    safe_to_activate_at: datetime | None
    activated_at: datetime | None
    retired_at: datetime | None
    remove_at: datetime | None


class EventDocument(Struct, frozen=True):
    """Something that happened, as a sentence and as data."""

    id: str
    at: str
    org: str | None
    type: str
    result: str
    actor: str
    client_id: str | None
    user_id: str | None
    grant_id: str | None
    address: str | None
    detail: dict[str, Any]
    sentence: str


class Problem(Struct, frozen=True):
    """A refusal, and how to mend it. RFC 9457; `code` is of the catalogue, `event_id` finds it in log and events."""

    type: str
    title: str
    status: int
    detail: str
    fix: str
    code: str
    event_id: str
