"""Nodes are replaced one after the other behind a balancer, under load: no request fails, not across a migration either."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pytest

import postgres
from servers import GATEPOST, Client, command, reserved_port, running

from .balancer import Balancer, balancer
from .clients import check, settle, working
from .next_version import INDEX, PROGRAM
from .nodes import ISSUER, Instance, World

pytestmark = pytest.mark.xdist_group("rolling")


class Fleet:
    """Nodes on ports that stay, each of which can be replaced."""

    def __init__(self, instance: Instance, ports: Sequence[int]) -> None:
        self._instance = instance
        self._nodes = {port: self._start(port, GATEPOST) for port in ports}

    def replace(self, port: int, program: Sequence[str] = GATEPOST) -> None:
        """Stop a node, and start another on its port."""
        self._nodes[port].close()
        self._nodes[port] = self._start(port, program)

    def close(self) -> None:
        for node in self._nodes.values():
            node.close()

    def _start(self, port: int, program: Sequence[str]) -> contextlib.ExitStack:
        node = contextlib.ExitStack()
        place = self._instance.directory / f"node{port}"
        settings = self._instance.settings
        node.enter_context(running("serve", place, "--issuer", ISSUER, port=port, settings=settings, program=program))
        return node


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(tmp_path_factory.mktemp("instance"), postgres.databases().new())


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(reserved_port()) for _ in range(2)]


@pytest.fixture(scope="module")
def fleet(instance: Instance, ports: list[int]) -> Iterator[Fleet]:
    with contextlib.closing(Fleet(instance, ports)) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def front(fleet: Fleet, ports: list[int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    with balancer(tmp_path_factory.mktemp("balancer") / "nginx", ports) as front:
        yield front


@pytest.fixture(scope="module")
def world(instance: Instance, fleet: Fleet) -> World:
    return instance.populate()


def under_load(world: World, front: Balancer, change: Callable[[], None]) -> None:
    """Change something while clients of the balancer are at work. None of them may notice."""
    with working(world, [front], each=6) as known:
        settle(known)
        change()
        settle(known)
    assert [one.refused for one in known] == [0] * 6
    check(known, world, front)


def test_a_rolling_restart_fails_no_request(
    fleet: Fleet, ports: list[int], front: Balancer, world: World, scale: int
) -> None:
    def restart() -> None:
        for port in ports * scale:
            fleet.replace(port)

    under_load(world, front, restart)


def test_a_rolling_upgrade_across_a_migration_fails_no_request(
    instance: Instance, fleet: Fleet, ports: list[int], front: Balancer, world: World
) -> None:
    def upgrade() -> None:
        assert instance.command("migrate", program=PROGRAM)["version"] == INDEX.number
        for port in ports:
            with Client(port) as client:
                assert client.get("/readyz").status == 200, "the old nodes stay until they are replaced"
        for port in ports:
            fleet.replace(port, PROGRAM)

    under_load(world, front, upgrade)
    refused = command(instance.directory / "cli", "org", "list", settings=instance.settings)
    assert refused.returncode == 3
    assert "of a newer Gatepost" in refused.stderr
