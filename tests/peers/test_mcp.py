"""The two official SDKs of MCP, as clients of a FastMCP server that takes our tokens, from the first 401 to the last.

MCP authorization, revision 2026-07-28: RFC 9728 leads to RFC 8414, the app publishes itself or registers itself, and the code
is fetched with PKCE and `resource`.
"""

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from servers import STOP_SECONDS, Server, command, reserved_port, wait_for_port
from wire.browser import answer_of

from .person import Person
from .test_javascript import started
from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

REDIRECT = "http://127.0.0.1:8733/callback"
OTHER = "https://other.test/mcp"
SAID = {
    "client_name": "An agent",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


class Mcp(NamedTuple):
    """A running MCP server, and the app that publishes itself beside it."""

    url: str
    app: str
    server: Server


@pytest.fixture(scope="module")
def published(tls: Tls) -> Iterator[str]:
    """The client_id of an app that says at that URL what it is."""

    class Document(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({**SAID, "client_id": url}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Document)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    url = f"https://127.0.0.1:{web.server_port}/agent.json"
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield url
    web.shutdown()
    web.server_close()


@pytest.fixture(scope="module")
def mcp(
    server: Server, issuer: str, tls: Tls, published: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mcp]:
    log = tmp_path_factory.mktemp("mcp") / "log"
    with reserved_port() as port:
        url = f"https://127.0.0.1:{port}/mcp"
        for resource in (url, OTHER):
            done = command(
                server.data, "resource", "create", resource, "--scopes", "tools", "--org", server.ready["org"]
            )
            assert done.returncode == 0, done.stderr
        script = Path(__file__).with_name("mcp_server.py")
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, script, issuer, str(port), tls.cert, tls.key],
                env=os.environ | {"SSL_CERT_FILE": str(tls.authority)},
                stdout=out,
                stderr=out,
            )
        try:
            wait_for_port(process, port, log)
            yield Mcp(url, published, server)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


class Memory:
    """Where an agent keeps its tokens, and what it is known as. The SDK's `TokenStorage`."""

    tokens: OAuthToken | None = None
    app: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.app

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.app = client_info


class Agent:
    """A program on the Python SDK; whenever it has to open a browser, the person says yes."""

    def __init__(self, mcp: Mcp, tls: Tls, person: Person, app: str | None) -> None:
        self.memory = Memory()
        self.visits = 0
        self._mcp, self._tls, self._person = mcp, tls, person
        self._answer: dict[str, str] = {}
        self.auth = OAuthClientProvider(
            mcp.url,
            OAuthClientMetadata.model_validate(SAID),
            self.memory,
            self._open,
            self._wait,
            client_metadata_url=app,
        )

    async def _open(self, url: str) -> None:
        self.visits += 1
        self._answer = answer_of(self._person.visit(url).url)

    async def _wait(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=self._answer["code"], state=self._answer["state"], iss=self._answer["iss"])

    async def whoami(self) -> str:
        context = ssl.create_default_context(cafile=self._tls.authority)
        async with (
            httpx2.AsyncClient(auth=self.auth, verify=context) as http,
            Client(streamable_http_client(self._mcp.url, http_client=http)) as client,
        ):
            result: Any = await client.call_tool("whoami", {})
        text: str = result.content[0].text
        return text

    def forget_that_it_is_good(self) -> None:
        """As if the access token had expired."""
        self.auth.context.token_expiry_time = 1

    @property
    def tokens(self) -> OAuthToken:
        assert self.memory.tokens
        return self.memory.tokens


Hire = Callable[[bool], Agent]


@pytest.fixture
def hire(mcp: Mcp, tls: Tls, person: Person) -> Hire:
    """An agent, which publishes itself or registers itself."""
    return lambda publishes: Agent(mcp, tls, person, mcp.app if publishes else None)


@pytest.mark.parametrize("publishes", [True, False], ids=["cimd", "dcr"])
async def test_an_agent_in_python_lives_its_whole_life(hire: Hire, mcp: Mcp, publishes: bool) -> None:
    agent = hire(publishes)
    said = await agent.whoami()
    assert agent.memory.app
    assert said.startswith("usr_")
    assert said.endswith(f" by {agent.memory.app.client_id}")
    assert (agent.memory.app.client_id == mcp.app) is publishes
    assert await agent.whoami() == said
    assert agent.visits == 1

    first = agent.tokens
    agent.forget_that_it_is_good()
    assert await agent.whoami() == said
    assert (agent.tokens.access_token != first.access_token, agent.visits) == (True, 1)
    assert agent.tokens.refresh_token != first.refresh_token

    done = command(mcp.server.data, "grant", "revoke", "--app", agent.memory.app.client_id or "", "--yes")
    assert json.loads(done.stdout)["revoked"] == 1, done.stderr
    agent.forget_that_it_is_good()
    assert await agent.whoami() == said
    assert agent.visits == 2, "a dead refresh token leads to a new authorization, not to an error"


async def test_an_agent_in_python_does_not_follow_to_another_resource(hire: Hire, mcp: Mcp) -> None:
    agent = hire(True)
    agent.auth.context.server_url = mcp.url.replace("/mcp", "/elsewhere")
    with pytest.raises((OAuthFlowError, ExceptionGroup)) as refused:
        await agent.whoami()
    [why] = _leaves(refused.value)
    assert isinstance(why, OAuthFlowError)
    assert "does not match expected" in str(why)
    assert agent.visits == 0


def _leaves(fault: BaseException) -> list[BaseException]:
    """What went wrong in the end, in whichever task groups it happened."""
    if isinstance(fault, BaseExceptionGroup):
        return [leaf for each in fault.exceptions for leaf in _leaves(each)]
    return [fault]


@pytest.mark.parametrize("publishes", [True, False], ids=["cimd", "dcr"])
def test_an_agent_in_typescript_lives_its_whole_life(mcp: Mcp, tls: Tls, person: Person, publishes: bool) -> None:
    with started("@modelcontextprotocol/sdk", tls) as script:
        script.say({"url": mcp.url, "app": mcp.app if publishes else None, "said": SAID})
        visits = 0
        while isinstance(heard := script.hear(), str):
            if heard == "revoke":
                client_id = script.hear()["client_id"]
                done = command(mcp.server.data, "grant", "revoke", "--app", client_id, "--yes")
                script.say(json.loads(done.stdout))
            else:
                visits += 1
                script.say(person.visit(heard)._asdict())
    assert heard["said"][0].startswith("usr_")
    assert heard["said"] == 4 * heard["said"][:1]
    assert heard["said"][0].endswith(f" by {heard['client_id']}")
    assert (heard["client_id"] == mcp.app) is publishes
    assert heard["rotated"] is True
    assert visits == 2, "one at first, and one for the dead refresh token"


def test_a_token_for_another_api_is_refused_and_led_to_the_metadata(mcp: Mcp, tls: Tls) -> None:
    ready = mcp.server.ready
    with httpx.Client(verify=ssl.create_default_context(cafile=tls.authority)) as http:
        statuses = {}
        for resource in (mcp.url, OTHER, None):
            pair = {"client_id": ready["app"]["client_id"], "redirection_url": ready["app"]["redirect_uris"][0]}
            wanted = {"resource": resource, "scope": "tools"} if resource else {}
            key = {"authorization": f"Bearer {ready['api_key']}"}
            token = http.post(f"{ready['issuer']}/verify", json=pair | wanted, headers=key).json()["access_token"]
            headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
            answer = http.post(mcp.url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers)
            statuses[resource] = answer.status_code
            if answer.status_code == 401:
                place = mcp.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
                assert f'resource_metadata="{place}"' in answer.headers["www-authenticate"]
                assert http.get(place).json()["authorization_servers"] == [ready["issuer"]]
        assert statuses[OTHER] == statuses[None] == 401
        assert statuses[mcp.url] != 401
