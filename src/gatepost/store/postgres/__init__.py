"""The PostgreSQL engine: any number of processes on any number of machines, over libpq's pipelines."""

import asyncio
from typing import TypeVar

from gatepost.errors import StoreUnavailableError
from gatepost.store.figures import Figures
from gatepost.store.postgres.engine import Engine
from gatepost.store.postgres.opening import conninfo_of
from gatepost.store.question import SQL, Question, Steps, question

T = TypeVar("T")

DEADLINE = 2.0
"""Seconds within which a question is answered or refused."""


class PostgresStore:
    """The engine for one database, used by one event loop at a time. It connects when it is first asked."""

    def __init__(self, url: str, *, deadline: float = DEADLINE) -> None:
        self._conninfo = conninfo_of(url)
        self._deadline = deadline
        self._engine: Engine | None = None
        self._is_closed = False
        self._figures = Figures()

    async def read(self, question: Question[T]) -> T:
        return await self._here().read(question)

    async def recent(self, question: Question[T]) -> T:
        return await self._here().recent(question)

    async def ask(self, question: Question[T]) -> T:
        return await self._here().ask(question)

    async def product(self) -> str:
        return f"PostgreSQL {await self.read(_server_version())}"

    def figures(self) -> Figures:
        if self._engine:
            self._figures.waiting = self._engine.waiting
            self._figures.connections = self._engine.connections
        return self._figures

    def close(self) -> None:
        """Let the commits under way finish, then let go of the database. Whoever still waits is refused."""
        self._is_closed = True
        if self._engine:
            self._engine.close()

    def _here(self) -> Engine:
        """The engine of the running event loop. Connections of one that has ended are let go."""
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise StoreUnavailableError("the store was closed")
        if self._engine is None or self._engine.loop is not loop:
            if self._engine:
                self._engine.close()
            self._engine = Engine(self._conninfo, self._deadline, self._figures)
        return self._engine


@question
def _server_version() -> Steps[str]:
    """What the server says it is."""
    rows = yield SQL("select cast(current_setting('server_version') as text)")
    version: str = rows[0][0]
    return version
