"""Structured logs: one JSON object a line, on standard error, from a queue that never makes a request wait.

Only the fields named here are logged beside the message, so a secret cannot slip in with a record. When nobody reads the
log fast enough, lines are dropped and counted; events are in the database and are not.
"""

import logging
import logging.handlers
import queue
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

FIELDS = ("event_id", "code", "detail", "path", "address", "count")

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
        return orjson.dumps(entry, default=str).decode()


class _Queue(logging.handlers.QueueHandler):
    """Formats in the caller's thread and leaves the writing to another; full means drop and count."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> str:
        return self.format(record)

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Writer(logging.handlers.QueueListener):
    def handle(self, record: object) -> None:
        sys.stderr.write(f"{record}\n")


def start_logging(level: str) -> Callable[[], None]:
    """Send everything logged from `level` up to standard error as JSON. Answers the function that flushes and stops it."""
    lines: queue.Queue[object] = queue.Queue(_QUEUED)
    handler = _Queue(lines)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True
    writer = _Writer(lines)
    writer.start()
    return writer.stop
