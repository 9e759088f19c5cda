"""What this server fetches itself: every way in which a URL of a stranger's could make it reach too far. SS-1 to SS-9."""

import asyncio
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gatepost import outbound
from gatepost.outbound import Fetched, Fetcher, OutboundError, is_public

from .strangers import Answer, certificate, ok, stranger

PUBLIC = "93.184.216.34"


class Resolver:
    """Answers every name with the next of these addresses, and counts how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def refusal(fetched: Awaitable[Fetched]) -> str:
    with pytest.raises(OutboundError) as caught:
        await fetched
    return caught.value.reason


@pytest.fixture
def local() -> Fetcher:
    """A fetcher for development: every name is this machine."""
    return Fetcher(allow_loopback=True, resolve=Resolver(["127.0.0.1"]))


SPECIAL = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.175.48.1"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "100::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1"),
)


@pytest.mark.parametrize("address", SPECIAL)
async def test_no_name_leads_to_a_special_address(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    fetcher = Fetcher(allow_loopback=False, resolve=Resolver([address]))
    assert await refusal(fetcher.get("https://app.test/")) == "address"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", PUBLIC, "192.0.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


LITERALS = (
    *("127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.1.2.3", "169.254.169.254"),
    *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.0.0.1", "017700000001", "127.0.0.1.", "127.0.0.0x1"),
    *(
        "localhost",
        "LocalHost",
        "localhost.",
        "app.localhost",
        "app.test.",
        "-app.test",
        "app..test",
        ".",
        "[::1%25lo]",
    ),
)


@pytest.mark.parametrize("host", LITERALS)
async def test_this_machine_is_not_reached_by_any_spelling(host: str) -> None:
    async with stranger(ok(b"{}")) as canary:
        for scheme in ("https", "http"):
            reason = await refusal(Fetcher(allow_loopback=False).get(f"{scheme}://{host}:{canary.port}/"))
            assert reason in ("address", "url", "resolve")
        assert canary.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://app.test/",
            "file:///etc/passwd",
            "gopher://app.test/",
            "ftp://app.test/",
            "data:,x",
            "dict://app.test/",
        ),
        *(
            "unix:/run/x",
            "//app.test/",
            "app.test",
            "",
            "https://",
            "https:///path",
            "https:app.test",
            "https:/app.test",
        ),
        *("https://ann@app.test/", "https://ann:pw@app.test/", "https://app.test:22/", "https://app.test:25/"),
        *("https://app.test:6379/", "https://app.test:0/", "https://app.test:65536/", "https://app.test:99999/"),
        *(
            "https://app.test/\r\nHost: evil.test",
            "https://app.test/a b",
            "https://app.test/\t",
            "https://app.test/\x00",
        ),
        *("https://app.test/\u00e9", "https://\u0430pp.test/", "https://app.test\\@evil.test/", "https://app.test/#a"),
        *("https://app.test%2f/", "https://app_.test:/", "https://" + "a" * 64 + ".test/"),
        "https://app.test/" + "a" * 2048,
    ],
)
async def test_what_is_not_a_plain_https_url_is_refused_before_anything_is_looked_up(url: str) -> None:
    resolver = Resolver([PUBLIC])
    reason = await refusal(Fetcher(allow_loopback=False, resolve=resolver).get(url))
    assert reason == "url"
    assert resolver.asked == ([] if url != "http://app.test/" else ["app.test"])


async def test_one_special_address_among_public_ones_spoils_them_all() -> None:
    async with stranger(ok(b"{}")) as canary:
        for addresses in ([PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["10.0.0.1", "127.0.0.1"]):
            for allowed in (True, False):
                fetcher = Fetcher(allow_loopback=allowed, resolve=Resolver(addresses))
                assert await refusal(fetcher.get(f"https://app.test:{canary.port}/")) == "address"
        assert canary.connections == 0


async def test_a_name_is_resolved_once_and_that_address_is_connected_to() -> None:
    """A second look would be answered with another address."""
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    async with stranger(ok(b"{}")) as right, stranger(ok(b"{}"), host="127.0.0.2") as wrong:
        await Fetcher(allow_loopback=True, resolve=resolver).get(f"http://app.test:{right.port}/")
        assert (resolver.asked, right.connections, wrong.connections) == (["app.test"], 1, 0)
        assert f"\r\nHost: app.test:{right.port}\r\n".encode() in right.requests[0]


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with stranger(ok(b"{}")) as there:
        fetcher = Fetcher(allow_loopback=True, resolve=Resolver(["127.0.0.9", "127.0.0.1"]))
        assert (await fetcher.get(f"http://app.test:{there.port}/")).status == 200


async def test_http_is_for_this_machine_alone() -> None:
    fetcher = Fetcher(allow_loopback=True, resolve=Resolver([PUBLIC]))
    assert await refusal(fetcher.get("http://app.test:8080/")) == "url"


async def test_a_name_without_an_address_is_told_from_one_that_refuses(local: Fetcher) -> None:
    assert await refusal(Fetcher(allow_loopback=True).get("https://nowhere.invalid/")) == "resolve"
    assert await refusal(Fetcher(allow_loopback=True, resolve=Resolver([])).get("https://app.test/")) == "resolve"
    assert await refusal(local.get("http://app.test:1024/")) == "connect"


async def test_get_and_post_arrive_as_they_were_sent(local: Fetcher) -> None:
    async with stranger(ok(b'{"a":1}', "Cache-Control: max-age=60")) as there:
        fetched = await local.get(f"http://app.test:{there.port}/keys?v=1")
        assert (fetched.status, fetched.body) == (200, b'{"a":1}')
        assert fetched.headers["cache-control"] == "max-age=60"
        await local.post(f"http://app.test:{there.port}/", "application/x-www-form-urlencoded", b"logout_token=x")
        assert there.requests[0].startswith(b"GET /keys?v=1 HTTP/1.1\r\n")
        assert there.requests[1].startswith(b"POST / HTTP/1.1\r\n")
        assert there.requests[1].endswith(b"\r\n\r\nlogout_token=x")


async def test_a_redirect_is_an_answer_like_any_other(local: Fetcher) -> None:
    async with stranger(ok(b"{}")) as other:
        moved = ok(b"", f"Location: http://app.test:{other.port}/", status="302 Found")
        async with stranger(moved) as there:
            assert (await local.get(f"http://app.test:{there.port}/")).status == 302
        assert other.connections == 0


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1")
        await writer.drain()
        await asyncio.sleep(0.02)


def endless(start: bytes, piece: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return write


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ABUSE: dict[str, tuple[Answer, str]] = {
    "a byte at a time": (drip, "time"),
    "nothing at all": (silence, "time"),
    "a head without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), "size"),
    "interim answers without end": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "size"),
    "a gigabyte, announced": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "size"),
    "a gigabyte, unannounced": (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000), "size"),
    "chunks without end": (endless(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"), "size"),
    "chunks of one byte": (endless(CHUNKED, b"1\r\nx\r\n" * 1000), "size"),
    "a gzip bomb": (ok(gzip.compress(b"0" * 10_000_000), "Content-Encoding: gzip"), "answer"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "answer"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "answer"),
    "an answer that breaks off": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", "answer"),
    "chunks that break off": (CHUNKED + b"5\r\nab", "answer"),
    "no answer": (b"", "answer"),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "answer"),
    "two answers": (ok(b"{}") + ok(b"{}", status="500 No"), "answer"),
}


@pytest.mark.parametrize("name", ABUSE)
async def test_an_answer_has_bounds_in_time_and_size(
    local: Fetcher, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.5)
    answer, reason = ABUSE[name]
    async with stranger(answer) as there:
        assert await refusal(local.get(f"http://app.test:{there.port}/", limit=5000)) == reason


async def test_an_answer_without_a_length_ends_with_its_connection(local: Fetcher) -> None:
    async with stranger(b"HTTP/1.0 200 OK\r\n\r\n{}") as there:
        assert (await local.get(f"http://app.test:{there.port}/")).body == b"{}"


async def test_those_who_hang_do_not_use_up_the_places(local: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.3)
    async with stranger(silence) as hanging, stranger(ok(b"{}")) as there:
        asks = [local.get(f"http://app.test:{hanging.port}/") for _ in range(2 * outbound.AT_ONCE)]
        assert {await refusal(each) for each in asyncio.as_completed(asks)} == {"time"}
        began = time.monotonic()
        assert (await local.get(f"http://app.test:{there.port}/")).status == 200
        assert time.monotonic() - began < 0.3


async def test_only_so_many_requests_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "AT_ONCE", 2)
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.3)
    fetcher = Fetcher(allow_loopback=True, resolve=Resolver(["127.0.0.1"]))
    async with stranger(silence) as hanging:
        asks = [asyncio.create_task(refusal(fetcher.get(f"http://app.test:{hanging.port}/"))) for _ in range(5)]
        await asyncio.sleep(0.15)
        assert hanging.connections == 2
        assert set(await asyncio.gather(*asks)) == {"time"}


async def test_a_site_that_hangs_holds_up_neither_others_nor_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.5)
    fetcher = Fetcher(allow_loopback=True, resolve=Resolver(["127.0.0.1"]))
    async with stranger(silence) as hanging, stranger(ok(b"{}")) as there:
        names = [f"{number}.trap.test" for number in range(outbound.AT_ONCE)]
        asks = [asyncio.create_task(refusal(fetcher.get(f"http://{name}:{hanging.port}/"))) for name in names]
        await asyncio.sleep(0.05)
        assert hanging.connections == outbound.OF_A_SITE
        assert (await fetcher.get(f"http://app.other.test:{there.port}/")).status == 200
        assert (await fetcher.post(f"http://hook.trap.test:{there.port}/", "text/plain", b"")).status == 200
        assert not any(each.done() for each in asks)
        assert set(await asyncio.gather(*asks)) == {"time"}


async def test_names_of_a_site_that_take_long_to_look_up_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver's thread is busy for longer than anybody waits for it."""
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.2)
    asked, over = Counter[str](), threading.Event()

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked[host.partition(".")[2]] += 1
        if host.endswith(".trap.test"):
            over.wait(5)
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    fetcher = Fetcher(allow_loopback=True)
    try:
        async with stranger(ok(b"{}")) as there:
            for _ in range(2):
                asks = [refusal(fetcher.get(f"https://{number}.trap.test/")) for number in range(outbound.OF_A_SITE)]
                assert set(await asyncio.gather(*asks)) == {"time"}
            assert asked["trap.test"] == outbound.LOOKUPS_OF_A_SITE
            assert (await fetcher.get(f"http://app.test:{there.port}/")).status == 200
    finally:
        over.set()


@pytest.mark.parametrize(
    ("name", "expired", "trusted", "reason"),
    [
        ("app.test", False, True, ""),
        ("app.test", False, False, "tls"),
        ("app.test", True, True, "tls"),
        ("other.test", False, True, "tls"),
        ("127.0.0.1", False, True, "tls"),
    ],
    ids=["trusted", "self-signed", "expired", "another host", "the address instead of the name"],
)
async def test_tls_speaks_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expired: bool, trusted: bool, reason: str
) -> None:
    path, context = certificate(tmp_path, name, expired=expired)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    async with stranger(ok(b"{}"), tls=context) as there:
        fetcher = Fetcher(allow_loopback=True, resolve=Resolver(["127.0.0.1"]))
        url = f"https://app.test:{there.port}/"
        if reason:
            assert await refusal(fetcher.get(url)) == reason
            assert there.requests == []
        else:
            assert (await fetcher.get(url)).status == 200
        assert names == ["app.test"]


async def test_tls_is_not_left_out_for_who_does_not_speak_it(local: Fetcher) -> None:
    async with stranger(ok(b"{}")) as there:
        assert await refusal(local.get(f"https://app.test:{there.port}/")) in ("tls", "time", "connect")
        assert there.requests == []


def test_the_trust_is_the_usual_one() -> None:
    trust = Fetcher(allow_loopback=False)._trust
    assert (trust.verify_mode, trust.check_hostname) == (ssl.CERT_REQUIRED, True)
