"""A production server. It refuses an unsafe configuration and says which setting it is."""

import argparse
import asyncio
import json
from urllib.parse import urlsplit

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import say
from gatepost.cli.running import ACTOR
from gatepost.cli.serving import LOOPBACK, bind, run_server
from gatepost.errors import GatepostError
from gatepost.flows.signing import make_keys_once
from gatepost.settings import Settings
from gatepost.store.events import Act
from gatepost.wiring import open_instance


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="port to listen on (8710)")
    parser.add_argument("--issuer", metavar="URL", help="the public URL of this server")
    parser.add_argument("--workers", metavar="N", help="server processes (1)")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain in PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key in PEM")
    parser.set_defaults(verb=_serve)


def server_flags(options: argparse.Namespace) -> dict[str, str | None]:
    """The options of a server, by the name of the setting they set."""
    names = ("host", "port", "workers", "tls_cert", "tls_key")
    return {f"server.{name}": getattr(options, name, None) for name in names}


def _serve(options: argparse.Namespace) -> int:
    settings = settings_of(options, {"issuer": options.issuer, **server_flags(options)})
    check_safe(settings)
    listener = bind(settings.server.host, settings.server.port)
    instance = open_instance(settings, settings.issuer)
    asyncio.run(make_keys_once(instance.store, instance.keyring, Act(instance.clock(), ACTOR)))

    def tell() -> None:
        if wants_json(options):
            print(json.dumps({"ready": True, "issuer": settings.issuer}), flush=True)
        else:
            say(f"Gatepost answers as {settings.issuer} on {settings.server.host}:{listener.getsockname()[1]}")

    return run_server(settings, instance, listener, tell)


def check_safe(settings: Settings) -> None:
    """Raises `invalid_configuration` for what must not face the world, naming the setting and the mend."""
    issuer = urlsplit(settings.issuer)
    if not settings.issuer:
        raise _unsafe("issuer is not set; tokens would not say who made them", "--issuer https://auth.example.com")
    if (
        issuer.scheme not in ("http", "https")
        or not issuer.hostname
        or issuer.query
        or issuer.fragment
        or issuer.username
    ):
        raise _unsafe(f"issuer {settings.issuer} is not a plain https URL", "--issuer https://auth.example.com")
    if issuer.scheme == "http" and issuer.hostname not in LOOPBACK:
        raise _unsafe(
            f"issuer {settings.issuer} is http: tokens would travel in clear text",
            f"--issuer https://{issuer.netloc}, or `gatepost dev` for local work",
        )
    if settings.issuer.endswith("/"):
        raise _unsafe(
            f"issuer {settings.issuer} ends with a slash; clients compare it byte for byte", "leave the slash out"
        )
    if bool(settings.server.tls_cert) != bool(settings.server.tls_key):
        raise _unsafe("server.tls_cert and server.tls_key need each other", "give both, or neither behind a proxy")
    if settings.server.workers > 1:
        raise _unsafe(
            f"server.workers is {settings.server.workers}, but SQLite serves one process; it is fast enough for most",
            "--workers 1",
        )


def _unsafe(why: str, fix: str) -> GatepostError:
    return GatepostError("invalid_configuration", f"{why[0].upper()}{why[1:]}.", fix=fix)
