"""The load generator reads answers whole, and counts what is wrong rather than what is fast."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest

from gatepost.bench.load import Answer, Sample, ask_once, drive
from gatepost.bench.servers import bare_server
from gatepost.bench.work import Fixed, Refreshing, Repeated
from gatepost.errors import GatepostError

REQUEST = b"GET /thing HTTP/1.1\r\nhost: bench\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-more: yes"
RIGHT = HEAD + b"\r\n\r\nright"
EXPECTED = Answer(b"200", HEAD, b"right")

Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def scripted_server(talk: Talk) -> Iterator[int]:
    """A server that does to each connection, for each request, what `talk` does."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while self.request.recv(65536):
                    talk(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            raise AssertionError("the script failed")

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def in_pieces(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in (RIGHT[:20], RIGHT[20:40], RIGHT[40:-2], RIGHT[-2:]):
        connection.sendall(piece)


def drive_against(talk: Talk) -> Sample:
    with scripted_server(talk) as port:
        return drive([port], Fixed([(REQUEST, EXPECTED)]), connections=3, seconds=0.05, warm_up=0.0)


@pytest.mark.parametrize("talk", [lambda connection: connection.sendall(RIGHT), in_pieces], ids=["whole", "in pieces"])
def test_right_answers_are_timed(talk: Talk) -> None:
    sample = drive_against(talk)
    assert sample.errors == 0
    assert 0 < len(sample.latencies) <= sample.answered
    assert sample.rate == len(sample.latencies) / 0.05
    assert 0 < sample.quantile_ms(0.5) <= sample.quantile_ms(0.99)


@pytest.mark.parametrize(
    "answer",
    [RIGHT.replace(b"200 OK", b"503 No"), RIGHT.replace(b"right", b"wrong"), RIGHT.replace(b"5\r", b"4\r")[:-1]],
    ids=["another status", "another body", "a shorter body"],
)
def test_wrong_answers_are_errors_and_no_answers(answer: bytes) -> None:
    sample = drive_against(lambda connection: connection.sendall(answer))
    assert sample.errors >= 3
    assert sample.latencies == []
    assert sample.answered == 0
    assert sample.rate == 0
    assert sample.quantile_ms(0.99) == 0


def test_the_warm_up_is_not_timed() -> None:
    with scripted_server(in_pieces) as port:
        sample = drive([port], Fixed([(REQUEST, EXPECTED)]), connections=1, seconds=0.0, warm_up=0.05)
    assert sample.answered > 0
    assert sample.latencies == []


def test_errors_of_the_warm_up_count() -> None:
    with scripted_server(lambda connection: connection.sendall(RIGHT)) as port:
        sample = drive(
            [port], Fixed([(REQUEST, EXPECTED._replace(body=b"wrong"))]), connections=1, seconds=0.0, warm_up=0.05
        )
    assert sample.errors > 0


def test_a_server_that_closes_is_gone() -> None:
    with pytest.raises(GatepostError, match="closed a connection"):
        drive_against(lambda connection: connection.shutdown(socket.SHUT_RDWR))


def test_a_server_that_is_not_there_is_gone() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(GatepostError, match="is gone"):
            ask_once(unheard.getsockname()[1], REQUEST)


def test_one_answer_is_read_with_its_headers() -> None:
    with scripted_server(in_pieces) as port:
        answer = ask_once(port, REQUEST)
    assert answer == EXPECTED
    assert answer.headers == [("content-length", "5"), ("x-more", "yes")]


def test_samples_join() -> None:
    joined = Sample.joined([Sample([0.001, 0.003], 1, 2.0, 5), Sample([0.002], 0, 1.0, 2)])
    assert joined == Sample([0.001, 0.003, 0.002], 1, 3.0, 7)
    assert joined.rate == 1.0
    assert joined.quantile_ms(0.5) == 2.0
    assert joined.quantile_ms(0.99) == 3.0


def ok(body: bytes) -> Answer:
    return Answer(b"200", b"", body)


def refreshing(tokens: list[str], connections: int) -> Refreshing:
    requests = [b'{"refresh_token":"%s"}' % token.encode() for token in tokens]
    return Refreshing(requests, len(tokens[0]), b'"}', connections)


class TestRefreshing:
    """What counts as a refresh."""

    def test_goes_on_with_the_token_it_was_answered(self) -> None:
        work = refreshing(["token-1"], connections=1)
        assert work.request(0) == b'{"refresh_token":"token-1"}'
        assert work.accept(0, ok(b'{"success":true,"refresh_token":"token-2","scope":""}'))
        assert work.request(0) == b'{"refresh_token":"token-2"}'

    @pytest.mark.parametrize(
        "answer",
        [
            ok(b'{"refresh_token":"token-1"}'),
            ok(b'{"refresh_token":"short"}'),
            ok(b'{"success":true}'),
            ok(b""),
            Answer(b"401", b"", b'{"refresh_token":"token-2"}'),
        ],
        ids=["the same token", "another length", "no token", "nothing", "another status"],
    )
    def test_refuses(self, answer: Answer) -> None:
        work = refreshing(["token-1"], connections=1)
        before = work.request(0)
        assert not work.accept(0, answer)
        assert work.request(0) == before

    def test_connections_share_no_grant(self) -> None:
        work = refreshing([f"token-{number}" for number in range(4)], connections=2)
        asked = [{work.request(connection)[-9:-2] for _ in range(64)} for connection in (0, 1)]
        assert asked == [{b"token-0", b"token-2"}, {b"token-1", b"token-3"}]


def test_repeated_requests_take_turns() -> None:
    work = Repeated([b"one", b"two"], b'{"ok"')
    assert [work.request(0) for _ in range(3)] == [b"one", b"two", b"one"]
    assert work.accept(0, ok(b'{"ok":true}'))
    assert not work.accept(0, ok(b'{"error":"ok"}'))
    assert not work.accept(0, Answer(b"503", b"", b'{"ok":true}'))


def test_fixed_requests_take_turns_on_each_connection() -> None:
    work = Fixed([(b"one", ok(b"1")), (b"two", Answer(b"303", b"", b"2"))])
    assert [work.request(0), work.request(1), work.request(0)] == [b"one", b"one", b"two"]
    assert work.accept(1, ok(b"1"))
    assert work.accept(0, Answer(b"303", b"", b"2"))
    assert not work.accept(0, ok(b"2"))
    assert not work.accept(0, Answer(b"303", b"", b"1"))


def test_the_bare_server_answers_the_same_bytes_to_every_path_it_knows() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-made-by: test\r\ncontent-length: 5"
    answer = Answer(b"200", head, b"right")
    with bare_server({"/thing": answer}, None) as running:
        seen = ask_once(running.port, REQUEST)
        sample = drive([running.port], Fixed([(REQUEST, EXPECTED)]), connections=2, seconds=0.05, warm_up=0.0)
    assert seen.body == b"right"
    assert sorted(header for header in seen.headers if header[0] != "date") == sorted(answer.headers)
    assert sample.errors == 0
    assert sample.answered > 0
