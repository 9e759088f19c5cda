"""Structured logs: one JSON object a line, on standard error, from a queue that never makes a request wait.

Only the fields named here are logged beside the message, so a secret cannot slip in with a record. When nobody reads the
log fast enough, or it cannot be written, lines are dropped and counted; events are in the database and are not.
"""

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

FIELDS = ("event_id", "request_id", "code", "detail", "path", "address", "count")

FLUSH_SECONDS = 2
"""How long the end waits for a log that nobody reads."""

_QUEUED = 10_000


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; line breaks and control characters are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0]:
            # Where it happened and what it is, without the exception's text: that may quote what was sent.
            frames = traceback.extract_tb(record.exc_info[2])
            entry["fault"] = record.exc_info[0].__name__
            entry["trace"] = [f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in frames]
        # ASCII alone: a line separator or a bidirectional mark would be written as it is.
        return json.dumps(entry, default=str, separators=(",", ":"))


class Sink(logging.Handler):
    """Formats in the caller's thread and leaves the writing to one of its own. A full queue or log: drop and count."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._file = file
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUED)
        # Each of these is written by one side only: by who logs, by the writer, by the writer.
        self._refused = self._unwritten = self._told = 0
        # What ends the line before, if only a part of that could be written.
        self._start = ""
        # A daemon: a log that blocks for ever must not keep the process alive.
        self._writer = threading.Thread(target=self._write_all, name="gatepost-log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record))
        except Exception:  # The queue is full, or the record cannot be written: no reason to fail a request.
            self._refused += 1

    def close(self) -> None:
        """Write what is queued, for as long as that gets on."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=FLUSH_SECONDS)
            self._writer.join(FLUSH_SECONDS)
        super().close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._tell_dropped()
                self._write(line)
            except OSError:
                self._unwritten += 1

    def _tell_dropped(self) -> None:
        dropped = self._refused + self._unwritten - self._told
        if dropped:
            notice = logging.makeLogRecord(
                {"name": "gatepost.log", "levelname": "WARNING", "msg": "Lines were dropped", "count": dropped}
            )
            self._write(self.format(notice))
            self._told += dropped

    def _write(self, line: str) -> None:
        # Past Python's own buffer: its lock, held by a write that blocks, would abort the interpreter at exit.
        unwritten = f"{self._start}{line}\n".encode()
        while unwritten:
            unwritten = unwritten[os.write(self._file, unwritten) :]
            self._start = "\n" if unwritten else ""


def start_logging(level: str) -> Callable[[], None]:
    """Send everything logged from `level` up to standard error as JSON. Answers the function that flushes and stops it."""
    sink = Sink(sys.stderr.fileno())
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True

    def stop() -> None:
        root.removeHandler(sink)
        sink.close()

    return stop
