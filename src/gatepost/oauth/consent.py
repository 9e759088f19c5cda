"""When a person has to be asked, and what their yes is bound to. RFC 9700 §4.1, OAuth 2.1 §7.3, OpenID Connect Core §3.1.2.4."""

import hashlib
from urllib.parse import urlsplit

import orjson

from gatepost.oauth.client_metadata import ClientMetadata
from gatepost.records import REFUSED, WAITING, App, AppRequest, Consent

ADMIN = "gatepost"
"""The scope with the power of the person's role over this server itself."""

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def digest_of(app: App, metadata: ClientMetadata, redirect_uris: tuple[str, ...]) -> bytes:
    """What a person was shown of an app, and what makes it that app: a change asks again."""
    shown = [app.name, sorted(redirect_uris), metadata.jwks, metadata.jwks_uri, app.auth_method, app.scope]
    shown += ["agent"] if metadata.agent else []
    return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).digest()


def covers(consent: Consent | None, scope: str, digest: bytes) -> bool:
    """Whether this consent still speaks for this ask."""
    return consent is not None and consent.digest == digest and set(scope.split()) <= set(consent.scope.split())


UNASKED = "unasked"
UNAPPROVED = (UNASKED, WAITING, REFUSED)
"""Why an app that needs approval may not be connected: nobody asked for it yet, nobody has answered, or an admin said no."""


def why_unapproved(request: AppRequest | None, scope: str, digest: bytes) -> str:
    """Why an organization that approves apps first lets nobody connect this one; empty when it does.

    An organization's yes is bound as a person's is: to what was asked, of the app as it was. Its no is to the app as it was.
    """
    if request is None:
        return UNASKED
    asked = set(scope.split())
    if request.agreed_digest == digest and asked <= set((request.agreed_scope or "").split()):
        return ""
    is_asked = request.digest == digest and (request.state == REFUSED or asked <= set(request.scope.split()))
    return request.state if is_asked and request.state in UNAPPROVED else UNASKED


def may_pass_silently(app: App, redirect_uri: str) -> bool:
    """Whether an app may go by a remembered consent: anybody can claim to be a public one, but not to own a real host."""
    return not app.is_public or is_elsewhere(redirect_uri)


def is_elsewhere(redirect_uri: str) -> bool:
    """Whether it leads to a host that proves itself with a certificate, and not to a program on the person's device."""
    address = urlsplit(redirect_uri)
    return address.scheme == "https" and address.hostname not in LOOPBACK_HOSTS


def risk_of(redirect_uri: str, scope: str, *, is_own: bool) -> str:
    """What the person should be warned of most, in one word; empty for nothing.

    Power over the organization itself weighs most; then that any program on the person's device can take the app's place;
    then that nobody whom they know has vouched for the app.
    """
    if ADMIN in scope.split():
        return "admin"
    if not is_elsewhere(redirect_uri):
        return "this_computer"
    return "" if is_own else "unverified"


def host_of(redirect_uri: str) -> str:
    """Where the person will be sent, as they read it: the host, or the scheme of an app on their device."""
    address = urlsplit(redirect_uri)
    return address.hostname or f"{address.scheme}:"
