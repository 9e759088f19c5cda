"""How much a request may be, and how long it may take: refused before it is buffered, and held to a deadline. D9, HT-6, HT-12."""

import asyncio
import zlib

import pytest

from gatepost.web import connection
from gatepost.web.message import MAX_BODY, MAX_HEAD, MAX_HEADERS

from .door import Answer, Door, Line, request
from .world import World

JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"


def check_too_large(answer: Answer) -> None:
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-event-id"].encode() in answer.body
    assert b'"success":false,"error":"payload_too_large"' in answer.body


async def test_a_body_of_64_kib_is_read(door: Door) -> None:
    body = b'{"refresh_token":"' + b"x" * (MAX_BODY - 20) + b'"}'
    (answer,) = await door.ask(request("POST", "/refresh", JSON, body=body))
    assert (len(body), answer.status) == (MAX_BODY, 401)


async def test_one_byte_more_is_refused_before_it_comes(door: Door) -> None:
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, f"Content-Length: {MAX_BODY + 1}"))
    check_too_large(await line.answer())
    assert await line.is_closed()


@pytest.mark.parametrize("length", ["100000", "104857600", "9" * 18])
async def test_a_length_far_too_large_is_not_waited_for(door: Door, length: str) -> None:
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, f"Content-Length: {length}", "Expect: 100-continue"))
    check_too_large(await line.answer())


async def test_a_too_large_form_is_refused_in_the_words_of_its_route(door: Door) -> None:
    line = await door.line()
    await line.send(request("POST", "/introspect", FORM, "Content-Length: 70000"))
    answer = await line.answer()
    assert answer.status == 413
    assert b'{"error":"payload_too_large","error_description":' in answer.body


async def test_chunks_without_end_are_refused_at_64_kib(door: Door) -> None:
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, "Transfer-Encoding: chunked"))
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    for _ in range(16):
        await line.send(chunk)
    await line.send(b"1\r\nx\r\n")
    check_too_large(await line.answer())


async def test_a_body_in_chunks_of_one_byte_is_read(door: Door) -> None:
    body = b'{"refresh_token":"' + b"x" * (MAX_BODY - 20) + b'"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    (answer,) = await door.ask(request("POST", "/refresh", JSON, "Transfer-Encoding: chunked") + chunks)
    assert answer.status == 401


ENDLESS = {
    "request line": b"GET /",
    "header name": request("GET", "/")[:-2] + b"X",
    "header value": request("GET", "/")[:-2] + b"X: ",
    "chunk extension": request("POST", "/refresh", JSON, "Transfer-Encoding: chunked") + b"1;",
    "trailer name": request("POST", "/refresh", JSON, "Transfer-Encoding: chunked") + b"0\r\nX",
    "trailer value": request("POST", "/refresh", JSON, "Transfer-Encoding: chunked") + b"0\r\nX: ",
}


@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS.keys())
async def test_what_has_no_end_is_cut_off(door: Door, start: bytes) -> None:
    line = await door.line()
    await line.send(start)
    answering = asyncio.ensure_future(line.answer())
    for _ in range(100):
        await line.send(b"x" * 16384)
        await asyncio.sleep(0.001)
        if answering.done():
            break
    assert (await answering).status == 431


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([f"X-{number}: a" for number in range(MAX_HEADERS - 1)], 200),
        ([f"X-{number}: a" for number in range(MAX_HEADERS)], 431),
        (["X: a"] * MAX_HEADERS, 431),
        ([f"X-{number}: a" for number in range(1000)], 431),
        (["X: " + "a" * (MAX_HEAD - 100)], 200),
        (["X: " + "a" * MAX_HEAD], 431),
        (["X: " + "a" * 100_000], 431),
        (["X" * MAX_HEAD + ": a"], 431),
        ([f"X-{number}: {'a' * 1000}" for number in range(20)], 431),
    ],
)
async def test_a_head_is_bounded_in_bytes_and_in_lines(door: Door, lines: list[str], status: int) -> None:
    (answer,) = await door.ask(request("GET", "/healthz", *lines))
    assert answer.status == status


async def test_a_target_is_part_of_the_head(door: Door) -> None:
    (answer,) = await door.ask(request("GET", "/healthz?" + "x" * MAX_HEAD))
    assert answer.status == 431


async def test_every_refusal_of_the_connection_has_the_headers_of_an_answer(door: Door) -> None:
    for data in (b"nonsense\r\n\r\n", request("GET", "/", "X: " + "a" * MAX_HEAD)):
        (answer,) = await door.ask(data)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "x", ""])
async def test_a_coded_body_is_not_decoded(door: Door, coding: str) -> None:
    body = zlib.compress(b"\0" * 10_000_000)
    first, second = await door.ask(
        request("POST", "/refresh", JSON, f"Content-Encoding: {coding}", body=body) + request("GET", "/healthz")
    )
    assert first.status == 415
    assert "connection" not in first.headers
    assert second.status == 200


async def test_a_request_that_dawdles_in_its_head_is_told_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    line = await door.line()
    await line.send(b"GET /healthz HTTP/1.1\r\n")
    answer = await _dripping(line, b"X: a\r\n")
    assert answer.status == 408
    assert await line.is_closed()


async def test_a_request_that_dawdles_in_its_body_is_told_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.2)
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, "Content-Length: 60000"))
    answer = await _dripping(line, b"x")
    assert answer.status == 408
    assert await line.is_closed()


async def test_a_connection_without_a_request_is_closed_without_a_word(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    assert await (await door.line()).is_closed()


async def test_a_connection_that_was_used_is_kept_and_then_closed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 1)
    line = await door.line()
    for _ in range(3):
        await line.send(request("GET", "/healthz"))
        assert (await line.answer()).status == 200
    assert await line.is_closed()


async def test_who_does_not_read_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 0.2)
    line = await door.line()
    line.stop_reading()
    many = request("GET", "/assets/gatepost.css") * 2000
    sending = asyncio.ensure_future(line.send(many * 4))
    await door.emptied()
    sending.cancel()


async def test_waiting_for_its_turn_is_no_dawdling(world: World, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that await the store are answered in their order, also when the client has ended its half."""
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.05)
    pair = await world.tokens()
    body = b'{"refresh_token":"%s"}' % pair.refresh_token.encode()
    answers = await door.ask(request("POST", "/refresh", JSON, body=body) * 20 + b"nonsense\r\n\r\n")
    assert [answer.status for answer in answers] == [200] * 20 + [400]
    assert all("connection" not in answer.headers for answer in answers[:-1])


async def _dripping(line: Line, drop: bytes) -> Answer:
    """The answer that comes while a client sends a little now and then."""
    answering = asyncio.ensure_future(line.answer())
    while not answering.done():
        await line.send(drop)
        await asyncio.sleep(0.01)
    return await answering
