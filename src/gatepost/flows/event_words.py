"""What events say: a sentence for people, from one literal table, and a stable document for programs."""

from datetime import UTC, datetime
from typing import Any

import orjson

from gatepost.records import Event
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE

SENTENCES = {
    "app.approved": "%(actor)s approved the app %(name)s",
    "app.changed": "%(actor)s changed the app %(app)s",
    "app.deleted": "%(actor)s deleted the app %(app)s",
    "app.disabled": "%(actor)s disabled the app %(app)s",
    "app.enabled": "%(actor)s enabled the app %(app)s",
    "app.grants_revoked": "%(actor)s ended all grants of the app %(app)s",
    "app.limited": "%(actor)s set the limit of the app %(app)s: %(rate_limit)s",
    "app.made": "%(actor)s made the app %(app)s",
    "app.redirect_uri_added": "%(actor)s registered a redirect URI for the app %(app)s",
    "app.redirect_uri_removed": "%(actor)s removed a redirect URI of the app %(app)s",
    "app.refused": "%(actor)s refused the app %(name)s",
    "app.secret_added": "%(actor)s gave the app %(app)s the secret %(id)s",
    "app.secret_deleted": "%(actor)s deleted the secret %(id)s of the app %(app)s",
    "delivery.given_up": "%(actor)s gave up sending a %(kind)s to %(target)s: %(why)s",
    "grant.consented": "%(user)s let the app %(app)s connect",
    "grant.device_approved": "%(user)s let a device connect with the app %(app)s",
    "grant.device_denied": "%(user)s said no to a device with the app %(app)s",
    "grant.disconnected": "%(user)s disconnected the app %(app)s",
    "grant.first_used": "%(actor)s refreshed %(grant)s for the first time",
    "grant.limited": "%(actor)s set the limit of %(grant)s: %(rate_limit)s",
    "grant.made": "%(actor)s connected the app %(app)s for %(user)s: %(grant)s",
    "grant.replayed": "%(actor)s presented a refresh token that was used before, so %(grant)s was revoked",
    "grant.revoked": "%(actor)s revoked %(grant)s of the app %(app)s",
    "grant.token_revoked": "%(actor)s revoked a token of the app %(app)s",
    "instance.backed_up": "%(actor)s made a backup",
    "instance.copied": "%(actor)s copied the database here from %(from)s",
    "instance.restored": "%(actor)s restored a backup",
    "invitation.made": "%(actor)s invited somebody: %(id)s",
    "invitation.withdrawn": "%(actor)s withdrew the invitation %(id)s",
    "key.made": "%(actor)s made the API key %(id)s",
    "key.revoked": "%(actor)s revoked the API key %(id)s",
    "org.approval_needed": "%(actor)s turned approval on for apps of others",
    "org.approval_not_needed": "%(actor)s turned approval off for apps of others",
    "org.auth_token_made": "%(actor)s asked for the organization's auth_token, which was made",
    "org.changed": "%(actor)s changed the settings of the organization",
    "org.disabled": "%(actor)s disabled the organization",
    "org.enabled": "%(actor)s enabled the organization",
    "org.grants_revoked": "%(actor)s ended all grants of the organization",
    "org.limited": "%(actor)s set the limit of the organization: %(rate_limit)s",
    "org.made": "%(actor)s made the organization",
    "org.renamed": "%(actor)s gave the organization another name",
    "request.approval_asked": "%(user)s asked the admins to approve the app %(name)s",
    "request.passkey_refused": "A passkey of %(user)s was refused: it counts backwards, so it may be a copy",
    "request.played": "%(actor)s played the flow of the app %(app)s in the playground",
    "request.refused": "%(actor)s was refused at %(path)s: %(why)s",
    "request.signed_in": "%(user)s signed in",
    "request.signed_out": "%(user)s signed out",
    "resource.deleted": "%(actor)s deleted a resource",
    "resource.made": "%(actor)s registered a resource",
    "scope.text_set": "%(actor)s said in words what a scope means",
    "signing_key.rotated": "%(actor)s activated the signing key %(kid)s",
    "trusted_issuer.deleted": "%(actor)s stopped trusting an identity provider",
    "trusted_issuer.made": "%(actor)s trusted an identity provider",
    "user.begun_anew": "What was set up for %(user)s before they proved their e-mail has ended",
    "user.disabled": "%(actor)s disabled %(user)s",
    "user.email_verified": "%(user)s proved their e-mail",
    "user.enabled": "%(actor)s enabled %(user)s",
    "user.grants_revoked": "%(actor)s ended all grants of %(user)s",
    "user.joined": "%(actor)s made %(user)s a member",
    "user.made": "%(actor)s made %(user)s, new here, a member",
    "user.passkey_added": "%(user)s added a passkey",
    "user.passkey_removed": "%(user)s removed a passkey",
    "user.password_set": "%(actor)s gave %(user)s a new password",
    "user.profile_changed": "%(actor)s changed what apps are told of %(user)s",
    "user.recovery_code_used": "%(user)s signed in with a recovery code",
    "user.recovery_codes_replaced": "%(user)s made new recovery codes",
    "user.removed": "%(actor)s removed %(user)s from the organization",
    "user.role_changed": "%(actor)s made %(user)s %(role)s, who was %(before)s",
    "user.totp_off": "%(user)s turned the second step off",
    "user.totp_on": "%(user)s turned the second step on",
    "webhook.changed": "%(actor)s changed the webhook %(id)s",
    "webhook.deleted": "%(actor)s deleted the webhook %(id)s",
    "webhook.made": "%(actor)s made the webhook %(id)s",
    "webhook.resent": "%(actor)s sent an event to the webhook %(id)s once more",
    "webhook.tested": "%(actor)s tested the webhook %(id)s",
}
"""Each type of event, in the words of who acted, what it was about, and the members of its detail. The console translates."""

ACTORS = {"cli": "The command line", "outbox": "The server", "anonymous": "Somebody", "": "Somebody"}
"""Who acted, where it was no person, app or API key."""

AN_APP, A_KEY, THE_ORG = "The app %(app)s", "The API key %(key)s", "the organization"
OTHER = "%(actor)s: %(type)s"
"""An event of a type that this version does not know."""

UNKNOWN = "–"

FIELDS = ("id", "at", "org", "type", "result", "actor", "client_id", "user_id", "grant_id", "address", "detail")
"""The members of an event's document, in order."""


def render_event(org: bytes, event: Event) -> dict[str, Any]:
    """The document of an event, with the members of FIELDS. Ids are as everywhere; `org` is null for the instance's."""
    return {
        "id": render_id("evt", event.id),
        "at": datetime.fromtimestamp(event.at, UTC).isoformat().replace("+00:00", "Z"),
        "org": None if org == INSTANCE else render_id("org", org),
        "type": event.type,
        "result": event.result,
        "actor": event.actor,
        "client_id": event.client_id,
        "user_id": event.user_id and render_id("usr", event.user_id),
        "grant_id": event.grant_id and render_id("gnt", event.grant_id),
        "address": event.address,
        "detail": orjson.loads(event.detail),
    }


def render_sentence(event: Event) -> str:
    """The event as a sentence. What others sent is in it as they sent it."""
    detail: dict[str, Any] = orjson.loads(event.detail)
    app = event.actor.removeprefix("app:")
    known = {
        "type": event.type,
        "actor": ACTORS.get(event.actor) or (event.actor if app == event.actor else AN_APP % {"app": app}),
        "app": event.client_id or UNKNOWN,
        "user": render_id("usr", event.user_id) if event.user_id else THE_ORG,
        "grant": render_id("gnt", event.grant_id) if event.grant_id else UNKNOWN,
    }
    sentence = SENTENCES.get(event.type, OTHER) % Words(detail | known)
    if event.address:
        sentence += f", from {event.address}"
    if "left_out_before" in detail:
        sentence += f" (and {detail['left_out_before']} like it before)"
    return sentence


class Words(dict[str, Any]):
    """The words of a sentence; one that an event lacks is a dash."""

    def __missing__(self, key: str) -> str:
        return UNKNOWN
