"""The engine's work in one event loop: reads share pipelines, writes commit in groups, and both outlive a lost connection.

# What is asked again, and what is not

A question that did not commit may run again from the start, and does: after a lost connection, a deadlock, a row that was
locked too long, until its deadline. Whether it did commit is plain in all cases but one: the connection went after the
commit was sent and before its answer came. Then its mark is looked up on another connection (see `mark`): if it was
committed, the outcomes are answered; if not, the questions run again; if that cannot be learned in time, the callers are
told that nobody knows. Running again blindly would be wrong: a `rotate` that did commit would see its own generation
as a retry or, in a strict app, as a replay; an exchange would take itself for the second use of its code.

# What keeps waiting bounded

Every question has a deadline, whatever it waits for: a place in the queue, a connection, a row, an answer. A connection
whose answer is overdue is given up, as nothing behind that answer would come either. The queues are bounded: above the
bound a question is refused at once. All of it is refused as `temporarily_unavailable`, and nothing needs repair after it.
"""

import asyncio
import contextlib
import math
import random
from collections import deque
from functools import partial
from typing import Any, NamedTuple, TypeVar

from gatepost.errors import StoreUnavailableError
from gatepost.store.figures import Figures
from gatepost.store.postgres.faults import LostError, StatementError
from gatepost.store.postgres.link import Link
from gatepost.store.postgres.mark import did_commit
from gatepost.store.postgres.opening import connect
from gatepost.store.postgres.pool import Pool
from gatepost.store.postgres.recent import Recent
from gatepost.store.postgres.transaction import Transaction
from gatepost.store.question import SQL, Question, Row

T = TypeVar("T")

GRACE = 1.5
"""Seconds beyond it that an unknown commit may take to become known."""

READERS = 2
WRITERS = 4
BATCH = 64
WAITING = 2048
"""Questions that may wait for a connection."""

CROWDED = 16
"""Answers outstanding on the idlest connection from which one more is opened."""

TICK = 0.1

UNKNOWN = (
    "Gatepost lost its database in the middle of a change, and cannot know whether it was made. Try again in a moment."
)


class _Wanted(NamedTuple):
    """A statement of a read that waits to be sent."""

    statement: SQL
    future: "asyncio.Future[list[Row]]"
    due_at: float


class _Asked:
    """A question that waits to be committed, and its caller's future."""

    __slots__ = ("due_at", "future", "is_alone", "question")

    def __init__(self, question: Question[Any], future: "asyncio.Future[Any]", due_at: float) -> None:
        self.question = question
        self.future = future
        self.due_at = due_at
        self.is_alone = False


class Engine:
    """The connections and queues of one event loop."""

    def __init__(self, conninfo: str, deadline: float, figures: Figures) -> None:
        self._figures = figures
        self.loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._connect = partial(connect, conninfo, deadline)
        self._readers = Pool(self._connect, READERS, lambda _: self._pump_soon())
        self._writers = Pool(self._connect, WRITERS, self._rest, self._forget)
        self._recent = Recent(self.read, self._connect, figures)
        self._reads: deque[_Wanted] = deque()
        self._writes: deque[_Asked] = deque()
        self._idle: list[Link] = []
        self._working: dict[asyncio.Task[None], tuple[Link, Transaction]] = {}
        self._is_pumping = False
        self._is_ticking = False
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many questions wait for a connection."""
        return len(self._reads) + len(self._writes)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._readers.links) + len(self._writers.links)

    async def read(self, question: Question[T]) -> T:
        """The outcome of a question that writes nothing, each statement from what is committed when it runs."""
        due_at = self.loop.time() + self._deadline
        while True:
            try:
                return await self._drive(question, due_at)
            except StatementError as fault:
                if not fault.passes or self.loop.time() >= due_at:
                    raise _told(fault) from fault
            await asyncio.sleep(_moment())

    async def recent(self, question: Question[T]) -> T:
        """The outcome of a question that writes nothing, a second old at most."""
        return await self._recent.read(question)

    async def ask(self, question: Question[T]) -> T:
        """The outcome of a question, once it is committed."""
        return await self._submit(question, self.loop.time() + self._deadline)

    def close(self) -> None:
        """Let the commits under way finish, here; then let go of everything. Whoever still waits is refused."""
        self._is_closed = True
        for link, transaction in self._working.values():
            if transaction.is_committing:
                link.drain(self._deadline)
        self._recent.close()
        self._readers.close()
        self._writers.close()
        self._refuse_overdue(math.inf)

    # Reads.

    async def _drive(self, question: Question[T], due_at: float) -> T:
        steps = iter(question)
        try:
            statement = next(steps)
            while True:
                statement = steps.send(await self._fetch(statement, due_at))
        except StopIteration as stop:
            outcome: T = stop.value
            return outcome

    async def _fetch(self, statement: SQL, due_at: float) -> list[Row]:
        if len(self._reads) >= WAITING or self._is_closed:
            raise StoreUnavailableError("too many questions wait for the database")
        future: asyncio.Future[list[Row]] = self.loop.create_future()
        self._reads.append(_Wanted(statement, future, due_at))
        self._pump_soon()
        return await future

    def _send_reads(self) -> None:
        """Send all reads that wait down the least busy connection, together."""
        if not self._reads:
            return
        link = min(self._readers.links, key=lambda each: each.pending, default=None)
        if link is None or link.pending >= CROWDED:
            self._readers.grow()
        if link is None:
            return
        reads, self._reads = self._reads, deque()
        for wanted in reads:
            link.send(wanted.statement, partial(_answer, wanted.future), wanted.due_at)
        link.sync()

    # Writes.

    async def _submit(self, question: Question[T], due_at: float) -> T:
        if len(self._writes) >= WAITING or self._is_closed:
            raise StoreUnavailableError("too many questions wait for the database")
        future: asyncio.Future[T] = self.loop.create_future()
        self._writes.append(_Asked(question, future, due_at))
        self._pump_soon()
        try:
            return await future
        finally:
            # What it raises knows this frame. If the frame knew it too, only a collection of garbage would end the two.
            del future

    def _start_writes(self) -> None:
        """Give each idle connection a batch of what waits."""
        while self._writes and self._idle:
            batch = self._take()
            if batch:
                link = self._idle.pop()
                transaction = Transaction(link, min(asked.due_at for asked in batch))
                task = self.loop.create_task(self._work(link, transaction, batch))
                self._working[task] = link, transaction
        if self._writes:
            self._writers.grow()

    def _take(self) -> list[_Asked]:
        """The next questions that may share a transaction, or one that has to be alone. Nobody waits for the others."""
        batch: list[_Asked] = []
        while self._writes and len(batch) < BATCH and not (batch and self._writes[0].is_alone):
            asked = self._writes.popleft()
            if not asked.future.done():
                batch.append(asked)
            if asked.is_alone and batch:
                break
        return batch

    async def _work(self, link: Link, transaction: Transaction, batch: list[_Asked]) -> None:
        began = self.loop.time()
        try:
            await transaction.run([asked.question for asked in batch])
        except asyncio.CancelledError:
            link.lose("the event loop ends")
            raise
        except LostError as fault:
            await self._after_loss(transaction, batch, fault)
        except Exception as fault:
            await self._after_fault(link, transaction, batch, fault)
        else:
            self._figures.note_batch(len(batch), self.loop.time() - began)
            _answer_all(batch, transaction.outcomes)
        finally:
            del self._working[asyncio.current_task()]  # type: ignore[arg-type]  # it runs as a task, always
            if not link.is_lost:
                self._rest(link)

    async def _after_loss(self, transaction: Transaction, batch: list[_Asked], fault: LostError) -> None:
        is_committed = await self._fate(transaction) if transaction.is_committing else False
        if is_committed:
            _answer_all(batch, transaction.outcomes)
        elif is_committed is None:
            _answer_all(batch, [StoreUnavailableError(str(fault), UNKNOWN) for _ in batch])
        else:
            for asked in batch:
                self._again(asked, fault)

    async def _after_fault(self, link: Link, transaction: Transaction, batch: list[_Asked], fault: Exception) -> None:
        """Undo the transaction. Neighbours run again, each alone; the culprit gets its exception."""
        try:
            await transaction.roll_back()
        except StatementError as worse:
            link.lose(str(worse))
        if isinstance(fault, StatementError) and fault.is_of_server:
            for each in (link, *self._idle):
                each.lose(str(fault))
            for asked in batch:
                self._again(asked, fault)
        elif isinstance(fault, StatementError) and fault.is_refusal:
            _answer_all(batch, [StoreUnavailableError(str(fault)) for _ in batch])
        elif len(batch) > 1:
            for asked in batch:
                asked.is_alone = True
            self._writes.extendleft(reversed(batch))
        elif isinstance(fault, StatementError) and fault.passes:
            self._again(batch[0], fault)
        else:
            _answer(batch[0].future, _told(fault) if isinstance(fault, StatementError) else fault)

    async def _fate(self, transaction: Transaction) -> bool | None:
        """Whether a transaction whose commit was on its way was committed; None when that cannot be known in time."""
        if transaction.mark is None:
            return None
        until = self.loop.time() + GRACE
        while self.loop.time() < until and not self._is_closed:
            with contextlib.suppress(StoreUnavailableError):
                return await self._submit(did_commit(transaction.mark), until)
            await asyncio.sleep(_moment())
        return None

    def _again(self, asked: _Asked, fault: StatementError) -> None:
        """Queue a question once more, in a moment, unless its time is up."""
        if self._is_closed or self.loop.time() >= asked.due_at:
            _answer(asked.future, StoreUnavailableError(str(fault)))
        else:
            self.loop.call_later(_moment(), self._enqueue, asked)

    def _enqueue(self, asked: _Asked) -> None:
        self._writes.append(asked)
        self._pump_soon()

    # Connections and time.

    def _rest(self, link: Link) -> None:
        self._idle.append(link)
        self._pump_soon()

    def _forget(self, link: Link) -> None:
        if link in self._idle:
            self._idle.remove(link)

    def _pump_soon(self) -> None:
        """Send what waits once the handlers that are ready now have asked too."""
        if not self._is_pumping:
            self._is_pumping = True
            self.loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._is_pumping = False
        self._send_reads()
        self._start_writes()
        if not self._is_ticking:
            self._is_ticking = True
            self.loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        """Give up what is overdue, and try again to connect, as long as anybody waits."""
        self._is_ticking = False
        now = self.loop.time()
        for link in (*self._readers.links, *self._writers.links):
            if link.is_overdue(now):
                link.lose("no answer in time")
        self._refuse_overdue(now)
        if self._reads or self._writes or self._working or any(link.pending for link in self._readers.links):
            self._pump()

    def _refuse_overdue(self, now: float) -> None:
        for pool, waiting in ((self._readers, self._reads), (self._writers, self._writes)):
            for each in [each for each in waiting if each.due_at < now]:
                waiting.remove(each)  # type: ignore[arg-type]  # each came out of this very queue
                _answer(each.future, StoreUnavailableError(f"no connection in time. {pool.fault}".strip()))


def _answer(future: "asyncio.Future[Any]", answer: Any) -> None:
    """Hand out an outcome. One that nobody waits for any more is no fault of the others."""
    if future.done() or future.get_loop().is_closed():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _answer_all(batch: list[_Asked], answers: list[Any]) -> None:
    for asked, answer in zip(batch, answers, strict=True):
        _answer(asked.future, answer)


def _told(fault: StatementError) -> Exception:
    """How a caller hears of a fault: the database is unable, or the statement is wrong."""
    return StoreUnavailableError(str(fault)) if fault.is_refusal or fault.passes else fault.to_raise()


def _moment() -> float:
    """A short wait, never the same twice: two that collided shall not collide again."""
    return random.uniform(0.005, 0.05)  # noqa: S311  # it need not be unpredictable, only different
