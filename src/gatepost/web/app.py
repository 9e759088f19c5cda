"""The ASGI callable: bytes to a request, a look-up in a table, a reply to bytes.

Nothing above this module knows ASGI. The path is looked up as it was sent, byte for byte: `/%72efresh` is not `/refresh`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError, OAuthError
from gatepost.web.limits import Buckets, Network, bucket_of, client_address
from gatepost.web.message import Reply, Request

Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]
Refuse: TypeAlias = Callable[[Request, GatepostError], Awaitable[Reply]]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

MAX_BODY = 64 * 1024

_ONCE = (b"authorization", b"content-type", b"content-length", b"host")

log = logging.getLogger("gatepost.web")


class Route(NamedTuple):
    """What a path answers: a handler for each method, and the way its refusals are written."""

    methods: Mapping[str, Handler]
    refuse: Refuse
    limited: bool = True


class App:
    """The application: a table of routes and the limits before them."""

    def __init__(
        self, routes: Mapping[bytes, Route], nowhere: Route, by_address: Buckets, trusted: tuple[Network, ...]
    ) -> None:
        self._routes = routes
        self._nowhere = nowhere
        self._by_address = by_address
        self._trusted = trusted

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _refuse_protocol(scope, send)
            return
        route = self._routes.get(scope["raw_path"], self._nowhere)
        request = self._request(scope)
        try:
            reply = await self._answer(route, request, scope, receive)
        except GatepostError as error:
            reply = await route.refuse(request, error)
        except Exception:
            log.exception("A fault of ours", extra={"path": request.path})
            reply = await route.refuse(request, OAuthError("server_error", "Something went wrong here. Try again."))
        length = (b"content-length", b"%d" % len(reply.body))
        await send({"type": "http.response.start", "status": reply.status, "headers": (*reply.headers, length)})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, route: Route, request: Request, scope: dict[str, Any], receive: Receive) -> Reply:
        handler = route.methods.get(request.method)
        if handler is None:
            allow = ", ".join(sorted(route.methods))
            raise OAuthError("method_not_allowed", f"This path answers {allow}.", allow=allow)
        if route.limited:
            wait = self._by_address.take(bucket_of(request.address))
            if wait:
                raise OAuthError(
                    "too_many_requests", f"Too many requests. Try again in {wait} seconds.", retry_after=wait
                )
        if len(request.headers) != len(scope["headers"]):
            _check_repeated(scope["headers"])
        if request.method == "POST":
            request.body = await _read_body(request, receive)
        return await handler(request)

    def _request(self, scope: dict[str, Any]) -> Request:
        headers = dict(scope["headers"])
        client = scope.get("client")
        address = client[0] if client else ""
        if self._trusted:
            forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            address = client_address(address, forwarded, self._trusted)
        return Request(scope["method"], scope["path"], scope["query_string"], headers, address)


async def _read_body(request: Request, receive: Receive) -> bytes:
    """The whole body. Raises `payload_too_large` without reading further than the limit."""
    if b"content-encoding" in request.headers:
        raise OAuthError("unsupported_media_type", "Send the body without Content-Encoding.")
    length = request.headers.get(b"content-length", b"0")
    if len(length) > 6 or int(length) > MAX_BODY:
        raise OAuthError("payload_too_large", f"The body is over {MAX_BODY // 1024} KiB.")
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise OAuthError("payload_too_large", f"The body is over {MAX_BODY // 1024} KiB.")
    return body


def _check_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise OAuthError("invalid_request", f"The header {name.decode()} was sent twice.")


async def _refuse_protocol(scope: dict[str, Any], send: Send) -> None:
    """Lifespan and WebSockets are not ours; say so in their own words."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1003})
    else:
        raise RuntimeError(f"Gatepost answers HTTP, not {scope['type']}.")
