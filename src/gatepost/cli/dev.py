"""A development server: http on loopback, a demo organization, its key and app, and four calls to paste."""

import argparse
import asyncio
import json
from typing import Any

from gatepost.cli.demo import open_directory, prepare
from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.running import DEV_DEFAULTS
from gatepost.cli.serving import (
    LOOPBACK,
    add_server_options,
    bind,
    bind_metrics,
    check_telemetry,
    check_tls,
    run_server,
    server_flags,
    sole_server,
)
from gatepost.opening import open_instance
from gatepost.settings import Settings

_EXTRACT = r"""sed 's/.*"refresh_token":"\([^"]*\)".*/{"refresh_token":"\1"}/'"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--fresh", action="store_true", help="start empty; only in a directory that dev made")
    add_server_options(parser)
    parser.epilog = "example:\n  gatepost dev --port 8710"
    parser.set_defaults(verb=_dev)


def _dev(options: argparse.Namespace) -> int:
    settings = settings_of(options, server_flags(options), DEV_DEFAULTS)
    check_tls(settings)
    check_telemetry(settings)
    with (
        bind(settings.server.host, settings.server.port) as listener,
        bind_metrics(settings) as metrics,
        sole_server(settings),
    ):
        kept = open_directory(settings, fresh=options.fresh)
        instance = open_instance(
            settings, settings.issuer or issuer_of(settings, listener.getsockname()[1]), migrate=True
        )
        demo = asyncio.run(prepare(settings, instance, kept))

        def tell() -> None:
            print(json.dumps({"ready": True, **demo}) if wants_json(options) else _banner(demo, settings), flush=True)

        return run_server(settings, instance, listener, tell, metrics[0])


def issuer_of(settings: Settings, port: int) -> str:
    """Where this machine's browsers find a server that listens there."""
    host = settings.server.host if settings.server.host in LOOPBACK else "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    scheme, usual = ("https", 443) if settings.server.tls_cert else ("http", 80)
    # A browser leaves the usual port out, and an issuer is compared byte for byte.
    return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"


def _banner(demo: dict[str, Any], settings: Settings) -> str:
    key, app = demo["api_key"], demo["app"]
    pair = json.dumps(
        {"client_id": app["client_id"], "redirection_url": app["redirect_uris"][0]}, separators=(",", ":")
    )
    bearer = f'-H "Authorization: Bearer {key}"'
    json_type = '-H "Content-Type: application/json"'
    url = demo["issuer"]
    return f"""
  Gatepost is up.   Ctrl-C stops it.

  Sign in         {demo["sign_in"]}
  Issuer          {url}
  Organization    Demo  {demo["org"]}
  auth_token      {demo["auth_token"]}
  API key         {key}
  App             {app["client_id"]}
    secret        {app["client_secret"]}
    redirect      {app["redirect_uris"][0]}
  Owner           {demo["user"]["email"]}  password {demo["user"]["password"]}
  Data            {settings.data_dir}  (dev.json keeps the above, for your eyes only)

  The four calls, ready to paste:

  1  the organization's auth_token
curl {url}/auth_token {bearer}

  2  save a client and its redirection URL
curl {url}/ {bearer} {json_type} -d '{pair}'

  3  verify the pair, get tokens
curl {url}/verify {bearer} {json_type} -d '{pair}'

  4  a new access token: the refresh_token of call 3, sent on
curl -s {url}/verify {bearer} {json_type} -d '{pair}' | {_EXTRACT} | curl {url}/refresh {json_type} -d @-
"""
