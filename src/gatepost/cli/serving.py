"""What `dev` and `serve` share: the socket bound first, then the instance, then the server on it."""

import socket
import sys
from collections.abc import Callable

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.log import start_logging
from gatepost.settings import Settings
from gatepost.web.server import serve
from gatepost.wiring import build_app

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `conflict` when the port is taken, `not_allowed` when it may not be used."""
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
        raise GatepostError(
            "conflict",
            f"{host}:{port} cannot be used: {fault.strerror}.",
            fix="stop what uses it, or choose another --port",
        ) from None
    return listener


def run_server(
    settings: Settings, instance: Instance, listener: socket.socket, on_listening: Callable[[], None]
) -> int:
    """Serve until told to stop; then answer what is in flight, close the store and answer the exit code."""
    stop_logging = start_logging(settings.log.level)
    try:
        serve(
            build_app(settings, instance),
            listener,
            on_listening,
            tls_cert=settings.server.tls_cert,
            tls_key=settings.server.tls_key,
            stop_delay=settings.server.stop_delay,
        )
    finally:
        instance.store.close()
        stop_logging()
        sys.stdout.flush()
    return 0
