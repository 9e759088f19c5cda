"""What a question is: a generator that yields statements and returns an outcome.

SQL is written once, in the subset that SQLite and PostgreSQL share: `?` for parameters, `returning`, `on conflict`, no
`rowid`, no booleans, blobs for ids, integers for instants. A question never opens a transaction: the engine runs each in
one of its own, and may run it again from the start when the transaction failed before it committed. So a question must
touch nothing but the rows it asks for. The statements of others may come in between its own: what decides must be the
condition of a statement that writes, never a look before it.
"""

from collections.abc import Awaitable, Callable, Generator
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeAlias, TypeVar

from gatepost.light import Light
from gatepost.store.figures import Figures

Row: TypeAlias = tuple[Any, ...]
Value: TypeAlias = bytes | str | int | None
P = ParamSpec("P")
C = TypeVar("C")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

INSTANCE = bytes(16)
"""The organization of what no organization owns: people, signing keys, names. So `org` leads every key, here too."""


class SQL(Light, frozen=True):
    """One statement and its parameters, in order. Yielding it answers the rows it returned."""

    text: str
    params: tuple[Value, ...] = ()


Steps: TypeAlias = Generator[SQL, list[Row], T]


class Question(Light, Generic[T_co], frozen=True, eq=False):
    """A question with its arguments: iterating starts it, from the beginning each time. It equals only itself."""

    steps: Callable[..., Steps[T_co]]
    args: Any
    kwargs: Any

    def __repr__(self) -> str:
        return f"{self.steps.__name__}(***)"

    def __iter__(self) -> Steps[T_co]:
        return self.steps(*self.args, **self.kwargs)


def question(steps: Callable[P, Steps[T]]) -> Callable[P, Question[T]]:
    """Make a generator function a question: calling it only notes the arguments."""

    @wraps(steps)
    def asked(*args: P.args, **kwargs: P.kwargs) -> Question[T]:
        return Question(steps, args, kwargs)

    return asked


def drive(execute: Callable[[C, SQL], list[Row]], connection: C, question: Question[T]) -> T:
    """The outcome of a question whose statements are executed one after another on one connection."""
    steps = iter(question)
    try:
        statement = next(steps)
        while True:
            statement = steps.send(execute(connection, statement))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome


class Store(Protocol):
    """What an engine offers to everything above it."""

    async def read(self, question: Question[T]) -> T:
        """The outcome of a question that writes nothing, from what is committed now."""
        ...

    async def recent(self, question: Question[T]) -> T:
        """Like `read`, but the outcome may be up to a second old, if this very question, made once, was asked before."""
        ...

    def ask(self, question: Question[T]) -> Awaitable[T]:
        """The outcome of a question run in one transaction, once that is durable.

        An outcome that is an exception is raised then: what the question did stays done, unlike where it raises by itself.
        Raises `StoreUnavailableError` when it could not be committed, or when nobody can know whether it was.
        """
        ...

    async def product(self) -> str:
        """What the database is, and its version."""
        ...

    def figures(self) -> Figures:
        """What it counted of its own work so far."""
        ...

    def close(self) -> None:
        """Let the write under way finish, then let go of the database. Whoever still waits is refused."""
        ...
