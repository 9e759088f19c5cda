"""The catalogue of refusals: one code, one HTTP status, one exit code, two audiences. RFC 6749 §5.2, RFC 6750 §3.1.

`description` is for whoever asked: it says what is wrong and how to mend it. `detail` is for the log alone. Neither may
hold a secret. `docs/errors.md` lists the catalogue; a test compares the two.
"""

import re
from typing import NamedTuple

_UNPLAIN = re.compile(r"[^ !#-\[\]-~]")


class Code(NamedTuple):
    """What a code means on each face: the HTTP status, and the exit code of the command line."""

    status: int
    exit: int
    meaning: str


CATALOGUE = {
    "invalid_request": Code(400, 2, "The request has the wrong shape: a field is missing, repeated or malformed."),
    "invalid_token": Code(401, 6, "There is no caller: the API key is missing, unknown, expired or revoked."),
    "invalid_client": Code(401, 6, "The app is unknown here, disabled, or did not prove who it is."),
    "invalid_grant": Code(400, 6, "The token is invalid, expired, revoked or replayed, or belongs to another app."),
    "invalid_dpop_proof": Code(
        400, 6, "The proof of possession is missing, malformed, for another request, or was sent before. RFC 9449."
    ),
    "use_dpop_nonce": Code(400, 6, "The proof needs a nonce: the one in the header `DPoP-Nonce`. RFC 9449 §8."),
    "invalid_scope": Code(400, 2, "A scope is unknown, malformed, or more than the app may have."),
    "invalid_target": Code(400, 2, "The resource is not one that the organization has registered. RFC 8707."),
    "invalid_request_uri": Code(400, 2, "The request_uri is not one of ours, expired, or was used. RFC 9126."),
    "invalid_authorization_details": Code(400, 2, "There are no types of authorization_details here. RFC 9396."),
    "request_not_supported": Code(400, 2, "Request objects are not taken; push the request to /par."),
    "request_uri_not_supported": Code(
        400, 2, "A request_uri of somebody else's is not taken; push the request to /par."
    ),
    "unsupported_response_type": Code(400, 2, "The response type is another than code."),
    "unsupported_grant_type": Code(400, 2, "The grant type is not one that this server has."),
    "authorization_pending": Code(
        400, 6, "The person has not answered yet; ask again after the interval. RFC 8628 §3.5."
    ),
    "slow_down": Code(
        400, 6, "The device asks too often; its interval is 5 seconds longer from now on. RFC 8628 §3.5."
    ),
    "expired_token": Code(400, 6, "The device_code expired before the person answered; start again. RFC 8628 §3.5."),
    "unauthorized_client": Code(400, 6, "The app is known, but not registered for this."),
    "access_denied": Code(403, 6, "The person said no, or may not say yes."),
    "login_required": Code(400, 6, "Nobody is signed in, and the app asked for no page. OpenID Connect Core §3.1.2.6."),
    "unmet_authentication_requirements": Code(
        400, 6, "The app wants a surer sign-in than this server or the person has. OpenID Connect."
    ),
    "interaction_required": Code(
        400, 6, "The person has to ask an admin first, and the app asked for no page. OpenID Connect Core §3.1.2.6."
    ),
    "consent_required": Code(400, 6, "The person has to be asked, and the app asked for no page."),
    "page_expired": Code(400, 6, "The page was answered before, is too old, or belongs to another browser."),
    "link_expired": Code(400, 6, "The one-time link was used before, is too old, or is none of ours."),
    "invalid_user": Code(400, 2, "The user is not a member of the organization."),
    "insufficient_scope": Code(403, 6, "The caller is known but lacks the power this needs."),
    "invalid_redirect_uri": Code(400, 2, "A redirect URI may not be registered. RFC 7591 §3.2.2."),
    "invalid_client_metadata": Code(
        400, 2, "What an app says of itself is malformed, unsafe, or not had here. RFC 7591."
    ),
    "redirect_uri_mismatch": Code(400, 2, "The app is known, but not with this redirect URI."),
    "unsupported_media_type": Code(415, 2, "The body is not of the type this route reads, or it is compressed."),
    "payload_too_large": Code(413, 2, "The body is over 64 KiB."),
    "headers_too_large": Code(431, 2, "The request's headers are over 16 KiB."),
    "too_many_requests": Code(429, 1, "A rate limit is reached; `Retry-After` says when to come back."),
    "method_not_allowed": Code(405, 2, "The path exists, but not with this method; `Allow` lists the ones it has."),
    "not_found": Code(404, 4, "There is no such thing here."),
    "conflict": Code(409, 5, "It exists already, belongs to somebody else, or its state forbids this now."),
    "overtaken": Code(409, 5, "Somebody else changed it at the same moment; nothing was changed."),
    "precondition_failed": Code(412, 5, "It has changed since the caller read it: `If-Match` names another state."),
    "key_reused": Code(422, 5, "The `Idempotency-Key` came with another request before."),
    "not_allowed": Code(403, 6, "The operating system or a rule of this server forbids it."),
    "invalid_configuration": Code(500, 3, "A setting is unknown, malformed or unsafe."),
    "temporarily_unavailable": Code(503, 7, "The store cannot write now; nothing was changed; try again."),
    "server_error": Code(500, 1, "A fault of ours. The event id finds it in the log."),
}


class GatepostError(Exception):
    """A refusal from the catalogue. `extra` are further members of the answer, for the caller's eyes.

    `fix` is what to do about it, as a command or a setting. `org` is the organization it happened in, if known; `event` is
    the event that was recorded with it, if one was. `scheme` is the way to authenticate that a 401 names, `nonce` what the
    next proof of possession has to carry, and `headers` are further headers of the answer.
    """

    def __init__(
        self,
        code: str,
        description: str,
        *,
        detail: str = "",
        fix: str = "",
        status: int = 0,
        scheme: str = "",
        org: bytes = b"",
        event: bytes = b"",
        nonce: str = "",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **extra: str | int | list[str],
    ) -> None:
        super().__init__(description)
        entry = CATALOGUE[code]
        self.code = code
        self.description = description
        self.detail = detail
        self.fix = fix
        self.status = status or entry.status
        self.exit = entry.exit
        self.scheme = scheme
        self.org = org
        self.event = event
        self.nonce = nonce
        self.headers = headers
        self.extra = extra

    @property
    def plain_description(self) -> str:
        """The description in the characters that an `error_description` may have, whatever it repeats. RFC 6749 §5.2."""
        return _UNPLAIN.sub("?", self.description)


class OAuthError(GatepostError):
    """A refusal that a protocol route answers with."""


def too_many(what: str, wait: int) -> OAuthError:
    """The refusal of whoever asks too often, and may come back in `wait` seconds."""
    return OAuthError("too_many_requests", f"Too many {what}. Try again in {wait} seconds.", retry_after=wait)


class StoreUnavailableError(GatepostError):
    """The store could not commit: the disk is full, the file is locked, or the database is gone.

    Nothing was changed, unless the description says otherwise.
    """

    def __init__(
        self,
        detail: str,
        description: str = "Gatepost cannot write to its database right now and changed nothing. Try again in a moment.",
        fix: str = "",
    ) -> None:
        super().__init__("temporarily_unavailable", description, detail=detail, fix=fix)
