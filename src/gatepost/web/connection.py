"""One HTTP/1.1 connection: bytes to requests by httptools, replies to bytes. RFC 9112.

uvicorn listens, signals and drains; this is the protocol it gives each connection. It exists for what a general one
cannot do: it refuses a head over 16 KiB or a body over 64 KiB before buffering it, holds every part of a request to a
deadline, and answers without a task for each request. A handler awaits nothing but futures of the event loop, the store's
most of all, so the connection drives its coroutine itself: most are done at the first step, the others go on when the
future is done. An answer that goes on is driven the same way, piece by piece, as its client reads.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import httptools
import orjson

from gatepost.web.app import App, remember_header
from gatepost.web.message import BODILESS, CLOSE, JSON, MAX_BODY, MAX_HEAD, MAX_HEADERS, Header, More, Reply, Request

HEAD_SECONDS = 10
BODY_SECONDS = 15
KEEP_ALIVE_SECONDS = 15
READ_SECONDS = 15
"""How long a client may leave answers unread before it is cut off."""
LINGER_SECONDS = 2
"""How long a refused client may still send what nobody reads, so that it gets to read the refusal."""
ARRIVING_SECONDS = 2
"""How long a request that is arriving when the server stops may take to be whole."""
CROSSING_SECONDS = 0.5
"""How long an idle connection stays when the server stops, for a request that is already on its way."""

MAX_MESSAGE = MAX_HEAD + 8 * MAX_BODY
"""Bytes of a request as it is sent: a body in chunks of one byte takes six for each."""

PIPELINED = 16
"""Requests that may wait behind the one being answered before the connection stops reading."""

log = logging.getLogger("gatepost.web")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_LENGTH_DIGITS = len(str(MAX_BODY))
_REFUSALS = {
    400: {"error": "invalid_request", "error_description": "This is not HTTP/1.1 as RFC 9112 writes it."},
    408: {"error": "invalid_request", "error_description": "The request did not arrive in time."},
    431: {
        "error": "headers_too_large",
        "error_description": f"The headers are over {MAX_HEAD // 1024} KiB, or more than {MAX_HEADERS}.",
    },
}


class Connection(asyncio.Protocol):
    """A client's connection. Requests on it are answered one after the other, in their order."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        self._app: App = config.app
        self._state = server_state
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._answering: Coroutine[Any, Any, Any] | None = None
        self._answered: Request | None = None
        self._more: More | None = None
        self._is_last = False
        self._is_deaf = False
        self._refused = 0
        self._part = ""
        self._timed = ""
        self._chunk = 0
        self._size = 0
        self._due_at = time.monotonic() + HEAD_SECONDS
        self._read_by = 0.0
        self._is_paused = False

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a TCP one
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._is_deaf = True
        self._is_paused = False
        self._waiting.clear()
        self._hurry()

    def eof_received(self) -> bool:
        """A client that is done sending may still be waiting for its answer. It may have left, too: it gets one soon."""
        self._is_last = True
        self._hurry()
        return self._answering is not None or self._more is not None

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._chunk = len(data)
        if self._part:
            # A header, a trailer or an extension of a chunk without an end never reaches us: only its bytes tell.
            self._size += len(data)
            if self._size > MAX_MESSAGE:
                self._refuse(431)
                return
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._refuse(self._refused or 400)
        else:
            if self._part != self._timed:
                self._set_deadline()

    def _set_deadline(self) -> None:
        """Give the part of a request that is arriving its time. One that comes in one piece never asks the clock."""
        self._timed = self._part
        self._due_at = time.monotonic() + (HEAD_SECONDS if self._part == "head" else BODY_SECONDS)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("nothing to connect to") from None
            # We stay with HTTP/1.1 (RFC 9110 §7.8). The parser leaves the body of such a request unread, as if it were of the
            # other protocol; so it reads the head again, without what is over, and then the rest. What was twice is it again.
            kept = [each for each in self._headers.items() if each[0] not in (b"connection", b"upgrade", b"expect")]
            kept += [CLOSE, (self._repeated, b"")] if self._repeated else [CLOSE]
            head = b"%s %s HTTP/1.1\r\n%s\r\n" % (self._parser.get_method(), self._url, _render(kept))
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(head)
            self._feed(data[upgrade.args[0] :])

    def pause_writing(self) -> None:
        self._read_by = time.monotonic() + READ_SECONDS

    def resume_writing(self) -> None:
        self._read_by = 0.0
        self._answer_next()

    # What the parser tells us. An exception here ends the parsing of this connection.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeated = b""
        self._body: list[bytes] = []
        self._body_size = 0
        self._room = MAX_HEADERS
        self._size = 0
        self._part = "head"

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._headers or len(self._headers) >= self._room:
            self._on_odd_header(name, value)
        else:
            self._headers[name] = value

    def _on_odd_header(self, name: bytes, value: bytes) -> None:
        """One that was there before, one too many, or a trailer."""
        if self._part != "head":
            return  # Nothing that comes behind a body changes what the head said.
        self._room -= 1
        if len(self._headers) > self._room:
            self._stop(431)
        self._repeated = remember_header(self._headers, name, value) or self._repeated

    def on_headers_complete(self) -> None:
        headers = self._headers
        self._part = "body"
        self._room = 0
        # A head that came in one small piece is small.
        if (self._size or self._chunk > MAX_HEAD) and self._head_size() > MAX_HEAD:
            self._stop(431)
        if (b"host" not in headers and not self._is_old()) or not (self._url.startswith(b"/") or self._is_for_us()):
            self._stop(400)
        if (coding := headers.get(b"transfer-encoding")) and (self._is_old() or coding.strip().lower() != b"chunked"):
            self._stop(400)
        if b"content-length" in headers:
            length = headers[b"content-length"]
            if len(length) > _LENGTH_DIGITS or int(length) > MAX_BODY:
                self._cut()
        if b"expect" in headers:
            self._on_expect(headers[b"expect"])

    def _head_size(self) -> int:
        return len(self._url) + sum(map(len, self._headers)) + sum(map(len, self._headers.values()))

    def _is_old(self) -> bool:
        version: str = self._parser.get_http_version()
        return version == "1.0"

    def _on_expect(self, expectation: bytes) -> None:
        if expectation.lower() == b"100-continue" and self._answering is None and not self._is_old():
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            self._cut()

    def on_message_complete(self) -> None:
        if self._is_deaf or self._parser.should_upgrade():
            return
        self._part = self._timed = ""
        self._due_at = 0.0
        self._waiting.append((self._request(), self._parser.should_keep_alive()))
        self._answer_next()
        if len(self._waiting) >= PIPELINED and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _is_for_us(self) -> bool:
        """Whether a target that names a host names the one that the Host header does. RFC 9112 §3.2.2."""
        authority = self._url.partition(b"://")[2].partition(b"/")[0]
        return authority.lower() == self._headers.get(b"host", b"").lower()

    def _stop(self, status: int) -> None:
        self._refused = status
        raise ValueError(_REFUSALS[status]["error"])

    def _cut(self) -> None:
        """Read no further: let the route refuse the body, in its own words, as the last thing on this connection."""
        self._is_deaf = True
        self._part = ""
        self._due_at = 0.0
        self._waiting.append((self._request(is_cut=True), False))
        self._answer_next()
        raise ValueError("the body is too large")

    def _request(self, *, is_cut: bool = False) -> Request:
        url = httptools.parse_url(self._url)
        return Request(
            self._parser.get_method().decode("ascii"),
            url.path or b"/",
            url.query or b"",
            self._headers,
            self._peer,
            b"".join(self._body),
            self._repeated,
            is_cut=is_cut,
        )

    # The way of a request through the application.

    def _answer_next(self) -> None:
        """Go on with the answer under way or start on the next request, unless the client does not read."""
        while (self._more or self._waiting) and self._answering is None and not self._read_by:
            if self._more:
                self._answering = self._more()
            else:
                self._answered, self._keep_alive = self._waiting.popleft()
                self._is_head = self._answered.method == "HEAD"
                self._answering = self._app.answer(self._answered)
            self._go_on()
        if self._is_paused and not self._waiting:
            self._is_paused = False
            self._transport.resume_reading()

    def _go_on(self, future: "asyncio.Future[Any] | None" = None) -> None:
        """Drive the handler to its next wait, or to its reply or the next piece of that."""
        assert self._answering is not None
        try:
            waits_for = self._answering.send(None)
        except StopIteration as stop:
            self._answering = None
            if self._more:
                self._write_piece(stop.value)
            else:
                self._reply(stop.value)
            if future is not None and (self._more or self._waiting or self._is_paused):
                self._answer_next()
        except Exception:
            log.exception("A refusal could not be answered")
            self._transport.abort()
        else:
            # Note that the future is awaited, and come back when it is done.
            waits_for._asyncio_future_blocking = False  # noqa: SLF001  # what a task does
            waits_for.add_done_callback(self._go_on)

    def _reply(self, reply: Reply) -> None:
        if self._transport.is_closing():
            return
        self._more = None if self._is_head else reply.more
        # Requests that arrived whole before the end are answered too.
        is_last = (
            not self._keep_alive
            or reply.more is not None
            or (self._is_last and not self._waiting and not self._refused)
        )
        own = (*reply.extra, CLOSE) if is_last and CLOSE not in reply.extra else reply.extra
        self._transport.write(
            b"".join(
                (
                    _render_start(reply.status, (*reply.headers, *self._state.default_headers)),
                    _render(own) if own else b"",
                    b"\r\n"
                    if reply.status in BODILESS or reply.more
                    else b"content-length: %d\r\n\r\n" % len(reply.body),
                    b"" if self._is_head else reply.body,
                )
            )
        )
        if self._more:
            return  # It ends with the connection. RFC 9112 §6.3.
        if is_last:
            self._close()
        elif self._refused:
            self._refuse(self._refused)
        elif not self._part:
            self._due_at = time.monotonic() + KEEP_ALIVE_SECONDS

    def _write_piece(self, piece: bytes) -> None:
        if piece and not self._transport.is_closing():
            self._transport.write(piece)
            return
        self._more = None
        if not self._transport.is_closing():
            self._close()

    def _hurry(self) -> None:
        """Let whoever waits for news to answer with answer now."""
        if self._answered:
            self._answered.is_ending = True

    def _refuse(self, status: int) -> None:
        """Answer what never became a request, after those that did; then stop listening."""
        self._refused = status
        if self._answering is not None or self._more or self._waiting or self._is_deaf or self._transport.is_closing():
            return
        body = orjson.dumps(_REFUSALS[status])
        self._transport.write(
            _render_start(status, JSON) + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        self._close()

    def _close(self) -> None:
        """Say that no more will come. Closing at once would discard what a client that still sends has not read yet."""
        self._is_deaf = True
        self._waiting.clear()
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
            self._due_at = time.monotonic() + LINGER_SECONDS
        except OSError:  # The client has left already.
            self._transport.abort()

    # What the server tells us.

    def check_deadline(self, now: float) -> None:
        """Close a connection that dawdles: with a word in the middle of a request, without one between two."""
        if self._read_by and now >= self._read_by:
            self._transport.abort()
        elif self._answering is not None or not self._due_at or now < self._due_at:
            return
        elif self._part and not self._is_deaf:
            self._refuse(408)
        elif self._transport.is_closing() or self._transport.get_write_buffer_size():
            # Closing waits until the client has read everything. This one had its time.
            self._transport.abort()
        else:
            self._transport.close()

    def shutdown(self) -> None:
        """Answer what has arrived and what is arriving, and what crosses this on its way; then close."""
        self._is_last = True
        self._hurry()
        if self._answering is None:
            patience = ARRIVING_SECONDS if self._part else CROSSING_SECONDS
            self._due_at = min(self._due_at or math.inf, time.monotonic() + patience)

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._transport.abort()


@lru_cache(maxsize=64)
def _render_start(status: int, headers: tuple[Header, ...]) -> bytes:
    """Status line and header lines. The few sets that replies have are rendered once a second: one tells the date."""
    return _STATUS_LINES[status] + _render(headers)


def _render(headers: Iterable[Header]) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)
