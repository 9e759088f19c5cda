"""Several questions in one transaction, their statements taking turns: as few round trips as the longest of them has.

The first statements of all questions travel together, then the second ones, and so on; a statement that returns no rows
does not wait for an answer, as the answer is known. So a batch of any size costs about as many round trips as one
question, and one commit. That the statements of neighbours come in between is nothing new to a question: PostgreSQL lets
those of other transactions come in between too, and the questions' own conditions say who won.

In each round they travel in the order of what they touch, in every process alike, so two batches that want the same rows
wait for each other in a line and not in a ring.
"""

import asyncio
import re
from functools import lru_cache, partial
from typing import Any, NamedTuple

from gatepost.store.postgres.link import Answer, Link
from gatepost.store.postgres.mark import leave
from gatepost.store.question import SQL, Question, Row, Steps

BEGIN, COMMIT, ROLLBACK = SQL("begin"), SQL("commit"), SQL("rollback")


class _Asked(NamedTuple):
    """A question on its way: its place in the batch, and the statement that it wants answered next."""

    place: int
    steps: Steps[Any]
    statement: SQL


class _Running(NamedTuple):
    """A question that waits: its place in the batch, and where in the round its answer comes."""

    place: int
    steps: Steps[Any]
    turn: int


class _Round:
    """Statements that travel together, and their answers."""

    def __init__(self, link: Link, due_at: float) -> None:
        self._link = link
        self._due_at = due_at
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing = 0
        self._fault: Exception | None = None
        self.answers: list[list[Row]] = []

    def send(self, statement: SQL) -> int:
        """Queue a statement and answer its place in the round."""
        place = len(self.answers)
        self.answers.append([])
        self._missing += 1
        self._link.send(statement, partial(self._receive, place), self._due_at)
        return place

    async def answered(self) -> None:
        """Wait until all is answered. Raises the first fault."""
        if self._missing and self._fault is None:
            await self._done
        if self._fault:
            raise self._fault

    def _receive(self, place: int, answer: Answer) -> None:
        self._missing -= 1
        if isinstance(answer, Exception):
            self._fault = self._fault or answer
        else:
            self.answers[place] = answer
        if (self._fault or not self._missing) and not self._done.done():
            self._done.set_result(None)


class Transaction:
    """One transaction on a link. It is over when `run` has answered, or after `roll_back`."""

    def __init__(self, link: Link, due_at: float) -> None:
        self._link = link
        self._due_at = due_at
        self._round = _Round(link, due_at)
        self.outcomes: list[Any] = []
        self.mark = link.next_mark()
        self.is_committing = False
        """Whether the commit is on its way; from then on only the database knows whether it happened."""

    async def run(self, questions: list[Question[Any]]) -> None:
        """Run the questions and commit; `outcomes` are theirs, in their order.

        Raises what any of them raises, or a StatementError.
        """
        self.outcomes = [None] * len(questions)
        self._round.send(BEGIN)
        for statement in leave(self.mark) if self.mark else ():
            self._round.send(statement)
        asked = [self._go_on(place, iter(question)) for place, question in enumerate(questions)]
        # One turn at least: the commit is not sent before the database has the mark.
        while True:
            running = self._send(asked)
            answers = await self._turn()
            if not running:
                break
            asked = [self._go_on(place, steps, answers[turn]) for place, steps, turn in running]
        self._round.send(COMMIT)
        self._link.sync()
        self.is_committing = True
        await self._round.answered()

    async def roll_back(self) -> None:
        """End the transaction without a trace. Raises LostError when the connection is gone, which does the same."""
        self._link.sync()
        self._round = _Round(self._link, self._due_at)
        self._round.send(ROLLBACK)
        self._link.sync()
        await self._round.answered()

    def _go_on(self, place: int, steps: Steps[Any], rows: list[Row] | None = None) -> _Asked | None:
        """What the question asks after these rows, which are None for its first statement; None when it is over."""
        try:
            return _Asked(place, steps, steps.send(rows))  # type: ignore[arg-type]  # as `next` does
        except StopIteration as stop:
            self.outcomes[place] = stop.value
            return None

    def _send(self, asked: list[_Asked | None]) -> list[_Running]:
        """Send what is asked, in the order of what it touches, and what follows up to the first statement with an answer."""
        running = []
        for each in sorted(filter(None, asked), key=_touched):
            asking: _Asked | None = each
            while asking:
                turn = self._round.send(asking.statement)
                if _answers(asking.statement.text):
                    running.append(_Running(asking.place, asking.steps, turn))
                    break
                asking = self._go_on(asking.place, asking.steps, [])
        return running

    async def _turn(self) -> list[list[Row]]:
        sent, self._round = self._round, _Round(self._link, self._due_at)
        self._link.flush()
        await sent.answered()
        return sent.answers


@lru_cache(maxsize=2048)
def _answers(text: str) -> bool:
    """Whether a statement can return rows."""
    return re.search(r"^\s*(select|with)\b|\breturning\b", text) is not None


def _touched(asked: _Asked) -> tuple[str, list[bytes], int]:
    """What a statement touches, as something to sort by: the kind of statement, then the ids it names."""
    statement = asked.statement
    return statement.text, [value for value in statement.params if type(value) is bytes], asked.place
