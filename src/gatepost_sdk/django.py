"""Tokens for Django: a decorator for views, a middleware, and the metadata of RFC 9728. Views may be async.

# acme/auth.py
from gatepost_sdk.django import Auth

auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
middleware = auth.middleware(public=["/health"])  # in MIDDLEWARE: "acme.auth.middleware"

# acme/views.py
@auth.require("agents:read")
def list_agents(request):
    return JsonResponse(agents_of(request.token.sub))
"""

import functools
from collections.abc import Callable, Collection
from typing import Any, TypeAlias, TypeVar, Unpack, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.utils.decorators import sync_and_async_middleware

from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import Guard, Need, Reply, Sent, is_public
from gatepost_sdk.verifier import Options

View = TypeVar("View", bound=Callable[..., Any])
Respond: TypeAlias = Callable[[HttpRequest], Any]


class Auth:
    """Whose tokens a site takes, and for which audience.

    >>> auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    >>> urlpatterns = [*auth.urls()]
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.guard = Guard(issuer, audience=audience, resource=resource, **options)

    def require(
        self, *scopes: str, any_of: Collection[str] = (), org_param: str | None = None
    ) -> Callable[[View], View]:
        """Run a view only for callers whose token has all of `scopes`, one of `any_of`, and the organization in the URL.

        The token is `request.token`. What the view refuses by `request.token.check_org(…)` is answered as well.

        >>> @auth.require("agents:read", org_param="org")
        ... def list_agents(request, org): ...
        """
        need = self.guard.need(scopes, any_of)

        def decorate(view: View) -> View:
            @functools.wraps(view)
            def guarded(request: HttpRequest, *args: Any, **values: Any) -> Any:
                asked = need._replace(org=values[org_param]) if org_param else need
                return self._answer(request, asked, lambda: view(request, *args, **values))

            @functools.wraps(view)
            async def aguarded(request: HttpRequest, *args: Any, **values: Any) -> Any:
                asked = need._replace(org=values[org_param]) if org_param else need
                return await self._aanswer(request, asked, lambda: view(request, *args, **values))

            return cast(View, aguarded if iscoroutinefunction(view) else guarded)

        return decorate

    def middleware(self, *, public: Collection[str] = (), scopes: Collection[str] = ()) -> Callable[[Respond], Respond]:
        """A middleware that denies by default: only `public` paths, and what is below them, are open to everybody.

        >>> middleware = auth.middleware(public=["/health"])
        """
        need, opened = self.guard.need(scopes), [*public, self.guard.metadata_path]

        def middleware(respond: Respond) -> Respond:
            def guarded(request: HttpRequest) -> Any:
                if is_public(request.path_info, opened):
                    return respond(request)
                return self._answer(request, need, lambda: respond(request))

            async def aguarded(request: HttpRequest) -> Any:
                if is_public(request.path_info, opened):
                    return await respond(request)
                return await self._aanswer(request, need, lambda: respond(request))

            return aguarded if iscoroutinefunction(respond) else guarded

        marked: Callable[[Respond], Respond] = sync_and_async_middleware(middleware)
        return marked

    def urls(self) -> list[URLPattern]:
        """The route of the metadata document of RFC 9728, for the site's own urlpatterns.

        >>> urlpatterns = [*auth.urls()]
        """
        return [path(self.guard.metadata_route().removeprefix("/"), lambda _: _respond(self.guard.describe()))]

    def _answer(self, request: HttpRequest, need: Need, go_on: Callable[[], Any]) -> Any:
        try:
            request.token = self.guard.check(
                _header(request, "Authorization"), need, _sent(request), again=hasattr(request, "token")
            )
            return go_on()
        except TokenError as error:
            return _respond(self.guard.refuse(error, need))

    async def _aanswer(self, request: HttpRequest, need: Need, go_on: Callable[[], Any]) -> Any:
        try:
            token = await self.guard.acheck(
                _header(request, "Authorization"), need, _sent(request), again=hasattr(request, "token")
            )
            request.token = token
            return await go_on()
        except TokenError as error:
            return _respond(self.guard.refuse(error, need))


def _respond(reply: Reply) -> JsonResponse:
    return JsonResponse(reply.body, status=reply.status, headers=reply.headers)


def _sent(request: HttpRequest) -> Sent:
    return Sent(_header(request, "DPoP"), str(request.method), request.path)


def _header(request: HttpRequest, name: str) -> list[str]:
    value = request.headers.get(name)
    return [value] if value else []
