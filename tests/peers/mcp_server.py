"""An MCP server as people write them, with FastMCP behind Gatepost's provider: `mcp_server.py ISSUER PORT CERT KEY`."""

import sys

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

from gatepost_sdk.fastmcp import provider

SCOPE = "tools"


def whoami() -> str:
    """Say who calls."""
    token = get_access_token()
    assert token
    return f"{token.claims['sub']} by {token.client_id}"


def main(issuer: str, port: str, cert: str, key: str) -> None:
    mcp = FastMCP("acme", auth=provider(issuer, resource=f"https://127.0.0.1:{port}/mcp", scopes=[SCOPE]))
    mcp.tool(whoami)
    tls = {"ssl_certfile": cert, "ssl_keyfile": key, "log_level": "warning"}
    mcp.run("http", host="127.0.0.1", port=int(port), path="/mcp", uvicorn_config=tls, show_banner=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
