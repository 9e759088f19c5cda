"""SIGTERM: what has arrived is answered, the rest is closed, the exit code is 0; a second signal does not wait."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gatepost.web.connection import CROSSING_SECONDS
from gatepost.web.server import DRAIN_SECONDS
from servers import UNLIMITED, Answer, Server, reserved_port, running

from .faults import JWKS, PATIENCE, dial, flood, hear, is_listening, locked, wait_until


def refreshes(server: Server, count: int) -> list[str]:
    """Refresh tokens of as many grants."""
    with server.caller() as caller:
        return [caller.post("/verify", server.pair).json()["refresh_token"] for _ in range(count)]


def refresh(server: Server, token: str) -> Answer:
    with server.client() as client:
        return client.post("/refresh", {"refresh_token": token})


def raw_refresh(token: str) -> bytes:
    body = json.dumps({"refresh_token": token}).encode()
    head = b"POST /refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def ask_to_stop(server: Server) -> None:
    """Send SIGTERM and wait until nobody new is let in."""
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_listening(server.port))


def test_an_idle_server_stops_at_once_with_its_connections(server: Server) -> None:
    with server.caller() as used, server.client() as unused:
        assert used.get("/auth_token").status == 200
        assert unused.get("/healthz").status == 200
        silent = dial(server.port)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < DRAIN_SECONDS / 2
        assert hear(silent) == b""
        silent.close()


def test_what_waits_for_the_disk_is_answered(server: Server) -> None:
    tokens = refreshes(server, 12)
    with ThreadPoolExecutor(len(tokens)) as clients:
        with locked(server.data):
            answers = [clients.submit(refresh, server, token) for token in tokens]
            wait_until(lambda: all(answer.running() for answer in answers))
            time.sleep(0.3)
            ask_to_stop(server)
        assert [answer.result().status for answer in answers] == [200] * len(tokens)
        assert {answer.result().headers["connection"] for answer in answers} == {"close"}
    assert server.process.wait(PATIENCE) == 0


def test_all_requests_that_arrived_on_one_connection_are_answered(server: Server) -> None:
    tokens = refreshes(server, 4)
    with locked(server.data):
        dialled = dial(server.port, b"".join(map(raw_refresh, tokens)))
        time.sleep(0.3)
        ask_to_stop(server)
    heard = hear(dialled)
    dialled.close()
    assert heard.count(b"HTTP/1.1 200 OK") == len(tokens)
    assert heard.count(b"connection: close") == 1, "and only the last answer says that it is the last"
    assert server.process.wait(PATIENCE) == 0


def test_a_client_that_sends_all_and_half_closes_is_answered_all(server: Server) -> None:
    tokens = refreshes(server, 3)
    with dial(server.port, b"".join(map(raw_refresh, tokens))) as dialled:
        dialled.shutdown(1)
        assert hear(dialled).count(b"HTTP/1.1 200 OK") == len(tokens)


def test_a_request_that_is_arriving_may_arrive(server: Server) -> None:
    [token] = refreshes(server, 1)
    request = raw_refresh(token)
    with dial(server.port, request[:-20]) as dialled:
        time.sleep(0.2)
        ask_to_stop(server)
        dialled.sendall(request[-20:])
        heard = hear(dialled)
    assert heard.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in heard
    assert server.process.wait(PATIENCE) == 0


def test_a_request_that_crosses_the_end_on_its_way_is_answered(tmp_path: Path) -> None:
    with reserved_port() as port:
        for _ in range(5):
            with running("dev", tmp_path / "data", port=port) as server, server.client() as client:
                assert client.get("/healthz").status == 200
                server.process.send_signal(signal.SIGTERM)
                began = time.monotonic()
                wait_until(lambda: not is_listening(port))
                try:
                    answer = client.get("/healthz")
                except OSError:
                    assert time.monotonic() - began > CROSSING_SECONDS, "there was still time"
                    continue
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                return
    raise AssertionError("this machine was too busy to send one request in time, five times over")


def test_readiness_goes_red_while_everything_else_still_answers(tmp_path: Path) -> None:
    settings = UNLIMITED | {"GATEPOST_SERVER__STOP_DELAY": "60s"}
    with running("dev", tmp_path / "data", settings=settings) as server, server.caller() as caller:
        assert caller.get("/readyz").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: caller.get("/readyz").status == 503)
        assert caller.get("/readyz").headers["retry-after"]
        assert caller.get("/healthz").status == 200
        assert caller.post("/verify", server.pair).status == 200
        assert is_listening(server.port)
        began = time.monotonic()
        assert server.stop() == 0, "a second signal does not wait"
        assert time.monotonic() - began < PATIENCE


def test_a_second_signal_cuts_off_what_the_first_would_wait_for(server: Server) -> None:
    with flood(server.port, JWKS):
        ask_to_stop(server)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < DRAIN_SECONDS * 0.6


def test_interrupting_from_the_keyboard_is_no_failure(server: Server) -> None:
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0
    assert server.log.read_text() == ""


def test_what_was_answered_last_is_there_after_the_next_start(tmp_path: Path) -> None:
    with reserved_port() as port:
        with running("dev", tmp_path / "data", port=port) as server:
            [token] = refreshes(server, 1)
            answer = refresh(server, token)
            assert server.stop() == 0
        assert not (server.data / "gatepost.db-wal").exists(), "the store was closed, not dropped"
        with running("dev", tmp_path / "data", port=port) as server:
            assert refresh(server, answer.json()["refresh_token"]).status == 200
