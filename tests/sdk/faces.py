"""One small API, written for each framework: what it answers does not depend on the framework.

`/open` needs no token, `/agents` the scope agents:read, `/any` one of two scopes, `/orgs/ORG/agents` a token of that
organization, and `/orgs/ORG/late` finds out in its own code that it needs one.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Annotated, Any, NamedTuple, TypeAlias

import django
import django.test
import flask
import httpx
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import gatepost_sdk.asgi
import gatepost_sdk.django
import gatepost_sdk.fastapi
import gatepost_sdk.flask
import gatepost_sdk.wsgi
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE

ISSUER = "https://auth.test"


class Answer(NamedTuple):
    """What an application answered. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


Face: TypeAlias = Callable[[str, Mapping[str, str]], Answer]
"""An application, as its test client sees it: GET this path with these headers."""


def fastapi_face(issuer: Issuer) -> Face:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    get = _over_asgi(fastapi_app(auth))

    def unwrapped(path: str, headers: Mapping[str, str]) -> Answer:
        """FastAPI puts what an exception says under `detail`."""
        answer = get(path, headers)
        return answer._replace(body=answer.body.get("detail", answer.body))

    return unwrapped


def fastapi_app(auth: gatepost_sdk.fastapi.Auth) -> FastAPI:
    app = FastAPI()
    app.include_router(auth.metadata_router())

    @app.get("/open")
    async def open_to_all(token: Annotated[gatepost_sdk.Token | None, auth.optional()]) -> Any:
        return {"sub": token.sub if token is not None else None}

    @app.get("/agents")
    async def agents(token: Annotated[gatepost_sdk.Token, auth.require("agents:read")]) -> Any:
        return {"sub": token.sub}

    @app.get("/any")
    def any_scope(token: Annotated[gatepost_sdk.Token, auth.require(any_of=["agents:write", "admin"])]) -> Any:
        return {"sub": token.sub}

    @app.get("/orgs/{org}/agents")
    async def of_org(token: Annotated[gatepost_sdk.Token, auth.require(org_param="org")]) -> Any:
        return {"sub": token.sub}

    @app.get("/orgs/{org}/late")
    def late(org: str, token: Annotated[gatepost_sdk.Token, auth.require()]) -> Any:
        token.check_org(org)
        return {"sub": token.sub}

    return app


def fastapi_middleware_face(issuer: Issuer) -> Face:
    """Both of FastAPI's: a middleware in front, and routes that say what they need."""
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    return _over_asgi(auth.middleware(fastapi_app(auth)))


def flask_face(issuer: Issuer) -> Face:
    auth = gatepost_sdk.flask.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    app = flask.Flask(__name__)
    auth.init_app(app)

    @app.get("/open")
    def open_to_all() -> Any:
        return {"sub": None}

    def answer(org: str = "") -> Any:
        if flask.request.path.endswith("late"):
            flask.g.token.check_org(org)
        return {"sub": flask.g.token.sub}

    routes = {
        "/agents": auth.require("agents:read"),
        "/any": auth.require(any_of=["agents:write", "admin"]),
        "/orgs/<org>/agents": auth.require(org_param="org"),
        "/orgs/<org>/late": auth.require(),
    }
    for rule, decorate in routes.items():
        app.add_url_rule(rule, rule, decorate(answer))
    return lambda path, headers: _flask_answer(app.test_client().get(path, headers=dict(headers)))


def _flask_answer(response: Any) -> Answer:
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers}, response.json)


def django_face(issuer: Issuer) -> Face:
    return _django(issuer, asynchronous=False)


def django_async_face(issuer: Issuer) -> Face:
    return _django(issuer, asynchronous=True)


def _django(issuer: Issuer, *, asynchronous: bool) -> Face:
    auth = gatepost_sdk.django.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)

    def answer(request: HttpRequest, org: str = "") -> Any:
        if request.path.endswith("late"):
            request.token.check_org(org)
        return JsonResponse({"sub": request.token.sub})

    async def aanswer(request: HttpRequest, org: str = "") -> Any:
        return answer(request, org)

    view = aanswer if asynchronous else answer
    routes = {
        "agents": auth.require("agents:read")(view),
        "any": auth.require(any_of=["agents:write", "admin"])(view),
        "orgs/<org>/agents": auth.require(org_param="org")(view),
        "orgs/<org>/late": auth.require()(view),
        "open": lambda request: JsonResponse({"sub": None}),
    }
    return _django_site([*auth.urls(), *(path(rule, view) for rule, view in routes.items())], [], asynchronous)


def _django_site(urlpatterns: list[Any], middleware: list[str], asynchronous: bool) -> Face:
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of no use", USE_TZ=True)
        django.setup()
    urls = ModuleType("sdk_urls")
    urls.urlpatterns = urlpatterns  # type: ignore[attr-defined]  # a module that is made here
    sys.modules["sdk_urls"] = urls

    def get(path: str, headers: Mapping[str, str]) -> Answer:
        with django.test.override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware):
            if asynchronous:
                response = asyncio.run(django.test.AsyncClient().get(path, headers=headers))
            else:
                response = django.test.Client().get(path, headers=headers)
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.json())

    return get


def asgi_face(issuer: Issuer, audience: str = AUDIENCE) -> Face:
    """Starlette behind the middleware, which knows one need for all paths."""
    auth = gatepost_sdk.asgi.Auth(ISSUER, audience=audience)
    issuer.install(auth)

    async def answer(request: Request) -> JSONResponse:
        token = getattr(request.state, "token", None)
        return JSONResponse({"sub": token.sub if token is not None else None})

    app = Starlette(routes=[Route("/open", answer), Route("/agents", answer)])
    return _over_asgi(auth.middleware(app, public=["/open"], scopes=["agents:read"]))


def wsgi_face(issuer: Issuer, audience: str = AUDIENCE) -> Face:
    """A bare WSGI application behind the middleware."""
    auth = gatepost_sdk.wsgi.Auth(ISSUER, audience=audience)
    issuer.install(auth)

    def app(environ: Any, start_response: Any) -> Any:
        token = environ.get("gatepost.token")
        start_response("200 OK", [("Content-Type", "application/json")])
        return [(f'{{"sub": "{token.sub}"}}' if token is not None else '{"sub": null}').encode()]

    transport = httpx.WSGITransport(auth.middleware(app, public=["/open"], scopes=["agents:read"]))
    return lambda path, headers: _httpx_answer(
        httpx.Client(transport=transport, base_url=AUDIENCE).get(path, headers=dict(headers))
    )


def django_middleware_face(issuer: Issuer, audience: str = AUDIENCE) -> Face:
    return _django_middleware(issuer, audience, asynchronous=False)


def django_async_middleware_face(issuer: Issuer, audience: str = AUDIENCE) -> Face:
    return _django_middleware(issuer, audience, asynchronous=True)


def _django_middleware(issuer: Issuer, audience: str, *, asynchronous: bool) -> Face:
    auth = gatepost_sdk.django.Auth(ISSUER, audience=audience)
    issuer.install(auth)
    place = ModuleType("sdk_site")
    place.middleware = auth.middleware(public=["/open"], scopes=["agents:read"])  # type: ignore[attr-defined]  # as above
    sys.modules["sdk_site"] = place

    def answer(request: HttpRequest) -> Any:
        token = getattr(request, "token", None)
        return JsonResponse({"sub": token.sub if token is not None else None})

    own = [path("open", answer), path("agents", answer), path("twice", auth.require("agents:read")(answer))]
    urls = [*(auth.urls() if audience == AUDIENCE else []), *own]
    return _django_site(urls, ["sdk_site.middleware"], asynchronous)


def _over_asgi(app: Any) -> Face:
    async def get(path: str, headers: Mapping[str, str]) -> Answer:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AUDIENCE) as client:
            return _httpx_answer(await client.get(path, headers=dict(headers)))

    return lambda path, headers: asyncio.run(get(path, headers))


def _httpx_answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.json())


ROUTED = [fastapi_face, flask_face, django_face, django_async_face]
"""Each route says what it needs."""
DENYING = [asgi_face, wsgi_face, django_middleware_face, django_async_middleware_face]
"""A middleware asks the same of all paths but the public ones."""
