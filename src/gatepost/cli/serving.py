"""What `dev` and `serve` share: the socket bound first, then the instance, then the server on it."""

import argparse
import contextlib
import errno
import fcntl
import importlib.util
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gatepost.errors import GatepostError
from gatepost.flows.deliveries import DELIVERIES
from gatepost.flows.duties import Duties
from gatepost.flows.instance import Instance
from gatepost.flows.outbox import Outbox
from gatepost.flows.sealing import Sealer
from gatepost.flows.webhook_feeding import Feeder
from gatepost.log import start_logging
from gatepost.opening import database_of, make_directory, unusable
from gatepost.settings import Settings
from gatepost.watching import Watch
from gatepost.web.server import serve
from gatepost.wiring import build_app

LOCK_SUFFIX = ".lock"
LOOPBACK = ("127.0.0.1", "::1", "[::1]", "localhost")
"""The hosts that only this machine reaches, in an address and in a URL."""


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Where a server listens, and with which certificate."""
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="port to listen on (8710)")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain in PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key in PEM")


def server_flags(options: argparse.Namespace) -> dict[str, str | None]:
    """The options of a server, by the name of the setting they set."""
    names = ("host", "port", "workers", "tls_cert", "tls_key")
    return {f"server.{name}": getattr(options, name, None) for name in names}


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises `conflict` when the port is taken, `not_allowed` when it may not be used, `invalid_configuration` when the
    address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except PermissionError as fault:
        listener.close()
        raise GatepostError(
            "not_allowed", f"Port {port} may not be used: {fault.strerror}.", fix="choose one over 1023"
        ) from None
    except OSError as fault:
        listener.close()
        if fault.errno == errno.EADDRINUSE:
            raise GatepostError(
                "conflict", f"Port {port} is taken on {host}.", fix="stop what uses it, or choose another with --port"
            ) from None
        raise GatepostError(
            "invalid_configuration",
            f"{host} is not an address to listen on: {fault.strerror}.",
            fix="--host 127.0.0.1, or 0.0.0.0 for every address of this machine",
        ) from None
    return listener


@contextlib.contextmanager
def bind_metrics(settings: Settings) -> Iterator[list[socket.socket | None]]:
    """A socket for `/metrics` for each process of the server, on ports that follow each other; none where none is set.

    Raises as `bind` does, and `invalid_configuration` for an address that others reach without a token.
    """
    listen, count = settings.metrics.listen, settings.server.workers
    if listen and listen.host not in LOOPBACK and not settings.metrics.token:
        raise GatepostError(
            "invalid_configuration",
            f"metrics.listen is {listen.host}, which others reach, and metrics.token is not set.",
            fix="listen on 127.0.0.1, or set GATEPOST_METRICS__TOKEN_FILE",
        )
    if settings.metrics.token and not listen and count > 1:
        raise GatepostError(
            "invalid_configuration",
            "With several processes, /metrics at the server's own port would be any one's.",
            fix='metrics.listen = "127.0.0.1:9464"',
        )
    with contextlib.ExitStack() as stack:
        ports = [listen.port + number if listen.port else 0 for number in range(count)] if listen else []
        yield [stack.enter_context(bind(listen.host, port)) for port in ports] if listen else [None] * count


@contextlib.contextmanager
def sole_server(settings: Settings) -> Iterator[None]:
    """Keep other servers away from a database that is a file, for as long as this one runs. Raises `conflict`."""
    database = database_of(settings).file
    if database is None:
        yield
        return
    with sole_server_of(database):
        yield


@contextlib.contextmanager
def sole_server_of(database: Path) -> Iterator[None]:
    """Keep servers away from this file, as `sole_server` does."""
    make_directory(database.parent)
    path = database.with_name(database.name + LOCK_SUFFIX)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as fault:
        raise unusable(path, fault) from None
    with os.fdopen(descriptor) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GatepostError(
                "conflict",
                f"Another server uses {database}; SQLite serves one.",
                fix="stop it first, or name another place with --data DIR",
            ) from None
        yield


def check_tls(settings: Settings) -> None:
    """Raises `invalid_configuration` unless certificate and key are a pair that can be used, or there are none."""
    cert, key = settings.server.tls_cert, settings.server.tls_key
    if bool(cert) != bool(key):
        raise GatepostError(
            "invalid_configuration",
            "server.tls_cert and server.tls_key need each other.",
            fix="give both, or neither behind a proxy",
        )
    if not cert:
        return
    try:
        # An encrypted key must fail here rather than ask for its passphrase.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except OSError as fault:
        why = "they are not a pair in PEM" if isinstance(fault, ssl.SSLError) else fault.strerror
        raise GatepostError(
            "invalid_configuration",
            f"The certificate {cert} and the key {key} cannot be used: {why}.",
            fix="give a certificate chain in PEM and the unencrypted key that belongs to it",
        ) from None


def check_telemetry(settings: Settings) -> None:
    """Raises `invalid_configuration` when OpenTelemetry is wanted and not installed."""
    if settings.telemetry.otlp and not _is_installed("opentelemetry.exporter.otlp.proto.http"):
        raise GatepostError(
            "invalid_configuration",
            "telemetry.otlp is set, but OpenTelemetry is not installed.",
            fix="pip install 'gatepost[otel]'",
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def run_server(
    settings: Settings,
    instance: Instance,
    listener: socket.socket,
    on_listening: Callable[[], None],
    metrics: socket.socket | None,
) -> int:
    """Serve until told to stop; then answer what is in flight, close the store and answer the exit code."""
    stop_logging = start_logging(settings.log.level)
    try:
        watch = Watch(settings, instance)
        serve(
            build_app(settings, instance, watch),
            listener,
            on_listening,
            Duties(
                Outbox(instance, DELIVERIES).run,
                Feeder(instance).run,
                instance.counts.run,
                Sealer(instance).run,
                *watch.beside(metrics),
            ).run,
            tls_cert=settings.server.tls_cert,
            tls_key=settings.server.tls_key,
            stop_delay=settings.server.stop_delay,
        )
    finally:
        instance.store.close()
        stop_logging()
        sys.stdout.flush()
    return 0
