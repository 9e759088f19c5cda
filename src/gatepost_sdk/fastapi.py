"""Tokens as FastAPI dependencies: checked before the route runs, with their scopes in OpenAPI.

from typing import Annotated
from gatepost_sdk.fastapi import Auth, Token

auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
Reader = Annotated[Token, auth.require("agents:read")]

@app.get("/agents")
async def list_agents(token: Reader): ...
"""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Unpack

from fastapi import APIRouter, HTTPException, Security
from fastapi.openapi.models import OpenIdConnect
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from gatepost_sdk import asgi
from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import NOTHING, Guard, Need
from gatepost_sdk.token import Token
from gatepost_sdk.verifier import Options

__all__ = ["Auth", "Token"]


class Auth:
    """Whose tokens an API takes, and for which audience.

    >>> auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    >>> app.include_router(auth.metadata_router())
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.guard = Guard(issuer, audience=audience, resource=resource, **options)

    def require(self, *scopes: str, any_of: Collection[str] = (), org_param: str | None = None) -> Any:
        """A dependency that is the caller's Token: all of `scopes`, one of `any_of`, of the organization in a path parameter.

        >>> Reader = Annotated[Token, auth.require("agents:read", org_param="org")]
        """
        return Security(_Caller(self.guard, self.guard.need(scopes, any_of), org_param), scopes=[*scopes, *any_of])

    def optional(self) -> Any:
        """A dependency that is the caller's Token, or None for a request without one. A bad token is refused all the same.

        >>> Anyone = Annotated[Token | None, auth.optional()]
        """
        return Security(_Visitor(self.guard))

    def metadata_router(self) -> APIRouter:
        """The route of the metadata document of RFC 9728, by which clients find out where to get a token.

        >>> app.include_router(auth.metadata_router())
        """
        router = APIRouter()
        router.add_api_route(self.guard.metadata_route(), self._metadata, include_in_schema=False)
        return router

    def middleware(self, app: asgi.App, *, public: Collection[str] = (), scopes: Collection[str] = ()) -> asgi.App:
        """Deny by default: without a token only `public` paths, and what is below them, are answered.

        >>> app.add_middleware(auth.middleware, public=["/health", "/docs", "/openapi.json"])
        """
        return asgi.Guarded(app, self.guard, public, scopes)

    async def _metadata(self) -> JSONResponse:
        status, headers, body = self.guard.describe()
        return JSONResponse(body, status, headers)


class _Caller(SecurityBase):
    """The dependency behind `require`. It ends after the route, so it also answers for `token.check_org(…)` in there."""

    def __init__(self, guard: Guard, need: Need, org_param: str | None) -> None:
        self.model = _scheme(guard)
        self.scheme_name = "gatepost"
        self._guard = guard
        self._need = need
        self._org_param = org_param

    async def __call__(self, request: HTTPConnection) -> AsyncIterator[Token]:
        need = self._need
        if self._org_param:
            need = need._replace(org=request.path_params[self._org_param])
        with _refusing(self._guard, need):
            yield await _check(self._guard, request, need)


class _Visitor(SecurityBase):
    """The dependency behind `optional`."""

    def __init__(self, guard: Guard) -> None:
        self.model = _scheme(guard)
        self.scheme_name = "gatepost"
        self._guard = guard

    async def __call__(self, request: HTTPConnection) -> AsyncIterator[Token | None]:
        with _refusing(self._guard, NOTHING):
            yield await _check(self._guard, request, NOTHING) if "authorization" in request.headers else None


async def _check(guard: Guard, request: HTTPConnection, need: Need) -> Token:
    """The caller's token. Where a middleware or another dependency has looked at it before, it counts no second time."""
    state = request.scope.setdefault("state", {})
    sent, is_again = asgi.sent_by(request.scope), "token" in state
    token = await guard.acheck(request.headers.getlist("authorization"), need, sent, again=is_again)
    state.setdefault("token", token)
    return token


@contextmanager
def _refusing(guard: Guard, need: Need) -> Iterator[None]:
    try:
        yield
    except TokenError as error:
        status, headers, body = guard.refuse(error, need)
        raise HTTPException(status, body, headers) from error


def _scheme(guard: Guard) -> OpenIdConnect:
    return OpenIdConnect(openIdConnectUrl=f"{guard.verifier.issuer.rstrip('/')}/.well-known/openid-configuration")
