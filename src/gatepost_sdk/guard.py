"""What every framework's face does alike: read the header, verify, refuse in HTTP, and say whom to ask for a token.

RFC 6750 §2.1 and §3, RFC 9728 §2, §3.1 and §5.1. No framework is imported here.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, Unpack
from urllib.parse import quote, urlsplit

from gatepost_sdk.errors import TokenError
from gatepost_sdk.fetch import check_url
from gatepost_sdk.jws import ALGORITHMS
from gatepost_sdk.proofs import Proof
from gatepost_sdk.token import Token
from gatepost_sdk.verifier import Options, Verifier

RETRY_AFTER_SECONDS = 5
WELL_KNOWN = "/.well-known/oauth-protected-resource"

# What a client may put on a command line or into a page without a second thought.
_PLAIN_URL = re.compile(r"[A-Za-z0-9.:/_~%\[\]-]+")
_NOT_QUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class Need(NamedTuple):
    """What a route asks of a token: all of `scopes`, one of `any_of`, and this organization."""

    scopes: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    org: str | None = None


NOTHING = Need()


class Sent(NamedTuple):
    """What else of a request counts when its token is bound to a key: its headers DPoP, its method, its decoded path."""

    dpop: Sequence[str] = ()
    method: str = ""
    path: str = ""


NO_PROOF = Sent()


class Reply(NamedTuple):
    """An answer in HTTP; its body is to be sent as JSON."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Guard:
    """A verifier, and how an API speaks of it to clients. Each framework's `Auth` has one.

    With an https audience, or with `resource`, the API has a metadata document of RFC 9728, and every challenge names it.

    >>> Guard("https://auth.acme.dev", audience="https://api.acme.dev/v1").metadata_path
    '/.well-known/oauth-protected-resource/v1'
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.verifier = Verifier(issuer, audience=audience, **options)
        self._scopes: set[str] = set()
        if resource is None and isinstance(audience, str) and audience.startswith("http"):
            resource = audience
        self.resource = resource
        self.metadata_path, self._metadata_url = _metadata_place(resource) if resource else ("", "")

    def need(self, scopes: Iterable[str], any_of: Iterable[str] = ()) -> Need:
        """What a route will ask for; its scopes are told in the metadata.

        >>> guard.need(["agents:read"])
        Need(scopes=('agents:read',), any_of=(), org=None)
        """
        need = Need(tuple(scopes), tuple(any_of))
        self._scopes.update(need.scopes, need.any_of)
        return need

    def check(
        self, authorization: Sequence[str], need: Need = NOTHING, sent: Sent = NO_PROOF, *, again: bool = False
    ) -> Token:
        """The token in a request's Authorization headers, of which there may be one. Raises TokenError.

        One of the scheme DPoP needs the proof that was sent with it. With `again` the same request was checked before, and
        neither is counted a second time nor uses its proof up.

        >>> guard.check([f"Bearer {raw}"]).sub
        'usr_ana'
        """
        raw, proof = self._read(authorization, sent)
        try:
            return self.verifier.verify(raw, *need.scopes, any_of=need.any_of, org=need.org, proof=proof, again=again)
        except TokenError as error:
            _name_scheme(error, proof)
            raise

    async def acheck(
        self, authorization: Sequence[str], need: Need = NOTHING, sent: Sent = NO_PROOF, *, again: bool = False
    ) -> Token:
        """The same for asyncio.

        >>> asyncio.run(guard.acheck([f"Bearer {raw}"])).sub
        'usr_ana'
        """
        raw, proof = self._read(authorization, sent)
        try:
            return await self.verifier.averify(
                raw, *need.scopes, any_of=need.any_of, org=need.org, proof=proof, again=again
            )
        except TokenError as error:
            _name_scheme(error, proof)
            raise

    def _read(self, authorization: Sequence[str], sent: Sent) -> tuple[str, Proof | None]:
        """The one token of a request, and its proof if it came by the scheme DPoP.

        Which host a request was sent to is not the request's to say: it is the resource's.
        """
        if len(authorization) > 1:
            raise TokenError("malformed", "There is more than one Authorization header.")
        scheme, _, token = authorization[0].strip().partition(" ") if authorization else ("", "", "")
        if scheme.lower() == "bearer":
            return token.strip(), None
        if scheme.lower() != "dpop":
            raise TokenError("missing", "There is no access token.")
        if not self.resource:
            raise TokenError(
                "bad_proof", 'A proof is of a URL, and this API knows none of its own: resource="https://…".'
            )
        parts = urlsplit(self.resource)
        text = sent.dpop[0] if len(sent.dpop) == 1 else ""
        return token.strip(), Proof(text, sent.method, f"{parts.scheme}://{parts.netloc}{quote(sent.path)}")

    def refuse(self, error: TokenError, need: Need = NOTHING) -> Reply:
        """The answer to a request whose token is refused, with the challenge that tells a client what to do about it.

        >>> guard.refuse(TokenError("missing", "There is no token.")).status
        401
        """
        body = {"error": error.code, "error_description": str(error)}
        if error.status in (429, 503):
            return Reply(error.status, {"Retry-After": str(error.retry_after or RETRY_AFTER_SECONDS)}, body)
        if error.status == 403 and not error.refusal.error:
            return Reply(403, {}, body)  # no other token of the same person would change it, so none is asked for
        scopes = error.scopes or {*need.scopes, *need.any_of}
        parameters = {
            "algs": " ".join(ALGORITHMS) if error.scheme == "DPoP" else "",
            "error": error.refusal.error,
            "error_description": error.reason if error.refusal.error else "",
            "scope": " ".join(sorted(scopes)),
            "resource_metadata": self._metadata_url,
        }
        quoted = (f'{name}="{_NOT_QUOTABLE.sub("?", value)}"' for name, value in parameters.items() if value)
        return Reply(error.status, {"WWW-Authenticate": f"{error.scheme} {', '.join(quoted)}".rstrip()}, body)

    def metadata_route(self) -> str:
        """The path of the metadata document, for a framework's routes. Raises ValueError if this API has none.

        >>> guard.metadata_route()
        '/.well-known/oauth-protected-resource'
        """
        if not self.metadata_path:
            raise ValueError('an audience that is no URL has no metadata: give the API one with resource="https://…"')
        return self.metadata_path

    def describe(self) -> Reply:
        """The document of RFC 9728: what this API is, and whose tokens it takes. Every origin may read it.

        >>> guard.describe().body["authorization_servers"]
        ['https://auth.acme.dev']
        """
        body = {
            "resource": self.resource,
            "authorization_servers": [self.verifier.issuer],
            "scopes_supported": sorted(self._scopes),
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
        }
        return Reply(200, {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=3600"}, body)


def is_public(path: str, public: Iterable[str]) -> bool:
    """Whether a path is one of these, or below one; below the root nothing is, nor where dots lead out again.

    >>> is_public("/docs/oauth2-redirect", ["/docs"]), is_public("/docs.old", ["/docs"]), is_public("/me", ["/", ""])
    (True, False, False)
    """
    # The application may hand a path on to what resolves it.
    return ".." not in path.split("/") and any(
        path == each or (each.strip("/") and path.startswith(each.rstrip("/") + "/")) for each in public
    )


def _name_scheme(error: TokenError, proof: Proof | None) -> None:
    """Name in a refusal the scheme that the token came by, unless that scheme is what is wrong."""
    if proof is not None and error.code != "not_bound":
        error.scheme = "DPoP"


def _metadata_place(resource: str) -> tuple[str, str]:
    """The path and the URL of the metadata document of a resource. RFC 9728 §3.1."""
    check_url(resource)
    if not _PLAIN_URL.fullmatch(resource):
        raise ValueError(f"{resource} has characters that a resource's URL may not have here")
    parts = urlsplit(resource)
    path = WELL_KNOWN + parts.path.rstrip("/")
    return path, f"{parts.scheme}://{parts.netloc}{path}"
