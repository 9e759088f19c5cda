"""One connection to PostgreSQL in libpq's pipeline mode, driven by the event loop's own readiness calls.

Statements are sent without waiting for the answers of those before them; each answer is handed to the receiver that came
with its statement, in order. There is no task, no lock and no thread here, and letting go needs no event loop.
"""

import asyncio
import math
import os
import select
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg import pq

from gatepost.store.postgres.faults import LostError, fault_of
from gatepost.store.postgres.mark import Mark
from gatepost.store.postgres.opening import Opened
from gatepost.store.postgres.values import BINARY, Loading, declared, dump, numbered
from gatepost.store.question import SQL, Row

PREPARED = 1000
"""Statements that a connection keeps prepared; further ones are planned each time."""

Answer: TypeAlias = list[Row] | Exception
Receiver: TypeAlias = Callable[[Answer], None]
Signature: TypeAlias = tuple[str, tuple[int, ...]]


class _Expected(NamedTuple):
    """An answer that will come: to a statement, to the preparation of one, or to a sync (which is neither)."""

    receiver: Receiver | None = None
    due_at: float = math.inf
    preparing: Signature | None = None


_SYNC = _Expected()
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.PIPELINE_SYNC)


class Link:
    """A connection at work in one event loop. `on_lost` is called once, when it is gone; `on_notify` for each NOTIFY."""

    def __init__(
        self,
        connection: Opened,
        loop: asyncio.AbstractEventLoop,
        on_lost: "Callable[[Link], None]",
        on_notify: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._fd = self._pg.socket
        self._loop = loop
        self._on_lost = on_lost
        self._on_notify = on_notify
        self._loading = Loading()
        self._names: dict[Signature, bytes] = {}
        self._numbers = count()
        self._expected: deque[_Expected] = deque()
        self._unprepared: Exception | None = None
        self._is_writing = False
        self._id = os.urandom(16)
        self._transactions = count(1)
        self._is_marking = connection.keeps_marks
        self.is_lost = False
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        loop.add_reader(self._fd, self._readable)

    @property
    def pending(self) -> int:
        """How many answers are still to come."""
        return len(self._expected)

    def next_mark(self) -> Mark | None:
        """The mark of the next transaction here; None in a database that cannot keep any (yet)."""
        return Mark(self._id, next(self._transactions), int(time.time())) if self._is_marking else None

    def is_overdue(self, now: float) -> bool:
        """Whether an answer that should have come by now has not."""
        return next((each.due_at for each in self._expected if each.receiver), math.inf) < now

    def send(self, statement: SQL, receiver: Receiver, due_at: float) -> None:
        """Queue a statement, to be answered by `due_at`; `sync` or `flush` sends it."""
        try:
            types = declared(statement.params)
            values = dump(statement.params)
        except (OverflowError, UnicodeEncodeError) as fault:
            receiver(fault)
            return
        formats = [BINARY] * len(values)
        try:
            name = self._prepared((statement.text, types))
            if name:
                self._pg.send_query_prepared(name, values, formats, BINARY)
            else:
                self._pg.send_query_params(numbered(statement.text), values, types, formats, BINARY)
        except psycopg.OperationalError as fault:
            self.lose(str(fault))
        if self.is_lost:
            receiver(LostError("the connection is gone"))
        else:
            self._expected.append(_Expected(receiver, due_at))

    def sync(self) -> None:
        """Send what is queued. What is not in an explicit transaction is committed by this."""
        self._expected.append(_SYNC)
        self._ship(self._pg.pipeline_sync)

    def flush(self) -> None:
        """Send what is queued and have it answered, in a transaction that goes on."""
        self._ship(self._pg.send_flush_request)

    def drain(self, seconds: float) -> None:
        """Wait here, holding the event loop, for the answers that are on their way."""
        until = time.monotonic() + seconds
        while self._expected and (left := until - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                return
            self._readable()

    def lose(self, why: str) -> None:
        """Let go of the connection. Whoever waits for an answer is told."""
        if self.is_lost:
            return
        self.is_lost = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._connection.close()
        expected, self._expected = self._expected, deque()
        self._on_lost(self)
        for each in expected:
            if each.receiver:
                each.receiver(LostError(why))

    def _prepared(self, signature: Signature) -> bytes:
        """The name under which the statement is prepared; empty when enough are."""
        name = self._names.get(signature, b"")
        if not name and len(self._names) < PREPARED:
            name = self._names[signature] = b"q%d" % next(self._numbers)
            self._pg.send_prepare(name, numbered(signature[0]), signature[1])
            self._expected.append(_Expected(preparing=signature))
        return name

    def _ship(self, end: Callable[[], None]) -> None:
        try:
            end()
            self._write()
        except psycopg.OperationalError as fault:
            self.lose(str(fault))

    def _write(self) -> None:
        is_writing = bool(self._pg.flush())
        if is_writing != self._is_writing:
            self._is_writing = is_writing
            if is_writing:
                self._loop.add_writer(self._fd, self._writable)
            else:
                self._loop.remove_writer(self._fd)

    def _writable(self) -> None:
        self._ship(lambda: None)

    def _readable(self) -> None:
        why = ""
        try:
            self._pg.consume_input()
        except psycopg.OperationalError as fault:
            why = str(fault)
        # What came before the connection went still counts: a commit's answer most of all.
        self._receive_all()
        if why:
            self.lose(why)
        elif not self.is_lost and self._pg.notifies():
            while self._pg.notifies():
                pass
            self._on_notify()

    def _receive_all(self) -> None:
        """Take what has come. Between two answers libpq says that there is none; twice in a row, that there are no more."""
        gaps = 0
        while self._expected and gaps < 2 and not self._pg.is_busy():
            result = self._pg.get_result()
            gaps = 0 if result else gaps + 1
            if result:
                self._receive(result)

    def _receive(self, result: pq.abc.PGresult) -> None:
        answer: Answer = []
        if result.status == pq.ExecStatus.TUPLES_OK:
            answer = self._load(result)
        elif result.status not in _FINE:
            answer = fault_of(result)
        if isinstance(answer, LostError):
            self.lose(str(answer))
            return
        expected = self._expected.popleft()
        if expected.receiver:
            answer, self._unprepared = self._unprepared or answer, None
            expected.receiver(answer)
        elif expected.preparing and isinstance(answer, Exception):
            # The statement comes next, and is told. Others that used its name already ask again.
            del self._names[expected.preparing]
            self._unprepared = answer

    def _load(self, result: pq.abc.PGresult) -> Answer:
        try:
            return self._loading.rows(result)
        except psycopg.Error as fault:
            return fault
