"""What was approved, between the person's yes and the app's exchange: the content of an authorization code. RFC 6749 §4.1.2.

It is sealed into the code and stored nowhere. Its id becomes the grant's, so the database decides which exchange is first.
"""

from typing import Any

import orjson

from gatepost.errors import OAuthError
from gatepost.light import Light, astuple
from gatepost.oauth.assurance import acr_of
from gatepost.oauth.narrow import Issue
from gatepost.records import Session

CODE_TTL = 60


class Approval(Light, frozen=True):
    """Who approved what for which app, and how the app has to prove itself. Ids are hex.

    `epoch` as in `store.grants`; None in one that an older version sealed, which did not count yet.
    """

    id: str
    expires_at: int
    app_org: str
    client_id: str
    redirect_uri: str
    challenge: str | None
    nonce: str | None
    org: str
    user_id: str
    session_id: str
    scope: str
    resource: str | None
    auth_time: int
    amr: str
    acr: str
    claims: dict[str, Any]
    dpop_jkt: str | None
    epoch: int | None = None


def approve(
    id: str, expires_at: int, app: tuple[bytes, str], session: Session, org: bytes, issue: Issue, epoch: int
) -> Approval:
    """What the session's person approved for an app, which is named by its organization and client_id.

    How the app has to prove itself is for the flow to say.
    """
    app_org, client_id = app
    return Approval(
        id=id,
        expires_at=expires_at,
        app_org=app_org.hex(),
        client_id=client_id,
        redirect_uri="",
        challenge=None,
        nonce=None,
        org=org.hex(),
        user_id=session.user_id.hex(),
        session_id=session.id.hex(),
        scope=issue.scope,
        resource=issue.resource,
        auth_time=session.auth_time,
        amr=session.amr,
        acr=acr_of(session.amr),
        claims={},
        dpop_jkt=None,
        epoch=epoch,
    )


def dump_approval(approval: Approval) -> bytes:
    """The approval as it is sealed."""
    return orjson.dumps(astuple(approval))


def load_approval(plain: bytes) -> Approval:
    """The approval that was sealed."""
    return Approval(*orjson.loads(plain))


def check_exchange(approval: Approval, app_org: bytes, client_id: str, redirect_uri: str | None, now: int) -> None:
    """Raises `invalid_grant` unless this app may exchange this approval now.

    Whether it was exchanged before, only the store knows.
    """
    if (approval.app_org, approval.client_id) != (app_org.hex(), client_id):
        raise _refused("it belongs to another app")
    if now >= approval.expires_at:
        raise _refused("it expired")
    if redirect_uri is not None and redirect_uri != approval.redirect_uri:
        raise _refused("redirect_uri differs from the authorization request's")
    if redirect_uri is None and approval.challenge is None:
        raise _refused("redirect_uri is missing, and there is no proof key in its place")


def _refused(why: str) -> OAuthError:
    return OAuthError("invalid_grant", "The code is invalid, expired or was used.", detail=why)
