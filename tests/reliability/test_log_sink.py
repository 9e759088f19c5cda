"""A log that nobody reads, or that cannot be written, costs lines and nothing else; how many is told once it can be."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Server, running

from .faults import PATIENCE, no_file_longer_than, wait_until

F_SETPIPE_SZ = 1031
PAGE = 4096
REFUSALS = 60


class Pipe:
    """A pipe of one page."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, F_SETPIPE_SZ, PAGE)
        os.set_blocking(self.reading, False)

    def read(self) -> bytes:
        try:
            return os.read(self.reading, 65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reading)
    os.close(pipe.writing)


def cause_lines(server: Server, count: int) -> None:
    """Refusals of somebody who is authenticated: a line of the log for each."""
    with server.caller() as caller:
        for number in range(count):
            pair = {"client_id": f"nobody-{number}", "redirection_url": "https://nobody.example/"}
            assert caller.post("/verify", pair).status == 401


def test_a_log_that_nobody_reads_stops_neither_requests_nor_the_end(tmp_path: Path, pipe: Pipe) -> None:
    with running("dev", tmp_path / "data", prepare=lambda: os.dup2(pipe.writing, 2)) as server:
        cause_lines(server, REFUSALS)
        with server.caller() as caller:
            assert caller.post("/verify", server.pair).status == 200
        assert len(pipe.read()) > PAGE * 3 // 4, "the pipe is full, so there are lines that wait"
        cause_lines(server, REFUSALS)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < PATIENCE


def test_lines_that_could_not_be_written_are_counted_and_told(server: Server) -> None:
    """For a while its files may not grow past a page, its log least of all."""
    with no_file_longer_than(server, PAGE):
        cause_lines(server, REFUSALS)
        wait_until(lambda: server.log.stat().st_size == PAGE)
    cause_lines(server, 1)
    wait_until(lambda: told_and_written(server) > REFUSALS)
    first = server.log.read_bytes()[PAGE:].splitlines()[0]
    assert first == b"", "a line of which only a part was written ends where it ends"


def told_and_written(server: Server) -> int:
    """The lines that were written whole, but for those that tell of others, and those that they tell of."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.endswith("}")]
    told: list[int] = [line["count"] for line in lines if line["message"] == "Lines were dropped"]
    return len(lines) - len(told) + sum(told)
