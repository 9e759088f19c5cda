"""The primary is lost with its machine, and its synchronous standby takes over while clients of three nodes go on asking."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Server

from .clients import Known, check, settle, wait_until_all_answer, working
from .cluster import Cluster, cluster, standby
from .nodes import Instance, World

RECOVERED = 2.0
"""Seconds after which everybody is answered again, from when the standby is promoted."""

PATIENCE = 3.5
"""Seconds that a request may take in the worst case: its deadline, and the time to find out about a lost commit."""

SLACK = 3.0
"""What a busy machine may add."""


def answered(known: list[Known]) -> int:
    return sum(one.answered for one in known)


@pytest.fixture
def primary() -> Iterator[Cluster]:
    with cluster() as primary:
        primary.server.create("gatepost")
        yield primary


@pytest.fixture
def follower(primary: Cluster) -> Iterator[Cluster]:
    with standby(primary) as follower:
        yield follower


@pytest.fixture
def instance(tmp_path: Path, primary: Cluster, follower: Cluster) -> Instance:
    """In a database that is wherever one of the two takes writes."""
    hosts = ",".join(f"127.0.0.1:{each.server.port}" for each in (follower, primary))
    return Instance(tmp_path, f"postgresql://gatepost@{hosts}/gatepost?target_session_attrs=read-write")


@pytest.fixture
def nodes(instance: Instance) -> Iterator[list[Server]]:
    with instance.serve(3) as nodes:
        yield nodes


@pytest.fixture
def world(instance: Instance, nodes: list[Server]) -> World:
    return instance.populate()


def test_a_failover_to_the_standby_loses_nothing(
    primary: Cluster, follower: Cluster, nodes: list[Server], world: World
) -> None:
    with working(world, nodes) as known:
        settle(known)
        primary.lose()
        time.sleep(1)
        follower.promote()
        wait_until_all_answer(known, RECOVERED + SLACK)
        settle(known)
    check(known, world, nodes[0])


def test_what_the_standby_does_not_have_is_not_acknowledged(
    follower: Cluster, nodes: list[Server], world: World
) -> None:
    """A standby that hangs holds every commit up. Nobody waits for it longer than for a database that does."""
    with working(world, nodes) as known:
        settle(known)
        with follower.paused():
            time.sleep(0.1)
            before = answered(known)
            time.sleep(5)
            assert answered(known) == before
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert min(one.refused for one in known) > 0
    assert max(one.slowest for one in known) <= PATIENCE + SLACK
    check(known, world, nodes[0])
