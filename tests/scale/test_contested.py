"""Everything that counts once is presented to three nodes at the same moment: one winner each, and no fault."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

import postgres
from gatepost.bench.data import Data, prepare
from gatepost.bench.work import Exchanging
from gatepost.oauth.client_assertion import ASSERTION_TYPE
from gatepost.secrets import Secret
from gatepost.settings import Settings
from servers import Server

from .contenders import Nodes, contend
from .nodes import ISSUER, Instance

pytestmark = pytest.mark.xdist_group("contested")

KEY = ECKey.generate_key("P-256", {"kid": "signer"})

GENERATIONS = 2
"""How many refresh tokens of a grant are contested, one after the other."""


@pytest.fixture(scope="module")
def contested(request: pytest.FixtureRequest) -> int:
    """How many of each kind: by option."""
    count: int = request.config.getoption("--contested")
    return count


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(tmp_path_factory.mktemp("instance"), postgres.databases().new())


@pytest.fixture(scope="module")
def data(instance: Instance, contested: int) -> Data:
    """One organization and its app, and grants whose tokens nobody has presented yet."""
    settings = Settings(data=str(instance.directory), database=Secret(instance.settings["GATEPOST_DATABASE"]))
    return asyncio.run(prepare(settings, 1, contested // GENERATIONS))


@pytest.fixture(scope="module")
def nodes(instance: Instance, data: Data) -> Iterator[list[Server]]:
    with instance.serve(3) as nodes:
        yield nodes


def test_every_code_has_one_winner(nodes: list[Server], data: Data, contested: int) -> None:
    codes = Exchanging(data.tenants, data.keyring)
    fight(nodes, range(contested), codes.request, 400, "invalid_grant")


def test_every_refresh_token_has_one_successor(nodes: list[Server], data: Data) -> None:
    """All three are answered, and alike: a reply may be lost, so whoever comes a moment later gets the winner's."""
    successors: list[str] = []

    async def present(each: Nodes, token: str) -> None:
        for _ in range(GENERATIONS):
            answers = await each.ask(refresh(token))
            assert [answer.status for answer in answers] == [200] * 3, answers
            [successor] = {orjson.loads(answer.body)["refresh_token"] for answer in answers}
            assert successor != token
            token = successor
        successors.append(token)

    asyncio.run(contend(nodes, [each.refresh_token for each in data.grants], present))
    assert len(set(successors)) == len(data.grants)


def test_every_client_assertion_has_one_winner(
    instance: Instance, nodes: list[Server], data: Data, contested: int
) -> None:
    """RFC 7523 §3: its `jti` is remembered by all nodes, or by none."""
    file = instance.directory / "jwks.json"
    file.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    app = ("app", "create", "Signer", "--client-id", "signer", "--kind", "service", "--auth-method", "private_key_jwt")
    instance.command(*app, "--jwks", str(file), "--org", "Organization 0")

    def request(number: int) -> bytes:
        claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": int(time.time()) + 60, "jti": str(number)}
        assertion = jwt.encode({"alg": "ES256", "kid": KEY.kid}, claims, KEY)
        return token_request({"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion})

    fight(nodes, range(contested), request, 401, "invalid_client")


def test_every_proof_has_one_winner(nodes: list[Server], data: Data, contested: int) -> None:
    """RFC 9449 §11.1, as of assertions."""
    [tenant] = data.tenants
    app = {"client_id": tenant.client_id, "client_secret": tenant.client_secret}

    def request(number: int) -> bytes:
        claims = {"htm": "POST", "htu": f"{ISSUER}/token", "iat": int(time.time()), "jti": str(number)}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}
        return token_request(app, f"dpop: {jwt.encode(header, claims, KEY)}\r\n")

    fight(nodes, range(contested), request, 400, "invalid_dpop_proof")


def fight(nodes: list[Server], numbers: range, request: Callable[[int], bytes], status: int, error: str) -> None:
    """Each request is good for the first who gets it through, and for nobody else."""
    code = f'"{error}"'.encode()

    async def present(each: Nodes, number: int) -> None:
        answers = await each.ask(request(number))
        assert sorted(answer.status for answer in answers) == [200, status, status], answers
        assert sum(code in answer.body for answer in answers) == 2

    asyncio.run(contend(nodes, numbers, present))


def refresh(token: str) -> bytes:
    body = orjson.dumps({"refresh_token": token})
    head = b"POST /refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def token_request(fields: dict[str, str], more: str = "") -> bytes:
    """What an app asks for itself."""
    body = urlencode({"grant_type": "client_credentials", **fields})
    head = f"POST /token HTTP/1.1\r\nhost: x\r\n{more}content-type: application/x-www-form-urlencoded\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
