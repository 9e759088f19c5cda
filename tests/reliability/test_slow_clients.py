"""Clients that dawdle, flood or send without end cost the others nothing and the server little."""

import contextlib
import socket
import time

from gatepost.web.connection import HEAD_SECONDS, READ_SECONDS
from servers import Server

from .faults import JWKS, PATIENCE, cpu_seconds, dial, flood, hear, resident, wait_until

MB = 1_000_000


def is_closed(dialled: socket.socket) -> bool:
    """Whether the server has ended this connection."""
    dialled.setblocking(False)
    try:
        return dialled.recv(65536) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_those_who_dawdle_are_cut_off_in_time_and_the_others_do_not_notice(server: Server) -> None:
    """Three hundred who send a byte now and then, and one who asks without end and reads nothing."""
    before = resident(server.process.pid)
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(flood(server.port, JWKS))
        slow = [stack.enter_context(dial(server.port, b"POST /refresh HTTP/1.1\r\nhost: x\r\nx")) for _ in range(300)]
        began, cpu = time.monotonic(), cpu_seconds(server.process.pid)
        while time.monotonic() - began < HEAD_SECONDS / 2:
            serve_somebody(server)
            for each in slow:
                each.sendall(b"x")
            time.sleep(0.5)
        assert cpu_seconds(server.process.pid) - cpu < 2
        assert resident(server.process.pid) - before < 20 * MB
        wait_until(lambda: all(map(is_closed, slow)), HEAD_SECONDS + PATIENCE)
        # Whoever begins to read only now gets the answers that one buffer holds, and the end.
        time.sleep(max(0.0, began + READ_SECONDS + 2 - time.monotonic()))
        wait_until(lambda: is_closed(deaf))


def serve_somebody(server: Server) -> None:
    """What an ordinary client does."""
    with server.caller() as good:
        token = good.post("/verify", server.pair).json()["refresh_token"]
        assert good.post("/refresh", {"refresh_token": token}).status == 200


def test_a_trailer_without_an_end_is_not_kept(server: Server) -> None:
    before = resident(server.process.pid)
    head = b"POST /refresh HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: "
    with dial(server.port, head) as dialled:
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                dialled.sendall(b"a" * MB)
        assert resident(server.process.pid) - before < 20 * MB
    with server.client() as client:
        assert client.get("/healthz").status == 200


def test_a_body_in_the_smallest_chunks_is_read(server: Server) -> None:
    with server.caller() as caller:
        token = caller.post("/verify", server.pair).json()["refresh_token"]
    body = b'{"refresh_token":"%s"}' % token.encode()
    body = b" " * 60_000 + body
    head = b"POST /refresh HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    with dial(server.port, head + chunks + b"0\r\n\r\n") as dialled:
        assert hear(dialled).startswith(b"HTTP/1.1 200 OK")
