"""A production server. It refuses an unsafe configuration and says which setting it is."""

import argparse
import asyncio
import json
import re

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import say
from gatepost.cli.running import ACTOR
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
from gatepost.cli.workers import Workers
from gatepost.errors import GatepostError
from gatepost.flows.signing import make_keys_once
from gatepost.opening import BOX, database_of, open_instance
from gatepost.settings import Settings
from gatepost.store.events import Act

_ISSUER = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
)


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--issuer", metavar="URL", help="the public URL of this server")
    parser.add_argument("--workers", metavar="N", help="server processes on one database server (1)")
    add_server_options(parser)
    parser.epilog = "example:\n  gatepost serve --issuer https://auth.example.com --data /var/lib/gatepost"
    parser.set_defaults(verb=_serve)


def _serve(options: argparse.Namespace) -> int:
    settings = settings_of(options, {"issuer": options.issuer, **server_flags(options)})
    check_safe(settings)
    with (
        bind(settings.server.host, settings.server.port) as listener,
        bind_metrics(settings) as metrics,
        sole_server(settings),
    ):
        instance = open_instance(settings, settings.issuer)
        asyncio.run(make_keys_once(instance.store, instance.keyring, Act(instance.clock(), ACTOR)))

        def tell() -> None:
            if wants_json(options):
                print(json.dumps({"ready": True, "issuer": settings.issuer}), flush=True)
            else:
                host, port = settings.server.host, listener.getsockname()[1]
                say(f"Gatepost answers as {settings.issuer} on {host}:{port}. Ctrl-C stops it.")

        if settings.server.workers == 1:
            return run_server(settings, instance, listener, tell, metrics[0])
        # Each process opens the database anew: a connection cannot be shared.
        instance.store.close()
        return Workers(
            settings.server.workers,
            listener,
            lambda number, listens: run_server(
                settings, open_instance(settings, settings.issuer), listener, listens, metrics[number]
            ),
        ).run(tell)


def check_safe(settings: Settings) -> None:
    """Raises `invalid_configuration` for what must not face the world, naming the setting and the fix."""
    check_issuer(settings.issuer)
    check_tls(settings)
    check_telemetry(settings)
    if settings.server.workers > 1 and database_of(settings).file:
        raise _unsafe(
            f"the setting server.workers is {settings.server.workers}, but SQLite serves one process; it is fast enough"
            " for most",
            "--workers 1, or PostgreSQL: --database postgresql://user@host/name",
        )
    if settings.mail.url == BOX:
        raise _unsafe("mail.url keeps mails on a page of the server", "name a mail server, as in smtps://…")


def check_issuer(text: str) -> None:
    """Raises `invalid_configuration` for what cannot name this server: it must be https, or http on a loopback host."""
    example = "--issuer https://auth.example.com"
    if not text:
        raise _unsafe("issuer is not set; tokens would not say who made them", example)
    if text.endswith("/"):
        raise _unsafe(f"issuer {text} ends with a slash; clients compare it byte for byte", "leave the slash out")
    match = _ISSUER.fullmatch(text)
    if not match or int(match["port"] or 0) > 65_535:
        raise _unsafe(
            f"issuer {text} is not a plain https URL: a host, perhaps a port or a path, nothing else", example
        )
    if match["scheme"] == "http" and match["host"] not in LOOPBACK:
        raise _unsafe(
            f"issuer {text} is http: tokens would travel in clear text",
            f"--issuer https{text.removeprefix('http')}, or `gatepost dev` for local work",
        )


def _unsafe(why: str, fix: str) -> GatepostError:
    return GatepostError("invalid_configuration", f"{why[0].upper()}{why[1:]}.", fix=fix)
