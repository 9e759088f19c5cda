"""Where one request ends and the next begins: what two parsers could read in two ways is refused. RFC 9112 §6, §11.2."""

import pytest

from .door import Door, request

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: gate.test\r\n\r\n"
"""Stands behind every doubtful request; an answer to it means that the doubt was settled the wrong way."""

HOST = "Host: gate.test\r\n"


def framed(*lines: str, body: bytes = b"", start: str = "POST /refresh HTTP/1.1") -> bytes:
    return (start + "\r\n" + HOST + "".join(line + "\r\n" for line in lines) + "\r\n").encode("latin-1") + body


DOUBTFUL = {
    "length and chunked": framed("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked and length": framed("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": framed("Content-Length: 5", "Content-Length: 6", body=b"hello"),
    "two equal lengths": framed("Content-Length: 5", "Content-Length: 5", body=b"hello"),
    "length with a plus": framed("Content-Length: +5", body=b"hello"),
    "length in hex": framed("Content-Length: 0x5", body=b"hello"),
    "list of lengths": framed("Content-Length: 5, 6", body=b"hello"),
    "list of equal lengths": framed("Content-Length: 5, 5", body=b"hello"),
    "negative length": framed("Content-Length: -5", body=b"hello"),
    "length of 20 digits": framed("Content-Length: 99999999999999999999", body=b"hello"),
    "length with a letter": framed("Content-Length: 5a", body=b"hello"),
    "length with a space inside": framed("Content-Length: 1 5", body=b"hello"),
    "empty length": framed("Content-Length:", body=b"hello"),
    "space before the colon": framed("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "length with space before the colon": framed("Content-Length : 5", body=b"hello"),
    "unknown coding": framed("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked is not last": framed("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "chunked twice": framed("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "a coding under the chunks": framed("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "an empty coding": framed("Transfer-Encoding:"),
    "an empty coding of HTTP/1.0": framed("Transfer-Encoding:", start="POST /refresh HTTP/1.0"),
    "two codings": framed("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "folded header": framed("Transfer-Encoding:", " chunked", body=b"0\r\n\r\n"),
    "folded value": framed("X-Folded: a", " b"),
    "header without a colon": framed("Transfer-Encoding chunked"),
    "header without a name": framed(": chunked"),
    "space before the first header": b"POST /refresh HTTP/1.1\r\n Host: gate.test\r\n\r\n",
    "bare line feeds": b"POST /refresh HTTP/1.1\nHost: gate.test\nContent-Length: 5\n\nhello",
    "bare carriage return in a value": framed("X-A: b\rTransfer-Encoding: chunked"),
    "NUL in a value": framed("X-A: a\0b"),
    "NUL in a name": framed("X-\0A: b"),
    "control character in a name": framed("X\x01A: b"),
    "chunk size with a sign": framed("Transfer-Encoding: chunked", body=b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk size in 0x": framed("Transfer-Encoding: chunked", body=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with a space": framed("Transfer-Encoding: chunked", body=b"5 \r\nhello\r\n0\r\n\r\n"),
    "negative chunk size": framed("Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size of 20 digits": framed("Transfer-Encoding: chunked", body=b"fffffffffffffffffff5\r\nhello\r\n0\r\n\r\n"),
    "chunk without a size": framed("Transfer-Encoding: chunked", body=b"\r\nhello\r\n0\r\n\r\n"),
    "line feed in a chunk extension": framed("Transfer-Encoding: chunked", body=b"5;a=\nb\r\nhello\r\n0\r\n\r\n"),
    "chunk with a wrong end": framed("Transfer-Encoding: chunked", body=b"5\r\nhelloXX0\r\n\r\n"),
    "chunk ended by a line feed": framed("Transfer-Encoding: chunked", body=b"5\r\nhello\n0\r\n\r\n"),
    "framing in a trailer": framed(
        "Transfer-Encoding: chunked", body=b"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.2": framed(start="GET /healthz HTTP/1.2"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": framed(start="GET /healthz HTTP/9.9"),
    "lower-case protocol": framed(start="GET /healthz http/1.1"),
    "lower-case method": framed(start="get /healthz HTTP/1.1"),
    "unknown method": framed(start="STEAL /healthz HTTP/1.1"),
    "space in the target": framed(start="GET /healthz /x HTTP/1.1"),
    "tab in the request line": framed(start="GET\t/healthz\tHTTP/1.1"),
    "control character in the target": framed(start="GET /health\x01z HTTP/1.1"),
    "NUL in the target": framed(start="GET /health\0z HTTP/1.1"),
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "noise": bytes(range(128, 256)),
}


@pytest.mark.parametrize("data", DOUBTFUL.values(), ids=DOUBTFUL.keys())
async def test_a_doubtful_request_is_refused_and_nothing_behind_it_is_read(door: Door, data: bytes) -> None:
    (answer,) = await door.ask(data + SMUGGLED)
    assert answer.status in (400, 413)
    assert answer.headers["connection"] == "close"
    assert b"ok" not in answer.body


async def test_trailers_change_nothing(door: Door) -> None:
    trailers = b"0\r\nContent-Type: application/json\r\nHost: evil.test\r\n\r\n"
    first, second = await door.ask(framed("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n" + trailers) + SMUGGLED)
    assert first.status == 415
    assert second.body == b'{"status":"ok"}'


async def test_chunks_and_their_extensions_are_read(door: Door) -> None:
    lines = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    first, second = await door.ask(framed(*lines, body=b'1;a="b"\r\n{\r\n1\r\n}\r\n0\r\n\r\n') + SMUGGLED)
    assert first.status == 400
    assert b"refresh_token is missing" in first.body
    assert second.status == 200


async def test_pipelined_requests_are_answered_one_by_one_in_their_order(door: Door) -> None:
    paths = [f"/{number}" if number % 2 else "/healthz" for number in range(40)]
    answers = await door.ask(b"".join(request("GET", path) for path in paths))
    assert [answer.status for answer in answers] == [404 if path != "/healthz" else 200 for path in paths]


async def test_a_request_in_single_bytes_is_a_request(door: Door) -> None:
    line = await door.line()
    for index in range(len(SMUGGLED)):
        await line.send(SMUGGLED[index : index + 1])
    assert (await line.answer()).status == 200


async def test_http_1_0_has_no_chunks(door: Door) -> None:
    """RFC 9112 §6.1: whoever stands before us may have read another body than that."""
    lines = b"Host: gate.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    (answer,) = await door.ask(b"POST /token HTTP/1.0\r\n" + lines + SMUGGLED)
    assert (answer.status, answer.headers["connection"]) == (400, "close")


async def test_http_1_0_is_answered_and_closed(door: Door) -> None:
    (answer,) = await door.ask(b"GET /healthz HTTP/1.0\r\n\r\n" + SMUGGLED)
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


async def test_a_client_that_asks_to_close_gets_its_answer_and_no_more(door: Door) -> None:
    (answer,) = await door.ask(request("GET", "/healthz", "Connection: close") + SMUGGLED)
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


async def test_what_was_asked_before_the_fault_is_answered(door: Door) -> None:
    answers = await door.ask(SMUGGLED * 3 + b"nonsense\r\n\r\n" + SMUGGLED)
    assert [answer.status for answer in answers] == [200, 200, 200, 400]
