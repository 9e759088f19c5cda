"""The gate: whether a grant is alive now, with everything it stands on. Whatever mints from it or vouches for it asks last."""

from gatepost.errors import OAuthError
from gatepost.records import UNTIL_USED, Grant

PUBLIC_RETRY_WINDOW = 60
"""Seconds in which a public app may present the previous refresh token again."""


def why_dead(grant: Grant | None, now: int) -> str:
    """The reason why nothing may be minted from this grant, in words; empty when it is alive."""
    if grant is None:
        return "there is no such grant; it expired long ago, or its app was deleted"
    return why_over(grant, now) or _why_disabled(grant)


def why_over(grant: Grant, now: int) -> str:
    """The reason why a grant is over for good; empty for one that lives, or would if nothing were disabled."""
    if grant.revoked_at is not None:
        return "the grant was revoked"
    if not grant.unbroken:
        return "all grants of its organization, app, user or API key were revoked"
    if now >= grant.expires_at:
        return "the grant reached the end of its life"
    if now >= grant.last_used_at + grant.idle_ttl:
        return "the grant was not used for too long"
    return ""


def _why_disabled(grant: Grant) -> str:
    if grant.org_disabled_at is not None:
        return "the organization is disabled"
    if grant.app_disabled_at is not None:
        return "the app is disabled"
    if grant.user_disabled_at is not None:
        return "the user is disabled"
    if not grant.is_member:
        return "the user is not a member of the organization any more"
    if not grant.resource_exists:
        return "the resource it is for was deleted"
    return ""


def may_mint(grant: Grant | None, now: int) -> Grant:
    """The grant, if a token may be minted from it now. Raises `invalid_grant`."""
    reason = why_dead(grant, now)
    if reason or grant is None:
        raise OAuthError("invalid_grant", "The grant behind this token is not valid any more.", detail=reason)
    return grant


def retry_window(grant: Grant, default: int | None) -> int:
    """How long the previous refresh token still answers: the app's word, else the server's, else by what guards it."""
    for window in (grant.app_retry_window, default):
        if window is not None:
            return window
    is_bare = grant.app_auth_method == "none" and grant.jkt is None
    return PUBLIC_RETRY_WINDOW if is_bare else UNTIL_USED


def would_answer(grant: Grant, generation: int, default: int | None, now: int) -> bool:
    """Whether a refresh with this generation of a live grant would be answered; the rule is at the head of store/grants.py."""
    if generation != grant.generation - 1:
        return generation >= grant.generation
    window = retry_window(grant, default)
    return window == UNTIL_USED or now - grant.rotated_at <= window
