"""The API as routes: who calls, what they ask, whether they asked it before, and the answer."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gatepost.api.call import Call, etag_of, read_ask
from gatepost.api.docs_page import render_docs
from gatepost.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from gatepost.api.openapi import render_openapi
from gatepost.api.problems import DOCS
from gatepost.api.repeats import key_of, once
from gatepost.errors import GatepostError, OAuthError, too_many
from gatepost.flows.actors import authenticate
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.form import parse_form, parse_pairs
from gatepost.store.question import INSTANCE
from gatepost.ui.visit import LANGUAGE, locale_of
from gatepost.web.app import Handler, Refuse, Route
from gatepost.web.cookies import Cookie
from gatepost.web.json_body import parse_json_object
from gatepost.web.limits import Buckets
from gatepost.web.message import JSON, Header, Reply, Request

OPENAPI = f"{PREFIX}/openapi.json"

_ASKED_IN_QUERY = ("GET", "HEAD", "DELETE")
_OF_THE_INSTANCE = (None, Deed.SIGNING_READ, Deed.SIGNING_ROTATE)


class Api:
    """The handlers of all endpoints."""

    def __init__(self, instance: Instance, verified: VerifiedTokens, by_key: Buckets) -> None:
        self._instance = instance
        self._verified = verified
        self._by_key = by_key
        self._language = Cookie(LANGUAGE, instance.issuer)

    def routes(self, refuse: Refuse) -> dict[str, Route]:
        """The route of each path, and of the document about them."""
        routes = {PREFIX + path: Route(self._methods(path, endpoints), refuse) for path, endpoints in ENDPOINTS.items()}
        return routes | {
            OPENAPI: Route({"GET": self._describe, "HEAD": self._describe}, refuse),
            DOCS: Route({"GET": self._show, "HEAD": self._show}, refuse),
        }

    def _methods(self, path: str, endpoints: Mapping[str, Endpoint]) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {
            method: partial(self._answer, path, endpoint) for method, endpoint in endpoints.items()
        }
        return handlers | ({"HEAD": handlers["GET"]} if "GET" in handlers else {})

    async def _describe(self, request: Request) -> Reply:
        return Reply(200, JSON, msgspec.json.encode(render_openapi(self._instance.issuer)))

    async def _show(self, request: Request) -> Reply:
        document, base = render_openapi(self._instance.issuer), urlsplit(self._instance.issuer).path.rstrip("/")
        return render_docs(document, locale_of(request, self._language), base, base + OPENAPI)

    async def _answer(self, path: str, endpoint: Endpoint, request: Request) -> Reply:
        actor = await self._actor(endpoint, request)
        query = _query(request)
        ask = _ask(endpoint, request, query)
        call = Call(
            instance=self._instance,
            actor=actor,
            org=actor.org or INSTANCE,
            path=PREFIX + path.format_map(request.names),
            names=request.names,
            query=query,
            if_match=request.header(b"if-match") if endpoint.edits else None,
        )
        key = key_of(request)
        work = partial(_work, endpoint, call, ask)
        return await work() if key is None else await once(call, request, key, work)

    async def _actor(self, endpoint: Endpoint, request: Request) -> Actor:
        """Who calls, within their rate. Raises `invalid_token`, `insufficient_scope`, `too_many_requests`."""
        actor = await authenticate(self._instance, self._verified, request.header(b"authorization"), request.address)
        request.caller = actor
        wait = self._by_key.take(actor.act.actor)
        if wait:
            raise too_many("requests", wait)
        if actor.org == INSTANCE and endpoint.deed not in _OF_THE_INSTANCE:
            raise OAuthError(
                "insufficient_scope", "This API key serves every organization; use a key of the one you mean."
            )
        return actor


async def missing(request: Request) -> Reply:
    """Whatever below the API has no route."""
    raise GatepostError("not_found", "The API has nothing at this path.")


def _query(request: Request) -> dict[str, str]:
    """The parameters behind the path, each there once and none empty. Raises `invalid_request`."""
    query = parse_form(request.query)
    empty = [name for name, value in parse_pairs(request.query) if not value]
    if empty:
        raise OAuthError("invalid_request", "It is empty. Leave it out, or say what is asked.", field=empty[0][:64])
    return query


def _ask(endpoint: Endpoint, request: Request, query: dict[str, str]) -> Any:
    """What is asked, in the query or the body. Raises `invalid_request`, `unsupported_media_type`."""
    if request.method in _ASKED_IN_QUERY:
        return _read(endpoint, query, is_text=True)
    if query:
        raise OAuthError(
            "invalid_request", "Send what you ask in the body, not in the URL.", field=next(iter(query))[:64]
        )
    if endpoint.ask is None and not request.body:
        return None
    request.check_media_type(b"application/json")
    return _read(endpoint, parse_json_object(request.body), is_text=False)


def _read(endpoint: Endpoint, content: dict[str, Any], *, is_text: bool) -> Any:
    if endpoint.ask is not None:
        return read_ask(endpoint.ask, content, is_text=is_text)
    if content:
        raise OAuthError("invalid_request", "Nothing is to be asked here.", field=next(iter(content))[:64])
    return None


async def _work(endpoint: Endpoint, call: Call, ask: Any) -> Reply:
    try:
        answer = await endpoint.run(call, ask)
    except GatepostError as error:
        if error.code == "overtaken" and call.if_match is not None:
            raise GatepostError("precondition_failed", error.description) from None
        raise
    if answer is None:
        return Reply(204, JSON[1:], b"")
    body = msgspec.json.encode(answer)
    extra: tuple[Header, ...] = ((b"etag", etag_of(body).encode()),) if endpoint.tagged else ()
    return Reply(endpoint.status, JSON, body, extra)
