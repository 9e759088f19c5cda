"""What events say: a sentence for people, from one literal table, and a stable document for programs."""

from datetime import UTC, datetime
from typing import Any

import orjson

from gatepost.records import Event
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE

SENTENCES = {
    "app.changed": "{actor} changed the app {app}",
    "app.deleted": "{actor} deleted the app {app}",
    "app.disabled": "{actor} disabled the app {app}",
    "app.enabled": "{actor} enabled the app {app}",
    "app.grants_revoked": "{actor} ended all grants of the app {app}",
    "app.limited": "{actor} set the limit of the app {app}: {rate_limit}",
    "app.made": "{actor} made the app {app}",
    "app.redirect_uri_added": "{actor} registered a redirect URI for the app {app}",
    "app.redirect_uri_removed": "{actor} removed a redirect URI of the app {app}",
    "app.secret_added": "{actor} gave the app {app} the secret {id}",
    "app.secret_deleted": "{actor} deleted the secret {id} of the app {app}",
    "delivery.given_up": "{actor} gave up sending a {kind} to {target}: {why}",
    "grant.consented": "{user} let the app {app} connect",
    "grant.device_approved": "{user} let a device connect with the app {app}",
    "grant.device_denied": "{user} said no to a device with the app {app}",
    "grant.disconnected": "{user} disconnected the app {app}",
    "grant.first_used": "{actor} refreshed {grant} for the first time",
    "grant.limited": "{actor} set the limit of {grant}: {rate_limit}",
    "grant.made": "{actor} connected the app {app} for {user}: {grant}",
    "grant.replayed": "{actor} presented a refresh token that was used before, so {grant} was revoked",
    "grant.revoked": "{actor} revoked {grant} of the app {app}",
    "instance.backed_up": "{actor} made a backup",
    "instance.copied": "{actor} copied the database here from {from}",
    "instance.restored": "{actor} restored a backup",
    "grant.token_revoked": "{actor} revoked a token of the app {app}",
    "invitation.made": "{actor} invited somebody: {id}",
    "invitation.withdrawn": "{actor} withdrew the invitation {id}",
    "key.made": "{actor} made the API key {id}",
    "key.revoked": "{actor} revoked the API key {id}",
    "org.auth_token_made": "{actor} asked for the organization's auth_token, which was made",
    "org.disabled": "{actor} disabled the organization",
    "org.enabled": "{actor} enabled the organization",
    "org.grants_revoked": "{actor} ended all grants of the organization",
    "org.limited": "{actor} set the limit of the organization: {rate_limit}",
    "org.made": "{actor} made the organization",
    "request.passkey_refused": "a passkey of {user} was refused: it counts backwards, so it may be a copy",
    "request.signed_in": "{user} signed in",
    "request.signed_out": "{user} signed out",
    "request.played": "{actor} played the flow of the app {app} in the playground",
    "request.refused": "{actor} was refused at {path}: {why}",
    "org.renamed": "{actor} gave the organization another name",
    "resource.deleted": "{actor} deleted a resource",
    "resource.made": "{actor} registered a resource",
    "trusted_issuer.deleted": "{actor} trusts an identity provider no more",
    "trusted_issuer.made": "{actor} trusted an identity provider",
    "scope.text_set": "{actor} said in words what a scope means",
    "signing_key.rotated": "{actor} activated the signing key {kid}",
    "user.disabled": "{actor} disabled {user}",
    "user.email_verified": "{user} proved their e-mail",
    "user.enabled": "{actor} enabled {user}",
    "user.grants_revoked": "{actor} ended all grants of {user}",
    "user.joined": "{actor} made {user} a member",
    "user.made": "{actor} made {user}, new here, a member",
    "user.passkey_added": "{user} added a passkey",
    "user.passkey_removed": "{user} removed a passkey",
    "user.recovery_code_used": "{user} signed in with a recovery code",
    "user.recovery_codes_replaced": "{user} made new recovery codes",
    "user.removed": "{actor} removed {user} from the organization",
    "user.role_changed": "{actor} made {user} {role}, who was {before}",
    "user.totp_off": "{user} turned the second step off",
    "user.totp_on": "{user} turned the second step on",
    "webhook.changed": "{actor} changed the webhook {id}",
    "webhook.deleted": "{actor} deleted the webhook {id}",
    "webhook.made": "{actor} made the webhook {id}",
    "webhook.resent": "{actor} sent an event to the webhook {id} once more",
    "webhook.tested": "{actor} tested the webhook {id}",
    "user.password_set": "{actor} gave {user} a new password",
}
"""Each type of event, in the words of who acted, what it was about, and the members of its detail."""

_ACTORS = {"cli": "the command line", "outbox": "the server", "anonymous": "somebody", "": "somebody"}

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
    words = _Words(detail)
    words |= {
        "actor": _ACTORS.get(event.actor) or event.actor.replace("app:", "the app ", 1),
        "app": event.client_id or "–",
        "user": render_id("usr", event.user_id) if event.user_id else "the organization",
        "grant": render_id("gnt", event.grant_id) if event.grant_id else "–",
    }
    sentence = SENTENCES.get(event.type, "{actor}: " + event.type).format_map(words)
    if event.address:
        sentence += f", from {event.address}"
    if "left_out_before" in detail:
        sentence += f" (and {detail['left_out_before']} like it before)"
    return sentence


class _Words(dict[str, Any]):
    """The words of a sentence; one that an event lacks is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"
