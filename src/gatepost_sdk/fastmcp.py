"""An MCP server that takes Gatepost's tokens: an auth provider for FastMCP. MCP authorization, revision 2026-07-28.

    from fastmcp import FastMCP
    from gatepost_sdk.fastmcp import provider

    mcp = FastMCP("acme", auth=provider("https://auth.acme.dev", resource="https://mcp.acme.dev/mcp", scopes=["tools"]))

Clients find the authorization server by the metadata of RFC 9728, which FastMCP serves. In a tool, `get_access_token().claims`
says who calls.
"""

from collections.abc import Collection
from typing import Unpack
from urllib.parse import urlsplit

from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerificationError, TokenVerifier
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import Guard
from gatepost_sdk.verifier import Options


def provider(
    issuer: str, *, resource: str, scopes: Collection[str] = (), **options: Unpack[Options]
) -> "GatepostProvider":
    """What FastMCP takes as `auth`. `resource` is the URL of the MCP endpoint, and the audience of its tokens.

    >>> auth = provider("https://auth.acme.dev", resource="https://mcp.acme.dev/mcp", scopes=["tools"])
    """
    return GatepostProvider(Guard(issuer, audience=resource, **options), scopes)


class GatepostProvider(RemoteAuthProvider):
    """The provider that `provider` makes. Its metadata document is our own, which names the issuer to the letter.

    >>> isinstance(provider("https://auth.acme.dev", resource="https://mcp.acme.dev/mcp"), GatepostProvider)
    True
    """

    def __init__(self, guard: Guard, scopes: Collection[str]) -> None:
        self.guard = guard
        guard.need(scopes)
        parts = urlsplit(str(guard.resource))
        super().__init__(
            token_verifier=_Tokens(guard, list(scopes)),
            authorization_servers=[AnyHttpUrl(guard.verifier.issuer)],
            base_url=f"{parts.scheme}://{parts.netloc}",
        )

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The route of the metadata document. Raises ValueError when the server is mounted elsewhere than it says.

        >>> [route.path for route in provider("https://auth.acme.dev", resource="https://a.dev/mcp").get_routes("/mcp")]
        ['/.well-known/oauth-protected-resource/mcp']
        """
        self.set_mcp_path(mcp_path)
        if str(self._get_resource_url(mcp_path)).rstrip("/") != str(self.guard.resource).rstrip("/"):
            raise ValueError(f"the MCP endpoint is at {mcp_path}, which is not where {self.guard.resource} is")
        return [Route(self.guard.metadata_path, self._metadata)]

    def get_middleware(self) -> list[Middleware]:
        """What stands before the endpoint: the look at the token, and before that the answer to one that is not to blame.

        >>> len(provider("https://auth.acme.dev", resource="https://mcp.acme.dev/mcp").get_middleware())
        3
        """
        return [Middleware(_Refusing, self.guard), *super().get_middleware()]

    async def _metadata(self, _: Request) -> Response:
        status, headers, body = self.guard.describe()
        return JSONResponse(body, status, headers)


class _Refusing:
    """Answers for a token that is not to blame, with 429 or 503; FastMCP knows only good tokens and others."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except TokenVerificationError as fault:
            if not isinstance(fault.__cause__, TokenError):
                raise
            status, headers, body = self._guard.refuse(fault.__cause__)
            await JSONResponse(body, status, headers)(scope, receive, send)


class _Tokens(TokenVerifier):
    """The verifier in the words of FastMCP: None for a token that is refused."""

    def __init__(self, guard: Guard, scopes: list[str]) -> None:
        super().__init__(required_scopes=scopes)
        self._guard = guard

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            good = await self._guard.verifier.averify(token)
        except TokenError as error:
            if error.status in (429, 503):
                raise TokenVerificationError(error.reason) from error
            return None
        return AccessToken(
            token=token,
            client_id=good.client_id,
            subject=good.sub,
            scopes=sorted(good.scopes),
            expires_at=good.expires_at,
            resource=self._guard.resource,
            claims=dict(good.claims),
        )
