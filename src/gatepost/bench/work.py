"""The operations that are measured, as work for the load generator."""

import random
from itertools import cycle
from urllib.parse import quote

import orjson

from gatepost.bench.data import REDIRECT, Connected, Data, Tenant
from gatepost.bench.load import Work, ask_once
from gatepost.bench.machine import HOST
from gatepost.errors import GatepostError

PATHS = {"refresh": "/refresh", "verify": "/verify", "introspect": "/introspect", "jwks": "/jwks.json"}
"""The operations by name, and the route each one asks."""

ACCESS_TOKENS = 1024
"""Different access tokens that are introspected, each of another grant."""

VERIFIED = 4096
"""Different requests to /verify at most."""

_GOOD = b'{"success":true,'
_MEMBER = b'"refresh_token":"'


class Repeated:
    """Requests that may be asked again and again, in turn; a right answer begins as it should."""

    def __init__(self, requests: list[bytes], begins: bytes) -> None:
        self._next = cycle(requests).__next__
        self._begins = begins

    def request(self, connection: int) -> bytes:
        return self._next()

    def accept(self, connection: int, body: bytes) -> bool:
        return body.startswith(self._begins)


class Fixed:
    """One request again and again; the only right answer is this body."""

    def __init__(self, request: bytes, body: bytes) -> None:
        self._request = request
        self._body = body

    def request(self, connection: int) -> bytes:
        return self._request

    def accept(self, connection: int, body: bytes) -> bool:
        return body == self._body


class Refreshing:
    """Each connection refreshes grants of its own, at random, with the token that it was answered last.

    A right answer brings a token that is not the one presented; whether it is the right one, the next refresh tells.
    """

    def __init__(self, tokens: list[str], connections: int) -> None:
        self._owned = [
            [_post("/refresh", b'{"refresh_token":"%s"}' % token.encode()) for token in tokens[number::connections]]
            for number in range(connections)
        ]
        length = len(tokens[0])
        self._head = self._owned[0][0][: -(length + 2)]
        self._length = length
        self._asked = [0] * connections

    def request(self, connection: int) -> bytes:
        owned = self._owned[connection]
        index = self._asked[connection] = int(random.random() * len(owned))  # noqa: S311  # which token comes next is no secret
        return owned[index]

    def accept(self, connection: int, body: bytes) -> bool:
        start = body.find(_MEMBER) + len(_MEMBER)
        end = body.find(b'"', start)
        following = self._head + body[start:end] + b'"}'
        owned, asked = self._owned[connection], self._asked[connection]
        if end - start != self._length or following == owned[asked]:
            return False
        owned[asked] = following
        return True


class Workload:
    """Work for every operation on the same data."""

    def __init__(self, data: Data, connections: int) -> None:
        if len(data.grants) < 2 * connections:
            raise GatepostError(
                "invalid_request",
                f"{len(data.grants)} grants are too few for {connections} connections, which share none.",
                fix=f"--grants {2 * connections} or more, or fewer --connections",
            )
        self._data = data
        self._connections = connections
        # What is introspected is not refreshed, so both stay what they are.
        held = min(ACCESS_TOKENS, len(data.grants) // 2)
        self._introspected, refreshed = data.grants[:held], data.grants[held:]
        self._refreshing = Refreshing([each.refresh_token for each in refreshed], connections)

    def of(self, name: str, port: int) -> Work:
        """The work of one operation against the server on this port."""
        if name == "refresh":
            return self._refreshing
        if name == "verify":
            tenants = random.sample(self._data.tenants, min(len(self._data.tenants), VERIFIED))
            return Repeated([_verification(tenant) for tenant in tenants], _GOOD)
        if name == "introspect":
            return Repeated([_introspection(each, port) for each in self._introspected], b'{"active":true,')
        return Repeated([_request("GET", "/jwks.json")], b'{"keys":[{')


def _verification(tenant: Tenant) -> bytes:
    pair = orjson.dumps({"client_id": tenant.client_id, "redirection_url": REDIRECT})
    return _post("/verify", pair, bearer=tenant.api_key)


def _introspection(connected: Connected, port: int) -> bytes:
    """The request for an access token of this grant. Its refresh token stays as good as before: it is not used up."""
    answer = ask_once(port, _post("/refresh", orjson.dumps({"refresh_token": connected.refresh_token})))
    if answer.status != 200 or not answer.body.startswith(_GOOD):
        raise GatepostError("server_error", f"A refresh was answered with {answer.status}: {answer.body.decode()}")
    form = b"token=" + quote(orjson.loads(answer.body)["access_token"]).encode()
    return _post("/introspect", form, media_type="application/x-www-form-urlencoded", bearer=connected.tenant.api_key)


def _post(path: str, body: bytes, *, media_type: str = "application/json", bearer: str = "") -> bytes:
    head = _request("POST", path, bearer).removesuffix(b"\r\n")
    return b"%scontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (head, media_type.encode(), len(body), body)


def _request(method: str, path: str, bearer: str = "") -> bytes:
    authorization = f"authorization: Bearer {bearer}\r\n" if bearer else ""
    return f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\naccept: */*\r\n{authorization}\r\n".encode()
