"""A run of the bench: databases prepared, servers started, every operation measured in rounds.

In each round every server has its turn on the same core, the bare one last; so whatever else this machine is doing hurts
all of them alike, and a ratio is worth more than the rates it is made of.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from gatepost.bench.data import prepare
from gatepost.bench.load import Answer, Sample, Work, ask_once, drive
from gatepost.bench.machine import Cores, choose_cores, cpu_seconds, is_in_memory, on_core, resident_mb
from gatepost.bench.schema import own_schema
from gatepost.bench.servers import Running, bare_server, gatepost_server
from gatepost.bench.work import OPERATIONS, Fixed, Workload
from gatepost.errors import GatepostError
from gatepost.secrets import Secret
from gatepost.settings import Settings

STARTS = 3
"""How often a server is started; the median tells how long it takes."""

WARM_UP = 0.2
"""The share of a turn that only warms up, at most half a second."""


class Database(NamedTuple):
    """What is in a database before the load comes, and from how many organizations the load comes."""

    name: str
    grants: int
    orgs: int
    asking: int = 1


class Plan(NamedTuple):
    """What to measure. `seconds` are for each operation on each server, in `rounds` turns."""

    databases: tuple[Database, ...]
    operations: tuple[str, ...]
    connections: int
    seconds: float
    rounds: int
    nodes: int = 1
    url: str = ""
    """Where the databases are, if not in files: each in a schema of its own."""


class Figures(NamedTuple):
    """One operation. `cpu_us` is the processor time of one request, with the warm-up's; None where nobody tells."""

    operation: str
    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_us: float | None
    bare_rate: float
    ratio: float
    """To the bare server: the median of the rounds' ratios."""
    to_first: float
    """To the same operation on the plan's first database, in the same way."""


class Measured(NamedTuple):
    """A database, and the server on it."""

    database: Database
    start_seconds: float
    resident_mb: float | None
    figures: list[Figures]


class Report(NamedTuple):
    """What came out, and what makes it worth less than it looks."""

    plan: Plan
    measured: list[Measured]
    warnings: list[str]

    @property
    def errors(self) -> int:
        return sum(figures.errors for each in self.measured for figures in each.figures)


class _Server(NamedTuple):
    nodes: tuple[Running, ...]
    start_seconds: float
    work: Callable[[str], Work]


class _Turn(NamedTuple):
    sample: Sample
    cpu_seconds: float | None


def run_bench(plan: Plan, place: Path) -> Report:
    """Measure. The data lies in a directory of its own in `place`, and is gone afterwards."""
    cores = choose_cores(plan.nodes)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-", dir=place)))
        servers = [_start(stack, directory / each.name, each, plan, cores) for each in plan.databases]
        asked = {name: _ask_first(servers[0], name) for name in plan.operations}
        answers = {path: answer for each in asked.values() for path, _, answer in each}
        bare = stack.enter_context(bare_server(answers, cores.nodes[0]))
        servers.append(
            _Server(
                (bare,), bare.started_in, lambda name: Fixed([(request, answer) for _, request, answer in asked[name]])
            )
        )
        stack.enter_context(on_core(cores.load))
        turns = {name: _take_turns(servers, name, plan) for name in plan.operations}
        measured = [
            Measured(
                database,
                server.start_seconds,
                resident_mb(server.nodes[0].pid),
                [_figures(name, index, turns[name]) for name in plan.operations],
            )
            for index, (database, server) in enumerate(zip(plan.databases, servers, strict=False))
        ]
    return Report(plan, measured, _warnings(cores, place))


def _start(stack: ExitStack, directory: Path, database: Database, plan: Plan, cores: Cores) -> _Server:
    url = stack.enter_context(own_schema(plan.url)) if plan.url else ""
    data = asyncio.run(
        prepare(Settings(data=str(directory), database=Secret(url) if url else None), database.orgs, database.grants)
    )
    workload = Workload(data, plan.connections, database.asking)
    starts = []
    for _ in range(STARTS - 1):
        with gatepost_server(directory, cores.nodes[0], url) as once:
            starts.append(once.started_in)
    nodes = tuple(stack.enter_context(gatepost_server(directory, core, url)) for core in cores.nodes)
    starts.append(nodes[0].started_in)
    return _Server(nodes, statistics.median(starts), lambda name: workload.of(name, nodes[0].port))


def _ask_first(server: _Server, name: str) -> list[tuple[str, bytes, Answer]]:
    """The requests of an operation with their answers, as the bare server will have them: each at a path of its own.

    Raises `server_error`.
    """
    work = server.work(name)
    asked = []
    for number in range(OPERATIONS[name].requests):
        request = work.request(0)
        answer = ask_once(server.nodes[0].port, request)
        if not work.accept(0, answer):
            raise GatepostError(
                "server_error", f"{name} was answered {answer.status.decode()}: {answer.body.decode()[:500]}"
            )
        path = f"/{name}/{number}"
        method, _, rest = request.split(b" ", 2)
        asked.append((path, b" ".join((method, path.encode(), rest)), answer))
    return asked


def _take_turns(servers: list[_Server], name: str, plan: Plan) -> list[list[_Turn]]:
    """The turns of each server, in the order of the rounds."""
    works = [server.work(name) for server in servers]
    rounds = [
        [_take_turn(server.nodes, work, plan) for server, work in zip(servers, works, strict=True)]
        for _ in range(plan.rounds)
    ]
    return [list(turns) for turns in zip(*rounds, strict=True)]


def _take_turn(nodes: tuple[Running, ...], work: Work, plan: Plan) -> _Turn:
    seconds = plan.seconds / plan.rounds
    before = [cpu_seconds(node.pid) for node in nodes]
    sample = drive([node.port for node in nodes], work, plan.connections, seconds, min(WARM_UP * seconds, 0.5))
    after = [cpu_seconds(node.pid) for node in nodes]
    used = [end - begin for begin, end in zip(before, after, strict=True) if begin is not None and end is not None]
    return _Turn(sample, sum(used) if used else None)


def _figures(name: str, index: int, turns: list[list[_Turn]]) -> Figures:
    """What the turns of one server say, beside those of the first and those of the bare one, which is the last."""
    own, first, bare = ([turn.sample for turn in turns[at]] for at in (index, 0, -1))
    whole = Sample.joined(own)
    cpu = [turn.cpu_seconds for turn in turns[index] if turn.cpu_seconds is not None]
    return Figures(
        name,
        statistics.median(sample.rate for sample in own),
        whole.quantile_ms(0.5),
        whole.quantile_ms(0.99),
        whole.errors + sum(sample.errors for sample in bare),
        1e6 * sum(cpu) / whole.answered if cpu and whole.answered else None,
        statistics.median(sample.rate for sample in bare),
        _median_ratio(own, bare),
        _median_ratio(own, first),
    )


def _median_ratio(samples: list[Sample], others: list[Sample]) -> float:
    return statistics.median(
        sample.rate / other.rate if other.rate else 0.0 for sample, other in zip(samples, others, strict=True)
    )


def _warnings(cores: Cores, place: Path) -> list[str]:
    warnings = []
    if is_in_memory(place):
        warnings.append(f"{place} is in memory, where a durable write costs nothing: name a disk with --data DIR")
    if cores.are_shared:
        warnings.append("the servers and the load share their cores, so the rates are lower than this machine's")
    return warnings
