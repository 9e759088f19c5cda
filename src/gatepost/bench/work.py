"""The operations that are measured, as work for the load generator."""

import random
import time
from collections.abc import Callable
from itertools import cycle
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import orjson

from gatepost.bench.data import EPOCH, REDIRECT, SCOPE, Connected, Data, Tenant
from gatepost.bench.load import Answer, Work, ask_once
from gatepost.bench.machine import HOST
from gatepost.errors import GatepostError
from gatepost.oauth.approval import CODE_TTL, Approval, dump_approval
from gatepost.oauth.assurance import acr_of
from gatepost.oauth.pkce import challenge_of
from gatepost.secrets import AUTHORIZATION_CODE, Keyring, new_id
from gatepost.web.cookies import Cookie
from gatepost.web.message import FORM


class Operation(NamedTuple):
    """What is measured: how the report calls it, and the requests it takes, one after the other."""

    label: str
    requests: int = 1


OPERATIONS = {
    "refresh": Operation("/refresh"),
    "verify": Operation("/verify"),
    "introspect": Operation("/introspect"),
    "check": Operation("/check"),
    "jwks": Operation("/jwks.json"),
    "code": Operation("/token code"),
    "rotate": Operation("/token refresh"),
    "service": Operation("/token service"),
    "login": Operation("/authorize /token", 2),
}
"""The operations by name. A `login` is the whole way of a person who is signed in and has consented before."""

ACCESS_TOKENS = 1024
"""Different access tokens that are introspected and checked, each of another grant."""

_GOOD = b'{"success":true,'
_TOKENS = b'{"access_token":"'
_MEMBER = b'"refresh_token":"'
_VERIFIER = "bench" * 10
_CHALLENGE = challenge_of(_VERIFIER)
_ISSUER = f"http://{HOST}"


class Repeated:
    """Requests that may be asked again and again, in turn; a right answer begins as it should."""

    def __init__(self, requests: list[bytes], begins: bytes, status: bytes = b"200") -> None:
        self._next = cycle(requests).__next__
        self._begins = begins
        self._status = status

    def request(self, connection: int) -> bytes:
        return self._next()

    def accept(self, connection: int, answer: Answer) -> bool:
        return answer.status == self._status and answer.body.startswith(self._begins)


class Fixed:
    """Requests one after the other on each connection, over and over; the only right answers are these."""

    def __init__(self, asked: list[tuple[bytes, Answer]]) -> None:
        self._asked = asked
        self._turns: dict[int, int] = {}

    def request(self, connection: int) -> bytes:
        turn = self._turns[connection] = (self._turns.get(connection, -1) + 1) % len(self._asked)
        return self._asked[turn][0]

    def accept(self, connection: int, answer: Answer) -> bool:
        expected = self._asked[self._turns[connection]][1]
        return answer.status == expected.status and answer.body == expected.body


class Refreshing:
    """Each connection refreshes grants of its own, at random, with the token that it was answered last.

    `requests` end with a token of `length` characters and `tail`. A right answer brings a token that is not the one
    presented; whether it is the right one, the next refresh tells.
    """

    def __init__(self, requests: list[bytes], length: int, tail: bytes, connections: int) -> None:
        self._owned = [requests[number::connections] for number in range(connections)]
        self._length = length
        self._tail = tail
        self._asked = [0] * connections

    def request(self, connection: int) -> bytes:
        owned = self._owned[connection]
        index = self._asked[connection] = int(random.random() * len(owned))  # noqa: S311  # which token comes next is no secret
        return owned[index]

    def accept(self, connection: int, answer: Answer) -> bool:
        body = answer.body
        start = body.find(_MEMBER) + len(_MEMBER)
        end = body.find(b'"', start)
        owned, asked = self._owned[connection], self._asked[connection]
        before = owned[asked]
        following = before[: -self._length - len(self._tail)] + body[start:end] + self._tail
        if answer.status != b"200" or end - start != self._length or following == before:
            return False
        owned[asked] = following
        return True


class Exchanging:
    """Exchanges of codes. Each is approved just before it is asked, as `/consent` approves one."""

    def __init__(self, tenants: list[Tenant], keyring: Keyring) -> None:
        self._next = cycle([(tenant, _exchange(tenant)) for tenant in tenants]).__next__
        self._keyring = keyring

    def request(self, connection: int) -> bytes:
        tenant, exchange = self._next()
        return exchange(self._keyring.seal_text(AUTHORIZATION_CODE, dump_approval(_approval(tenant))))

    def accept(self, connection: int, answer: Answer) -> bool:
        return answer.status == b"200" and answer.body.startswith(_TOKENS)


class LoggingIn:
    """Each connection authorizes with a live session and a remembered consent, then exchanges the code it got."""

    def __init__(self, tenants: list[Tenant]) -> None:
        self._next = cycle([(_exchange(tenant), _authorization(tenant)) for tenant in tenants]).__next__
        self._authorized: dict[int, Callable[[str], bytes]] = {}
        self._exchanges: dict[int, bytes] = {}

    def request(self, connection: int) -> bytes:
        if connection in self._exchanges:
            return self._exchanges.pop(connection)
        self._authorized[connection], request = self._next()
        return request

    def accept(self, connection: int, answer: Answer) -> bool:
        exchange = self._authorized.pop(connection, None)
        if exchange is None:
            return answer.status == b"200" and answer.body.startswith(_TOKENS)
        location = dict(answer.headers).get("location", "")
        code = parse_qs(urlsplit(location).query).get("code")
        if answer.status != b"303" or not location.startswith(REDIRECT) or code is None:
            return False
        self._exchanges[connection] = exchange(code[0])
        return True


class Workload:
    """Work for every operation on the same data. Requests that make something come from `asking` organizations in turn."""

    def __init__(self, data: Data, connections: int, asking: int = 1) -> None:
        if len(data.grants) < 3 * connections:
            raise GatepostError(
                "invalid_request",
                f"{len(data.grants)} grants are too few for {connections} connections, which share none.",
                fix=f"--grants {3 * connections} or more, or fewer --connections",
            )
        # What one operation uses is not another's, so each finds it as it left it.
        held = min(ACCESS_TOKENS, len(data.grants) // 3)
        self._introspected, refreshed = data.grants[:held], data.grants[held:]
        half = len(refreshed) // 2
        tenants = random.sample(data.tenants, asking)
        self._works: dict[str, Callable[[int], Work]] = {
            "refresh": _always(_refreshing(refreshed[:half], connections)),
            "rotate": _always(_rotating(refreshed[half:], connections)),
            "verify": lambda _: Repeated([_verification(tenant) for tenant in tenants], _GOOD),
            "introspect": lambda port: Repeated(
                [_introspection(each, port) for each in self._introspected], b'{"active":true,'
            ),
            "check": lambda port: Repeated([_check(each, port) for each in self._introspected], b"", b"204"),
            "jwks": lambda _: Repeated([_request("GET", "/jwks.json")], b'{"keys":[{'),
            "code": lambda _: Exchanging(tenants, data.keyring),
            "service": lambda _: Repeated([_own_token(tenant) for tenant in tenants], _TOKENS),
            "login": lambda _: LoggingIn(tenants),
        }

    def of(self, name: str, port: int) -> Work:
        """The work of one operation against the server on this port."""
        return self._works[name](port)


def _always(work: Work) -> Callable[[int], Work]:
    """The same work each time it is asked for: it knows which tokens come next."""
    return lambda _: work


def _refreshing(grants: list[Connected], connections: int) -> Refreshing:
    requests = [post("/refresh", b'{"refresh_token":"%s"}' % each.refresh_token.encode()) for each in grants]
    return Refreshing(requests, len(grants[0].refresh_token), b'"}', connections)


def _rotating(grants: list[Connected], connections: int) -> Refreshing:
    requests = [
        _token_request(each.tenant, grant_type="refresh_token", refresh_token=each.refresh_token) for each in grants
    ]
    return Refreshing(requests, len(grants[0].refresh_token), b"", connections)


def _verification(tenant: Tenant) -> bytes:
    pair = orjson.dumps({"client_id": tenant.client_id, "redirection_url": REDIRECT})
    return post("/verify", pair, bearer=tenant.api_key)


def _introspection(connected: Connected, port: int) -> bytes:
    form = b"token=" + quote(_access_token(connected, port)).encode()
    return post("/introspect", form, media_type=FORM, bearer=connected.tenant.api_key)


def _check(connected: Connected, port: int) -> bytes:
    scope = quote(SCOPE.split()[0])
    return _request("GET", f"/check?scope={scope}", f"authorization: Bearer {_access_token(connected, port)}\r\n")


def _access_token(connected: Connected, port: int) -> str:
    """An access token of this grant. Its refresh token stays as good as before: it is not used up."""
    answer = ask_once(port, post("/refresh", orjson.dumps({"refresh_token": connected.refresh_token})))
    if answer.status != b"200" or not answer.body.startswith(_GOOD):
        raise GatepostError(
            "server_error", f"A refresh was answered with {answer.status.decode()}: {answer.body.decode()}"
        )
    token: str = orjson.loads(answer.body)["access_token"]
    return token


def _own_token(tenant: Tenant) -> bytes:
    return _token_request(tenant, grant_type="client_credentials", scope=SCOPE)


def _exchange(tenant: Tenant) -> Callable[[str], bytes]:
    """The request that exchanges a code, for each code; but for it, the request is built once."""
    start = _token_request(
        tenant, grant_type="authorization_code", redirect_uri=REDIRECT, code_verifier=_VERIFIER, code="?"
    )
    head, _, form = start.removesuffix(b"%3F").partition(b"\r\n\r\n")
    head, _, _ = head.rpartition(b" ")
    return lambda code: b"%s %d\r\n\r\n%s%s" % (head, len(form) + len(code), form, code.encode())


def _token_request(tenant: Tenant, **fields: str) -> bytes:
    form = urlencode({"client_id": tenant.client_id, "client_secret": tenant.client_secret, **fields})
    return post("/token", form.encode(), media_type=FORM)


def _authorization(tenant: Tenant) -> bytes:
    query = urlencode(
        {
            "response_type": "code",
            "client_id": tenant.client_id,
            "redirect_uri": REDIRECT,
            "scope": SCOPE,
            "state": "bench",
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
        }
    )
    return _request("GET", f"/authorize?{query}", f"cookie: {Cookie('session', _ISSUER).name}={tenant.session}\r\n")


def _approval(tenant: Tenant) -> Approval:
    now = int(time.time())
    return Approval(
        id=new_id().hex(),
        expires_at=now + CODE_TTL,
        app_org=tenant.org.hex(),
        client_id=tenant.client_id,
        redirect_uri=REDIRECT,
        challenge=_CHALLENGE,
        nonce=None,
        org=tenant.org.hex(),
        user_id=tenant.user_id.hex(),
        session_id=tenant.session_id.hex(),
        scope=SCOPE,
        resource=None,
        auth_time=now,
        amr="pwd",
        acr=acr_of("pwd"),
        claims={},
        dpop_jkt=None,
        epoch=3 * EPOCH,
    )


def post(path: str, body: bytes, *, media_type: bytes = b"application/json", bearer: str = "") -> bytes:
    """A request, as its bytes."""
    authorization = f"authorization: Bearer {bearer}\r\n" if bearer else ""
    head = _request("POST", path, authorization).removesuffix(b"\r\n")
    return b"%scontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (head, media_type, len(body), body)


def _request(method: str, path: str, more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\naccept: */*\r\n{more}\r\n".encode()
