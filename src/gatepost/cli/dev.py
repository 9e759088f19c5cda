"""A development server: http on loopback, a demo organization, its key and app, and four calls to paste."""

import argparse
import asyncio
import json
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.running import ACTOR, DEV_FILE, read_dev_file
from gatepost.cli.serve import server_flags
from gatepost.cli.serving import LOOPBACK, bind, run_server
from gatepost.errors import GatepostError
from gatepost.flows.api_keys import create_key
from gatepost.flows.apps import NewApp, create_app
from gatepost.flows.callers import POWERS
from gatepost.flows.clients import get_auth_token
from gatepost.flows.instance import Instance
from gatepost.flows.links import create_link
from gatepost.flows.organizations import create_org
from gatepost.flows.people import create_user
from gatepost.flows.signing import make_keys_once
from gatepost.secrets import Secret, parse_id, render_id
from gatepost.settings import Settings
from gatepost.store.events import Act
from gatepost.wiring import open_instance

DEMO_REDIRECT = "http://localhost:8765/callback"
DEMO_EMAIL = "owner@demo.test"

_EXTRACT = r"""sed 's/.*"refresh_token":"\([^"]*\)".*/{"refresh_token":"\1"}/'"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="port to listen on (8710)")
    parser.add_argument("--fresh", action="store_true", help="start empty; only in a directory that dev made")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain in PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key in PEM")
    parser.set_defaults(verb=_dev)


def _dev(options: argparse.Namespace) -> int:
    settings = settings_of(options, server_flags(options), {"outbound.allow_loopback": "true"})
    listener = bind(settings.server.host, settings.server.port)
    if options.fresh:
        _empty(settings)
    issuer = settings.issuer or _issuer(settings, listener)
    instance = open_instance(settings, issuer, migrate=True)
    demo = asyncio.run(_prepare(settings, instance))

    def tell() -> None:
        print(json.dumps({"ready": True, **demo}) if wants_json(options) else _banner(demo, settings), flush=True)

    return run_server(settings, instance, listener, tell)


def _issuer(settings: Settings, listener: socket.socket) -> str:
    host = settings.server.host if settings.server.host in LOOPBACK else "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.server.tls_cert else 'http'}://{host}:{listener.getsockname()[1]}"


def _empty(settings: Settings) -> None:
    """Empty the data directory, if it is one that dev made. Raises `not_allowed`."""
    directory = settings.data_dir
    if not directory.exists() or not any(directory.iterdir()):
        return
    if not (directory / DEV_FILE).exists():
        raise GatepostError(
            "not_allowed",
            f"{directory} holds data that `gatepost dev` did not make.",
            fix="name another place with --data DIR",
        )
    shutil.rmtree(directory)


async def _prepare(settings: Settings, instance: Instance) -> dict[str, Any]:
    """The demo: made on the first start, remembered in dev.json, told whole on every start."""
    act = Act(instance.clock(), ACTOR)
    await make_keys_once(instance.store, instance.keyring, act)
    demo: dict[str, Any] = dict(read_dev_file(settings.data_dir))
    if not demo:
        demo = await _make_demo(instance, act)
    demo["issuer"] = instance.issuer
    org, user = parse_id("org", demo["org"]), parse_id("usr", demo["user"]["id"])
    if org is None or user is None:
        raise GatepostError(
            "invalid_configuration", f"{settings.data_dir / DEV_FILE} was changed.", fix="gatepost dev --fresh"
        )
    _keep(settings.data_dir / DEV_FILE, demo)
    return {"issuer": instance.issuer, "sign_in": create_link(instance, org, user).reveal(), **demo}


async def _make_demo(instance: Instance, act: Act) -> dict[str, Any]:
    org = await create_org(instance, "Demo", act)
    password = Secret(secrets.token_urlsafe(12))
    owner = await create_user(instance, org.id, DEMO_EMAIL, "owner", password, act)
    key = await create_key(instance, org.id, "Demo key", POWERS, None, act)
    app, secret = await create_app(instance, org.id, NewApp("Demo app", redirect_uris=(DEMO_REDIRECT,)), act)
    return {
        "org": render_id("org", org.id),
        "auth_token": await get_auth_token(instance, org.id, act),
        "api_key": key.text.reveal(),
        "app": {
            "client_id": app.client_id,
            "client_secret": secret.text.reveal() if secret else None,
            "redirect_uris": [DEMO_REDIRECT],
        },
        "user": {"id": render_id("usr", owner.id), "email": owner.email, "password": password.reveal()},
    }


def _keep(path: Path, demo: dict[str, Any]) -> None:
    """Write dev.json whole or not at all, for its owner's eyes only."""
    draft = path.with_suffix(".draft")
    draft.touch(0o600)
    draft.write_text(json.dumps(demo, indent=2) + "\n")
    os.replace(draft, path)


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
