"""The application: a look-up in a table of routes, the limits before it, and its face to ASGI servers.

The path is looked up as it was sent, byte for byte: `/%72efresh` is not `/refresh`.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any, TypeAlias

from gatepost.errors import GatepostError, OAuthError, too_many
from gatepost.light import Light, replace
from gatepost.web.limits import Buckets, Network, bucket_of, client_address
from gatepost.web.message import BODILESS, MAX_BODY, Header, Reply, Request
from gatepost.web.places import Places
from gatepost.web.traffic import Observe

Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]
Refuse: TypeAlias = Callable[[Request, GatepostError], Awaitable[Reply]]
Write: TypeAlias = Callable[[Request, GatepostError, str, tuple[Header, ...]], Reply]
"""How a refusal is written: which one, the id of its event, and the headers it has to have."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

ANY_METHOD = "*"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_ELSEWHERE = b"(elsewhere)"
_ONCE = frozenset((b"authorization", b"content-type", b"content-length", b"host"))

log = logging.getLogger("gatepost.web")


class Route(Light, frozen=True):
    """What a path answers: a handler for each method, or for ANY_METHOD, and the way its refusals are written."""

    methods: Mapping[str, Handler]
    refuse: Refuse
    limited: bool = True
    ends_first: bool = False
    """Whether it is refused once the server stops, while the others still answer."""
    path: str = "(elsewhere)"
    """Its pattern: what it is called where requests are counted."""


class App:
    """The application: a table of routes and the limits before them."""

    def __init__(
        self,
        routes: Mapping[bytes, Route],
        below: Mapping[bytes, Route],
        places: Places[Route],
        nowhere: Mapping[bytes, Route],
        by_address: Buckets,
        trusted: tuple[Network, ...],
        observe: Observe | None = None,
    ) -> None:
        self._observe = observe
        self._routes = routes
        self._below = below
        self._places = places
        self._nowhere = nowhere
        """What answers where nothing is, by the path above it; the longer ones come first."""
        self._by_address = by_address
        self._trusted = trusted
        self.is_stopping = False
        self.connections: set[Any] = set()
        """Those that are open; the server that serves it fills them in."""

    async def answer(self, request: Request) -> Reply:
        """The reply to a request; always one, whatever happens."""
        start = perf_counter()
        route = self._find_route(request)
        request.address = self._address_of(request) if self._trusted else request.peer
        try:
            handler = self._admit(route, request)
            reply = await handler(request)
        except GatepostError as error:
            reply = await route.refuse(request, error)
        except Exception:
            log.exception("A fault of ours", extra={"path": request.path})
            reply = await route.refuse(request, OAuthError("server_error", "Something went wrong here. Try again."))
        request_id = request_id_of(request)
        if request_id:
            reply = replace(reply, extra=(*reply.extra, (b"x-request-id", request_id.encode())))
        if self._observe:
            self._observe(request, route.path, reply.status, perf_counter() - start)
        return reply

    def _address_of(self, request: Request) -> str:
        forwarded = request.headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return client_address(request.peer, forwarded, self._trusted)

    def _find_route(self, request: Request) -> Route:
        path = request.raw_path
        route = self._routes.get(path) or self._find_below(path) or self._find_place(request)
        if route is None:
            route = next(each for above, each in self._nowhere.items() if (path + b"/").startswith(above))
            # From here on only the log reads the path, and one that is not ours may hold a secret.
            request.raw_path = _ELSEWHERE
        return route

    def _find_below(self, path: bytes) -> Route | None:
        """The route of everything below a place, as in `/consent/…`."""
        return self._below.get(path[: path.rfind(b"/") + 1])

    def _find_place(self, request: Request) -> Route | None:
        """The route of a path with names in it; the request knows then what stands for each."""
        found = self._places.find(request.raw_path)
        if found:
            request.names = found[1]
        return found[0] if found else None

    def _admit(self, route: Route, request: Request) -> Handler:
        """The handler, if the request may reach it."""
        handler = route.methods.get(request.method) or route.methods.get(ANY_METHOD)
        if handler is None:
            allow = ", ".join(sorted(route.methods))
            raise OAuthError("method_not_allowed", f"This path answers {allow}.", allow=allow)
        if route.limited:
            wait = self._by_address.take(bucket_of(request.address))
            if wait:
                raise too_many("requests", wait)
        if route.ends_first and self.is_stopping:
            raise GatepostError("temporarily_unavailable", "This server is stopping. Ask another one.")
        if request.repeated:
            raise OAuthError("invalid_request", f"The header {request.repeated.decode()} was sent twice.")
        # A proxy that asks about a request hands its head on, without the body.
        if b"content-encoding" in request.headers and (request.body or request.is_cut):
            raise OAuthError("unsupported_media_type", "Send the body without Content-Encoding.")
        if request.is_cut:
            raise OAuthError("payload_too_large", f"The body is over {MAX_BODY // 1024} KiB.")
        return handler

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """The same application for any ASGI server, or mounted in another application."""
        if scope["type"] != "http":
            raise RuntimeError(f"Gatepost answers HTTP, not {scope['type']}.")
        received: dict[bytes, bytes] = {}
        repeated = b""
        for name, value in scope["headers"]:
            repeated = remember_header(received, name, value) or repeated
        client = scope.get("client")
        raw_path = scope.get("raw_path") or scope["path"].encode()
        # Where it is mounted in another application is no part of its own paths.
        raw_path = raw_path.removeprefix(scope.get("root_path", "").encode())
        peer = client[0] if client else ""
        body, is_cut = await _read_body(receive)
        reply = await self.answer(
            Request(scope["method"], raw_path, scope["query_string"], received, peer, body, repeated, is_cut=is_cut)
        )
        headers = (*reply.headers, *reply.extra)
        if reply.status not in BODILESS and not reply.more:
            headers += ((b"content-length", b"%d" % len(reply.body)),)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        while reply.more and scope["method"] != "HEAD" and (piece := await reply.more()):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": reply.body})


def request_id_of(request: Request) -> str:
    """What a proxy or client calls this request, if it says so in a form that may be repeated; else empty."""
    given = request.headers.get(b"x-request-id")
    return given.decode() if given and _REQUEST_ID.fullmatch(given) else ""


def remember_header(headers: dict[bytes, bytes], name: bytes, value: bytes) -> bytes:
    """Add a header. One that is sent again is joined with a comma; the name is answered if it may be sent only once."""
    if name in headers:
        headers[name] += b", " + value
        return name if name in _ONCE else b""
    headers[name] = value
    return b""


async def _read_body(receive: Receive) -> tuple[bytes, bool]:
    """The body, and whether it is longer than may be; then the rest of it stays unread."""
    body = b""
    more = True
    while more and len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[:MAX_BODY], len(body) > MAX_BODY
