"""How the documents of the API are made from what verbs answer."""

from datetime import UTC, datetime

import msgspec

from gatepost.api.documents import (
    AppDocument,
    AppRequestDocument,
    AppUse,
    DeliveryDocument,
    EventDocument,
    GrantDocument,
    InvitationDocument,
    Key,
    Me,
    Organization,
    OrganizationSettings,
    Person,
    ResourceDocument,
    Role,
    SecretDocument,
    SigningKeyDocument,
    Tried,
    TrustedIssuerDocument,
    WebhookDocument,
)
from gatepost.flows.event_words import render_event, render_sentence
from gatepost.flows.roles import MATRIX, ROLES, Actor, Deed
from gatepost.flows.signing import safe_to_activate_at
from gatepost.flows.webhook_sending import Attempt
from gatepost.oauth.access_token import subject
from gatepost.oauth.client_metadata import parse_metadata
from gatepost.oauth.org_settings import parse_settings
from gatepost.records import (
    UNTIL_USED,
    ApiKey,
    App,
    AppRequest,
    AppSecret,
    Event,
    Grant,
    Invitation,
    Member,
    Org,
    SigningKeyRecord,
    TrustedIssuer,
    Webhook,
)
from gatepost.records import Resource as ResourceRecord
from gatepost.secrets import render_id
from gatepost.store.browsing import AppUse as Use
from gatepost.store.question import INSTANCE
from gatepost.store.webhooks import Delivery


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
            [deed.name.lower() for deed, rule in MATRIX.items() if role in rule.roles],
            [deed.name.lower() for deed, rule in MATRIX.items() if role in rule.own],
        )
        for role in ROLES
    ]


def of_org(org: Org) -> Organization:
    """The document of an organization."""
    return Organization(
        id=render_id("org", org.id),
        name=org.name,
        auth_token=org.auth_token,
        apps_need_approval=bool(org.apps_need_approval),
        settings=msgspec.convert(parse_settings(org.settings)._asdict(), OrganizationSettings),
        disabled=org.disabled_at is not None,
        created_at=_at(org.created_at),
    )


def of_request(request: AppRequest) -> AppRequestDocument:
    """The document of a request for an app."""
    return AppRequestDocument(
        id=render_id("req", request.id),
        client_id=request.client_id,
        name=request.name,
        hosts=request.hosts.split(),
        scope=request.scope,
        state=request.state,
        asked_by=render_id("usr", request.asked_by),
        asked_at=_at(request.asked_at),
        approved_scope=request.agreed_scope,
        decided_by=request.decided_by,
        decided_at=_maybe_at(request.decided_at),
        reason=request.reason,
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
        rate_limit=app.rate_limit,
        created_by=render_id("usr", app.created_by) if app.created_by else None,
        created_at=_at(app.created_at),
        client_secret=client_secret,
    )


def of_use(use: Use) -> AppUse:
    """The document of how an app is used."""
    return AppUse(use.connections, use.is_more, _maybe_at(use.used_at))


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
        created_at=_at(grant.created_at),
        last_used_at=_at(grant.last_used_at),
        uses=grant.uses,
        expires_at=_at(grant.expires_at),
        rate_limit=grant.rate_limit,
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


def of_trusted_issuer(trusted: TrustedIssuer) -> TrustedIssuerDocument:
    """The document of a trusted issuer."""
    return TrustedIssuerDocument(trusted.issuer, trusted.jwks_uri, _at(trusted.created_at))


def of_webhook(webhook: Webhook, secret: str | None = None) -> WebhookDocument:
    """The document of a webhook."""
    return WebhookDocument(
        render_id("whk", webhook.id),
        webhook.name,
        webhook.url,
        webhook.types.split(),
        _at(webhook.created_at),
        webhook.disabled_at is not None,
        _maybe_at(webhook.failing_at),
        secret,
    )


def of_attempt(attempt: Attempt) -> Tried:
    """The document of one try to deliver."""
    return Tried(_at(attempt.at), attempt.ms, attempt.status, attempt.error, attempt.answer)


def of_delivery(delivery: Delivery) -> DeliveryDocument:
    """The document of a delivery."""
    attempts = [each | {"at": _at(each["at"])} for each in msgspec.json.decode(delivery.attempts)]
    return DeliveryDocument(render_id("evt", delivery.event_id), delivery.type, delivery.state, attempts)


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
