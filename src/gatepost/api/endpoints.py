"""Every endpoint of the API, on one screen: the document for programs, the routes and the tests are made from it."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from gatepost.api import app_requests, apps, asks, grants, keys, organization, people, resources, usage, webhooks
from gatepost.api.call import Call
from gatepost.api.documents import (
    AppDocument,
    AppRequestDocument,
    AppUse,
    DeliveryDocument,
    EventDocument,
    GrantDocument,
    Health,
    InvitationDocument,
    Key,
    Me,
    Organization,
    Page,
    Person,
    ResourceDocument,
    Revoked,
    Role,
    ScopeWords,
    SecretDocument,
    Share,
    SigningKeyDocument,
    Tried,
    TrustedIssuerDocument,
    Usage,
    WebhookDocument,
)
from gatepost.flows.roles import Deed

PREFIX = "/api/v1"


class Endpoint(NamedTuple):
    """One method of one path: the function that answers it, and what it asks of the caller.

    `ask` is the shape of the query of a GET or DELETE, of the body of the others; `answer` is that of a good answer. `command`
    does the same at the command line. `tagged` answers carry an ETag, and `edits` heed If-Match.
    """

    run: Callable[[Call, Any], Awaitable[Any]]
    deed: Deed | None
    answer: Any = None
    ask: type[Any] | None = None
    command: str = ""
    status: int = 200
    tagged: bool = False
    edits: bool = False


D = Deed

ENDPOINTS: dict[str, dict[str, Endpoint]] = {
    "/me": {"GET": Endpoint(organization.me, None, Me)},
    "/roles": {"GET": Endpoint(organization.list_roles, D.ORG_READ, Page[Role], command="role list")},
    "/org": {
        "GET": Endpoint(organization.show, D.ORG_READ, Organization, command="org show", tagged=True),
        "PATCH": Endpoint(
            *(organization.change, D.ORG_WRITE, Organization, asks.OrganizationChange, "org edit"),
            tagged=True,
            edits=True,
        ),
    },
    "/health": {"GET": Endpoint(organization.health, D.ORG_READ, Health, None, "doctor --org")},
    "/org/disable": {"POST": Endpoint(organization.disable, D.ORG_END, None, None, "org disable", 204)},
    "/apps": {
        "GET": Endpoint(apps.list_apps, D.APPS_READ, Page[AppDocument], asks.Listing, "app list"),
        "POST": Endpoint(apps.make, D.APPS_WRITE, AppDocument, asks.NewApp, "app create", 201),
    },
    "/apps/{client_id}": {
        "GET": Endpoint(apps.show, D.APPS_READ, AppDocument, command="app show", tagged=True),
        "PATCH": Endpoint(apps.change, D.APPS_WRITE, AppDocument, asks.AppChange, "app edit", tagged=True, edits=True),
        "DELETE": Endpoint(apps.delete, D.APPS_WRITE, None, None, "app delete", 204, edits=True),
    },
    "/apps/{client_id}/use": {"GET": Endpoint(apps.use, D.APPS_READ, AppUse, None, "app use")},
    "/apps/{client_id}/disable": {"POST": Endpoint(apps.disable, D.APPS_WRITE, AppDocument, None, "app disable")},
    "/apps/{client_id}/enable": {"POST": Endpoint(apps.enable, D.APPS_WRITE, AppDocument, None, "app enable")},
    "/apps/{client_id}/limit": {
        "PUT": Endpoint(apps.limit, D.ORG_WRITE, AppDocument, asks.RateLimit, "app limit", tagged=True, edits=True),
    },
    "/apps/{client_id}/secrets": {
        "GET": Endpoint(apps.list_secrets, D.APPS_READ, Page[SecretDocument], None, "app secret list"),
        "POST": Endpoint(apps.add_secret, D.APPS_WRITE, SecretDocument, asks.NewSecret, "app secret add", 201),
    },
    "/apps/{client_id}/secrets/{secret}": {
        "DELETE": Endpoint(apps.delete_secret, D.APPS_WRITE, None, None, "app secret delete", 204)
    },
    "/grants": {
        "GET": Endpoint(grants.list_grants, D.GRANTS_READ, Page[GrantDocument], asks.GrantListing, "grant list")
    },
    "/grants/{grant}": {
        "GET": Endpoint(grants.show, D.GRANTS_READ, GrantDocument, None, "grant show", tagged=True),
        "DELETE": Endpoint(grants.revoke, D.GRANTS_REVOKE, None, None, "grant revoke", 204, edits=True),
    },
    "/grants/{grant}/limit": {
        "PUT": Endpoint(
            *(grants.limit, D.ORG_WRITE, GrantDocument, asks.RateLimit, "grant limit"),
            tagged=True,
            edits=True,
        ),
    },
    "/grants/revoke": {
        "POST": Endpoint(grants.revoke_many, D.GRANTS_REVOKE, Revoked, asks.GrantChoice, "grant revoke")
    },
    "/requests": {
        "GET": Endpoint(
            *(app_requests.list_requests, D.REQUESTS_READ, Page[AppRequestDocument]),
            *(asks.RequestListing, "request list"),
        )
    },
    "/requests/{request}": {
        "GET": Endpoint(app_requests.show, D.REQUESTS_READ, AppRequestDocument, command="request show", tagged=True)
    },
    "/requests/{request}/approve": {
        "POST": Endpoint(
            *(app_requests.approve, D.REQUESTS_WRITE, AppRequestDocument, None, "request approve"),
            tagged=True,
            edits=True,
        )
    },
    "/requests/{request}/refuse": {
        "POST": Endpoint(
            *(app_requests.refuse, D.REQUESTS_WRITE, AppRequestDocument, asks.Refusal, "request refuse"),
            tagged=True,
            edits=True,
        )
    },
    "/people": {"GET": Endpoint(people.list_people, D.PEOPLE_READ, Page[Person], asks.Listing, "user list")},
    "/people/{user}": {
        "GET": Endpoint(people.show, D.PEOPLE_READ, Person, None, "user show", tagged=True),
        "PATCH": Endpoint(people.change, D.PEOPLE_WRITE, Person, asks.RoleChange, "user role", tagged=True, edits=True),
        "DELETE": Endpoint(people.remove, D.PEOPLE_WRITE, None, None, "user remove", 204, edits=True),
    },
    "/invitations": {
        "GET": Endpoint(
            people.list_invitations, D.PEOPLE_READ, Page[InvitationDocument], asks.Listing, "user invitations"
        ),
        "POST": Endpoint(
            people.make_invitation, D.PEOPLE_WRITE, InvitationDocument, asks.NewInvitation, "user invite", 201
        ),
    },
    "/invitations/{invitation}": {
        "DELETE": Endpoint(people.withdraw_invitation, D.PEOPLE_WRITE, None, None, "user withdraw", 204)
    },
    "/keys": {
        "GET": Endpoint(keys.list_keys, D.KEYS_READ, Page[Key], None, "key list"),
        "POST": Endpoint(keys.make, D.KEYS_WRITE, Key, asks.NewKey, "key create", 201),
    },
    "/keys/{key}": {
        "GET": Endpoint(keys.show, D.KEYS_READ, Key, None, "key show", tagged=True),
        "DELETE": Endpoint(keys.revoke, D.KEYS_WRITE, None, asks.KeyEnd, "key revoke", 204, edits=True),
    },
    "/resources": {
        "GET": Endpoint(resources.list_resources, D.RESOURCES_READ, Page[ResourceDocument], None, "resource list"),
        "POST": Endpoint(resources.make, D.RESOURCES_WRITE, ResourceDocument, asks.NewResource, "resource create", 201),
        "DELETE": Endpoint(resources.delete, D.RESOURCES_WRITE, None, asks.ResourceChoice, "resource delete", 204),
    },
    "/trusted-issuers": {
        "GET": Endpoint(resources.list_issuers, D.ORG_READ, Page[TrustedIssuerDocument], None, "trusted-issuer list"),
        "POST": Endpoint(
            *(resources.trust_issuer, D.TRUST_WRITE, TrustedIssuerDocument),
            *(asks.NewTrustedIssuer, "trusted-issuer create", 201),
        ),
        "DELETE": Endpoint(
            resources.distrust_issuer, D.TRUST_WRITE, None, asks.IssuerChoice, "trusted-issuer delete", 204
        ),
    },
    "/webhooks": {
        "GET": Endpoint(webhooks.list_webhooks, D.WEBHOOKS_READ, Page[WebhookDocument], None, "webhook list"),
        "POST": Endpoint(webhooks.make, D.WEBHOOKS_WRITE, WebhookDocument, asks.NewWebhook, "webhook create", 201),
    },
    "/webhooks/{webhook}": {
        "GET": Endpoint(webhooks.show, D.WEBHOOKS_READ, WebhookDocument, None, "webhook show", tagged=True),
        "PATCH": Endpoint(
            *(webhooks.change, D.WEBHOOKS_WRITE, WebhookDocument, asks.WebhookChange, "webhook edit"),
            tagged=True,
            edits=True,
        ),
        "DELETE": Endpoint(webhooks.delete, D.WEBHOOKS_WRITE, None, None, "webhook delete", 204, edits=True),
    },
    "/webhooks/{webhook}/secret": {
        "POST": Endpoint(webhooks.renew, D.WEBHOOKS_WRITE, WebhookDocument, asks.Renewal, "webhook renew-secret", 201)
    },
    "/webhooks/{webhook}/test": {"POST": Endpoint(webhooks.test, D.WEBHOOKS_WRITE, Tried, None, "webhook test")},
    "/webhooks/{webhook}/deliveries": {
        "GET": Endpoint(
            *(webhooks.list_deliveries, D.WEBHOOKS_READ, Page[DeliveryDocument]),
            *(asks.Listing, "webhook deliveries"),
        )
    },
    "/webhooks/{webhook}/deliveries/{delivered}": {
        "POST": Endpoint(webhooks.send_again, D.WEBHOOKS_WRITE, None, None, "webhook resend", 204)
    },
    "/usage": {"GET": Endpoint(usage.show, D.ORG_READ, Usage, asks.UsageChoice, "usage")},
    "/usage/apps": {"GET": Endpoint(usage.list_shares, D.ORG_READ, Page[Share], asks.ShareListing, "usage --by app")},
    "/scopes": {
        "GET": Endpoint(resources.list_scopes, D.RESOURCES_READ, Page[ScopeWords], None, "scope list"),
        "PUT": Endpoint(resources.describe, D.RESOURCES_WRITE, ScopeWords, asks.NewScopeWords, "scope describe"),
        "DELETE": Endpoint(resources.forget, D.RESOURCES_WRITE, None, asks.ScopeChoice, "scope delete", 204),
    },
    "/signing-keys": {
        "GET": Endpoint(keys.list_signing_keys, D.SIGNING_READ, Page[SigningKeyDocument], None, "signing-key list")
    },
    "/signing-keys/rotate": {
        "POST": Endpoint(
            *(keys.rotate_signing_keys, D.SIGNING_ROTATE, Page[SigningKeyDocument]),
            *(asks.Rotation, "signing-key rotate"),
        )
    },
    "/events": {
        "GET": Endpoint(organization.list_events, D.EVENTS_READ, Page[EventDocument], asks.EventListing, "events list")
    },
    "/events/{event}": {
        "GET": Endpoint(organization.show_event, D.EVENTS_READ, EventDocument, None, "events show", tagged=True)
    },
}
"""By path and method. The first line of a function's docstring is what the document says of it."""
