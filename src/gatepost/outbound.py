"""The one way out: requests that this server itself makes, to URLs that somebody else chose.

Such a URL may point at this machine, at the network behind it, or at something that answers without end. So: https alone,
to a public address; the name is resolved once and every address of it is looked at; the connection goes to an address that
was looked at, while TLS and `Host` speak of the name; no redirect is followed, no proxy asked, nothing decompressed; and
size and time have bounds. Whoever gave the URL is told no more than that it failed: the difference is for the operator.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import httptools

T = TypeVar("T")

MAX_BODY = 65_536
MAX_HEAD = 16_384
MAX_URL = 2048

TOTAL_SECONDS = 3.0
CONNECT_SECONDS = 1.5
"""What one address may take of that, so that a silent one leaves time for the next."""

AT_ONCE = 64
"""How many requests are under way at most of what is asked; the others wait, within their time."""

SENT_AT_ONCE = 256
"""The same of what is sent: more than the outbox sends at once, which knows what may hold up what."""

OF_A_SITE = 8
"""How many of what is asked go to one site: whoever has one that hangs takes a part of the places, and not all."""

LOOKUPS_OF_A_SITE = 4
"""How many of its names are looked up: that ends when the resolver gives up, long after we did."""

_RESOLVERS = 32

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-~]*)?(?P<query>\?[!-~]*)?"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            # Beside what `is_global` knows: protocol assignments with Teredo, 6to4 and its relays, documentation, AS112.
            *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""Public IPv6 addresses are here: outside are the mapped, translated (NAT64), local and multicast ones. RFC 4291 §2.4."""

_SERVICES = frozenset(
    (
        *(1080, 1433, 1521, 2049, 2375, 2379, 2380, 3128, 3306, 3389, 5432, 5672, 5900, 5984, 6000, 6379, 6666, 6667),
        *(8086, 9042, 9092, 9100, 9200, 9300, 10250, 11211, 15672, 27017, 50070),
    )
)
"""Ports over 1023 on which something else than a web server is at home."""


class Fetched(NamedTuple):
    """An answer: its headers have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class OutboundError(Exception):
    """A request came to nothing. `reason` is one of a few words, `detail` the rest; both are for the operator alone.

    The reasons: url, address, resolve, connect, tls, time, size, answer.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class _Target(NamedTuple):
    scheme: str
    host: str
    port: int
    host_header: str
    path: str


class _Places:
    """Places for so many at once of each site. A site is known only while somebody goes there."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._of_site: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, host: str) -> asyncio.Semaphore:
        """Those of a host's site: whoever has a domain has every name below it."""
        return self._of_site.setdefault(".".join(host.split(".")[-2:]), asyncio.Semaphore(self._at_once))


class _Lane:
    """A way out with places and resolvers of its own, so that one lane never holds up the other."""

    def __init__(self, at_once: int, of_a_site: int) -> None:
        self.in_all = asyncio.Semaphore(at_once)
        self.sites = _Places(of_a_site)
        self._lookups = _Places(LOOKUPS_OF_A_SITE)

    @cached_property
    def _resolvers(self) -> ThreadPoolExecutor:
        """Threads of our own: names that take long to resolve hold up nobody but those who wait for names."""
        return ThreadPoolExecutor(_RESOLVERS, "gatepost-resolve")

    async def look_up(self, host: str, port: int) -> list[str]:
        places = self._lookups.of(host)
        await places.acquire()
        asked = asyncio.get_running_loop().run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        # Whoever asked may be gone by then, but the thread is not.
        asked.add_done_callback(lambda _: places.release())
        found = await asyncio.shield(asked)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Makes guarded requests. `allow_loopback` lets them reach this machine, with http too: for development.

    What is asked for, any stranger may have caused by naming a URL of theirs. What is sent, we have to send: it has a lane of
    its own.
    """

    def __init__(self, *, allow_loopback: bool, resolve: Resolve | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._asking = _Lane(AT_ONCE, OF_A_SITE)
        self._sending = _Lane(SENT_AT_ONCE, SENT_AT_ONCE)

    async def get(self, url: str, *, accept: str = "application/json", limit: int = MAX_BODY) -> Fetched:
        """The answer to a GET. Raises `OutboundError`; any status is an answer."""
        return await _in_task(self._fetch(self._asking, url, b"GET", f"Accept: {accept}\r\n", b"", limit))

    async def post(
        self, url: str, content_type: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Fetched:
        """The answer to a POST, with further headers of ours. Raises `OutboundError`; any status is an answer."""
        head = f"Accept: */*\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return await _in_task(self._fetch(self._sending, url, b"POST", head, body, MAX_BODY))

    async def check(self, url: str) -> None:
        """Look whether a request may go to this URL at all. Raises `OutboundError`."""
        await _in_task(self._check(url))

    async def _check(self, url: str) -> None:
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await self._checked_addresses(self._asking, _parse(url))
        except TimeoutError:
            raise OutboundError("time", f"no address within {TOTAL_SECONDS:g} s") from None

    async def _fetch(self, lane: _Lane, url: str, method: bytes, head: str, body: bytes, limit: int) -> Fetched:
        target = _parse(url)
        request = (
            method
            + f" {target.path} HTTP/1.1\r\nHost: {target.host_header}\r\n{head}User-Agent: Gatepost\r\n"
            "Accept-Encoding: identity\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        try:
            async with asyncio.timeout(TOTAL_SECONDS), lane.sites.of(target.host), lane.in_all:
                addresses = await self._checked_addresses(lane, target)
                reader, writer = await self._connect(target, addresses)
                try:
                    writer.write(request)
                    return await _read_answer(reader, limit)
                finally:
                    # Nothing to wait for: whoever is slow to close may keep their half.
                    writer.transport.abort()
        except TimeoutError:
            raise OutboundError("time", f"no whole answer within {TOTAL_SECONDS:g} s") from None
        except ssl.SSLError as fault:
            raise OutboundError("tls", str(fault)) from None
        except OSError as fault:
            raise OutboundError("connect", fault.strerror or str(fault)) from None

    async def _checked_addresses(self, lane: _Lane, target: _Target) -> list[Address]:
        """The addresses of the target's host, all of them fit to connect to: one that is not spoils them all."""
        try:
            texts = await (self._resolve or lane.look_up)(target.host, target.port)
        except OSError as fault:
            raise OutboundError("resolve", fault.strerror or str(fault)) from None
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
        if not addresses:
            raise OutboundError("resolve", "the name has no address")
        local = self._allow_loopback and all(each.is_loopback for each in addresses)
        for each in addresses:
            if not (local or is_public(each)):
                raise OutboundError("address", f"{target.host} is at {each}, which is not a public address")
        if target.scheme != "https" and not local:
            raise OutboundError("url", "it is not https")
        return addresses

    async def _connect(
        self, target: _Target, addresses: list[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one."""
        secure = target.scheme == "https"
        fault: OSError = OSError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        str(address),
                        target.port,
                        ssl=self._trust if secure else None,
                        server_hostname=target.host if secure else None,
                    )
            except ssl.SSLError:
                raise
            except OSError as refusal:
                fault = refusal
        raise fault

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """The system's certificates, or those of `SSL_CERT_FILE`; read once, when first needed."""
        return ssl.create_default_context()


def is_public(address: Address) -> bool:
    """Whether an address is an ordinary public one. IANA's special-purpose registries, RFC 6890."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


async def _in_task(work: Coroutine[Any, Any, T]) -> T:
    """A deadline belongs to a task, and whoever answers a request may have none."""
    return await asyncio.create_task(work)


def _parse(url: str) -> _Target:
    match = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if match is None:
        raise OutboundError("url", "it is not a plain https URL of printable ASCII: host, perhaps port, path and query")
    scheme, host, secure = match["scheme"], match["host"].lower(), match["scheme"] == "https"
    port = int(match["port"] or (443 if secure else 80))
    if not _is_host(host):
        raise OutboundError("url", f"{host} is neither a name nor an address in its usual form")
    if "#" in url or not (port in (80, 443) or 1023 < port < 65_536) or port in _SERVICES:
        raise OutboundError("url", f"it has a fragment, or a port that is not for the web: {port}")
    path = (match["path"] or "/") + (match["query"] or "")
    return _Target(scheme, host.strip("[]"), port, host + (f":{match['port']}" if match["port"] else ""), path)


def _is_host(host: str) -> bool:
    """Whether it is a name, or an address in its usual form: not one in octal, in hexadecimal or as a single number."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit() or labels[-1].startswith("0x"):
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return isinstance(address, ipaddress.IPv6Address) == host.startswith("[")
    return all(map(_LABEL.fullmatch, labels))


class _Answer:
    """What the parser tells of an answer, held against the limits."""

    def __init__(self, limit: int) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.status = 0
        self.is_whole = False
        self.has_head = False
        self._limit = limit
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise OutboundError("answer", "another one stands behind it")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            # An interim answer: another head follows. RFC 9110 §15.2.
            self.headers.clear()
            return
        self.has_head = True
        if self.headers.get("content-encoding", "identity") != "identity":
            raise OutboundError("answer", "it is compressed, which was not asked for")
        if int(self.headers.get("content-length") or 0) > self._limit:
            raise OutboundError("size", f"it is over {self._limit} bytes")

    def on_body(self, data: bytes) -> None:
        self.body += data
        if len(self.body) > self._limit:
            raise OutboundError("size", f"it is over {self._limit} bytes")

    def on_message_complete(self) -> None:
        self.is_whole = self.has_head


async def _read_answer(reader: asyncio.StreamReader, limit: int) -> Fetched:
    answer = _Answer(limit)
    received = 0
    try:
        while not answer.is_whole and (data := await reader.read(16_384)):
            received += len(data)
            if received > MAX_HEAD + 2 * limit:
                raise OutboundError("size", "its head or its chunks are without end")
            answer.feed(data)
    except httptools.HttpParserUpgrade:
        raise OutboundError("answer", "it changes to another protocol, which was not asked for") from None
    except httptools.HttpParserError as fault:
        # What a callback raised is inside; anything else is no HTTP.
        if isinstance(fault.__context__, OutboundError):
            raise fault.__context__ from None
        raise OutboundError("answer", "it is not HTTP") from None
    # Without a length or chunks, the end of the connection is the end of the answer. RFC 9112 §6.3.
    until_closed = answer.has_head and not answer.headers.keys() & {"content-length", "transfer-encoding"}
    if not (answer.is_whole or until_closed):
        raise OutboundError("answer", "it breaks off")
    return Fetched(answer.status, answer.headers, bytes(answer.body))
