"""What the API answers with: one document for each kind of thing, and how it is made from the record."""

from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from gatepost.flows.event_words import render_event, render_sentence
from gatepost.flows.roles import MATRIX as RULES
from gatepost.flows.roles import ROLES, Actor, Deed
from gatepost.flows.signing import safe_to_activate_at
from gatepost.oauth.access_token import subject
from gatepost.oauth.client_metadata import parse_metadata
from gatepost.records import UNTIL_USED, ApiKey, App, AppSecret, Event, Grant, Invitation, Member, Org, SigningKeyRecord
from gatepost.records import Resource as ResourceRecord
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE

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


class Organization(Struct, frozen=True):
    """The caller's organization."""

    id: str
    name: str
    auth_token: str | None
    disabled: bool
    created_at: datetime


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
    created_by: str | None
    created_at: datetime
    client_secret: str | None = None


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
    made: datetime
    last_used: datetime
    uses: int
    expires_at: datetime
    revoked: bool


class Revoked(Struct, frozen=True):
    """How many live connections were ended."""

    revoked: int


class Person(Struct, frozen=True):
    """A member of the organization. `disabled` is by the operator, in every organization."""

    id: str
    email: str
    role: str
    disabled: bool
    created_at: datetime


class InvitationDocument(Struct, frozen=True):
    """Somebody who may become a member. `link` is there once, when it is made, for who hands it on by hand."""

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
    """A refusal. RFC 9457; `code` is one of the catalogue, `event_id` finds it in the log and among the events."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    event_id: str


def of_actor(actor: Actor) -> Me:
    """What the actor is and may do."""
    return Me(
        actor=actor.act.actor,
        org=None if actor.org in (None, INSTANCE) else render_id("org", actor.org or b""),
        role=actor.role or None,
        scopes=sorted(actor.scopes),
        may=[deed.name.lower() for deed in Deed if actor.may(deed)],
        may_own=[deed.name.lower() for deed in Deed if actor.may_own(deed) and not actor.may(deed)],
    )


def roles() -> list[Role]:
    """Every role, the most powerful first."""
    return [
        Role(
            role,
            [deed.name.lower() for deed, rule in RULES.items() if role in rule.roles],
            [deed.name.lower() for deed, rule in RULES.items() if role in rule.own],
        )
        for role in ROLES
    ]


def of_org(org: Org) -> Organization:
    """The document of an organization."""
    return Organization(
        render_id("org", org.id), org.name, org.auth_token, org.disabled_at is not None, _at(org.created_at)
    )


def of_app(app: App, redirect_uris: list[str], client_secret: str | None = None) -> AppDocument:
    """The document of an app."""
    return AppDocument(
        client_id=app.client_id,
        name=app.name,
        kind=app.kind,
        profile=app.profile,
        auth_method=app.auth_method,
        redirect_uris=redirect_uris,
        grant_types=app.grant_types.split(),
        scope=app.scope,
        resource=app.default_resource,
        access_ttl=app.access_ttl,
        grant_idle_ttl=app.grant_idle_ttl,
        grant_ttl=app.grant_ttl,
        retry_window="until_used" if app.retry_window == UNTIL_USED else app.retry_window,
        metadata=parse_metadata(app.metadata)._asdict(),
        disabled=app.disabled_at is not None,
        created_by=render_id("usr", app.created_by) if app.created_by else None,
        created_at=_at(app.created_at),
        client_secret=client_secret,
    )


def of_secret(secret: AppSecret, text: str | None = None) -> SecretDocument:
    """The document of an app's secret."""
    return SecretDocument(
        render_id("sec", secret.id),
        secret.hint,
        _at(secret.created_at),
        _maybe_at(secret.expires_at),
        _maybe_at(secret.last_used_at),
        text,
    )


def of_grant(grant: Grant) -> GrantDocument:
    """The document of a grant."""
    return GrantDocument(
        id=render_id("gnt", grant.id),
        app=grant.client_id,
        subject=subject(grant),
        scope=grant.scope,
        resource=grant.resource,
        generation=grant.generation,
        made=_at(grant.created_at),
        last_used=_at(grant.last_used_at),
        uses=grant.uses,
        expires_at=_at(grant.expires_at),
        revoked=grant.revoked_at is not None or not grant.unbroken,
    )


def of_member(member: Member) -> Person:
    """The document of a member."""
    return Person(
        render_id("usr", member.id),
        member.email,
        member.role,
        member.disabled_at is not None,
        _at(member.created_at),
    )


def of_invitation(invitation: Invitation, link: str | None = None, *, mailed: bool | None = None) -> InvitationDocument:
    """The document of an invitation."""
    return InvitationDocument(
        render_id("inv", invitation.id),
        invitation.email,
        invitation.role,
        _at(invitation.created_at),
        _at(invitation.expires_at),
        link,
        mailed,
    )


def of_key(key: ApiKey, text: str | None = None) -> Key:
    """The document of an API key."""
    return Key(
        render_id("key", key.id),
        key.name,
        key.scopes.split(),
        _at(key.created_at),
        _maybe_at(key.expires_at),
        key.revoked_at is not None,
        text,
    )


def of_resource(resource: ResourceRecord) -> ResourceDocument:
    """The document of a resource."""
    return ResourceDocument(resource.uri, resource.scopes.split(), resource.served_by, _at(resource.created_at))


def of_signing_key(record: SigningKeyRecord, max_age: int) -> SigningKeyDocument:
    """The document of a signing key; verifiers keep the JWKS for `max_age`."""
    safe_at = safe_to_activate_at(record, max_age) if record.state == "next" else None
    return SigningKeyDocument(
        record.kid,
        record.alg,
        record.state,
        _at(record.published_at),
        _maybe_at(safe_at),
        _maybe_at(record.activated_at),
        _maybe_at(record.retired_at),
        _maybe_at(record.remove_at),
    )


def of_event(org: bytes, event: Event) -> EventDocument:
    """The document of an event."""
    return EventDocument(**render_event(org, event), sentence=render_sentence(event))


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _maybe_at(seconds: int | None) -> datetime | None:
    return None if seconds is None else _at(seconds)
