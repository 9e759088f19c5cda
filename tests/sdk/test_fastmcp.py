"""A FastMCP server behind the provider, asked over HTTP."""

from typing import Any

import httpx
import pytest
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

from gatepost_sdk.fastmcp import GatepostProvider, provider
from gatepost_sdk.guard import Guard
from gatepost_sdk.testing import Issuer

MCP = "https://mcp.test/mcp"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
ACCEPT = {"accept": "application/json, text/event-stream"}


@pytest.fixture
def auth(issuer: Issuer) -> GatepostProvider:
    made = provider("https://auth.test", resource=MCP, scopes=["tools"])
    issuer.install(made)
    return made


async def ask(auth: GatepostProvider, method: str, path: str, **request: Any) -> httpx.Response:
    mcp = FastMCP("acme", auth=auth)

    def whoami() -> str:
        token = get_access_token()
        assert token
        return f"{token.claims['sub']} of {token.claims['org']}"

    mcp.tool(whoami)
    app = mcp.http_app(stateless_http=True, json_response=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://mcp.test") as client,
    ):
        return await client.request(method, path, **request)


async def test_a_tool_knows_who_calls(auth: GatepostProvider, issuer: Issuer) -> None:
    headers = {**ACCEPT, **issuer.bearer(sub="usr_ana", org="org_acme", scope="tools")}
    answer = await ask(auth, "POST", "/mcp", json=CALL, headers=headers)
    assert answer.json()["result"]["content"][0]["text"] == "usr_ana of org_acme"


async def test_who_brings_no_good_token_is_led_to_the_metadata(auth: GatepostProvider, issuer: Issuer) -> None:
    place = "https://mcp.test/.well-known/oauth-protected-resource/mcp"
    for headers in ({}, issuer.bearer(aud="https://other.test", scope="tools")):
        answer = await ask(auth, "POST", "/mcp", json=CALL, headers={**ACCEPT, **headers})
        assert answer.status_code == 401
        assert f'resource_metadata="{place}"' in answer.headers["www-authenticate"]
    document = (await ask(auth, "GET", httpx.URL(place).path)).json()
    assert document["resource"] == MCP
    assert document["authorization_servers"] == ["https://auth.test"], "to the letter: clients compare it"
    assert document["scopes_supported"] == ["tools"]


async def test_a_missing_scope_is_a_403(auth: GatepostProvider, issuer: Issuer) -> None:
    answer = await ask(auth, "POST", "/mcp", json=CALL, headers={**ACCEPT, **issuer.bearer(scope="other")})
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_too_many_requests_are_told_when_to_come_back(auth: GatepostProvider, issuer: Issuer) -> None:
    headers = {**ACCEPT, **issuer.bearer(scope="tools", limits={"grant": 1})}
    assert (await ask(auth, "POST", "/mcp", json=CALL, headers=headers)).status_code == 200
    answer = await ask(auth, "POST", "/mcp", json=CALL, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
    # A slow machine is some seconds on already.
    assert 50 < int(answer.headers["retry-after"]) <= 60


def test_a_server_that_is_mounted_elsewhere_is_refused() -> None:
    auth = GatepostProvider(Guard("https://auth.test", audience="https://mcp.test/other"), [])
    with pytest.raises(ValueError, match="/mcp"):
        FastMCP("acme", auth=auth).http_app()
