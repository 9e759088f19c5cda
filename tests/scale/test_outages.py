"""The database goes away, slows down, or is cut off in the middle of a word, while clients of three nodes go on asking."""

import signal
import time
from collections.abc import Iterator

import pytest

from proxy import Proxy
from servers import Server

from .clients import Known, check, settle, wait_until_all_answer, working
from .cluster import Cluster, cluster
from .nodes import Instance, World

pytestmark = pytest.mark.xdist_group("outages")

RECOVERED = 2.0
"""Seconds after which everybody is answered again, from when the database is back."""

PATIENCE = 3.5
"""Seconds that a request may take in the worst case: its deadline, and the time to find out about a lost commit."""

SLACK = 3.0
"""What a busy machine may add to a bound."""


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as own:
        yield own


@pytest.fixture(scope="module")
def proxy(own: Cluster) -> Iterator[Proxy]:
    with Proxy(own.server.port).running() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, own: Cluster) -> Instance:
    """In a database on a server that may be stopped."""
    return Instance(tmp_path_factory.mktemp("instance"), own.server.create("gatepost"))


@pytest.fixture(scope="module")
def behind(instance: Instance, proxy: Proxy, own: Cluster) -> Iterator[Server]:
    """A node that reaches the database through the proxy."""
    url = own.server.url("gatepost").replace(f":{own.server.port}/", f":{proxy.port}/")
    with instance.serve(1, {"GATEPOST_DATABASE": url}) as [node]:
        yield node


def refused(known: list[Known]) -> int:
    return sum(one.refused for one in known)


def slowest(known: list[Known]) -> float:
    return max(one.slowest for one in known)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_restart_of_the_database_loses_nothing(
    own: Cluster, nodes: list[Server], world: World, how: signal.Signals, scale: int
) -> None:
    with working(world, nodes) as known:
        for _ in range(scale):
            settle(known)
            own.stop(how)
            own.start()
            wait_until_all_answer(known, RECOVERED + SLACK)
    assert slowest(known) <= PATIENCE + SLACK
    check(known, world, nodes[0])


def test_while_the_database_is_down_everybody_is_refused_in_time(
    own: Cluster, nodes: list[Server], world: World
) -> None:
    with working(world, nodes) as known:
        settle(known)
        own.stop(signal.SIGQUIT)
        time.sleep(3)
        own.start()
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert refused(known) >= len(known)
    assert slowest(known) <= PATIENCE + SLACK
    check(known, world, nodes[1])


def test_connections_ended_by_an_administrator_cost_nobody_an_answer(
    own: Cluster, nodes: list[Server], world: World, scale: int
) -> None:
    with working(world, nodes) as known, own.server.connect("gatepost") as beside:
        settle(known)
        for _ in range(20 * scale):
            beside.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatepost'")
            time.sleep(0.05)
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert refused(known) == 0
    check(known, world, nodes[2])


def test_connections_cut_in_the_middle_of_a_statement_or_a_commit_lose_nothing(
    proxy: Proxy, behind: Server, world: World, scale: int
) -> None:
    with working(world, [behind], each=6) as known:
        settle(known)
        for _ in range(10 * scale):
            proxy.lost_answers = proxy.lost_commits = 2
            time.sleep(0.05)
            proxy.cut()
        proxy.lost_answers = proxy.lost_commits = 1
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert proxy.lost_answers == proxy.lost_commits == 0, "they were cut where it hurts"
    assert slowest(known) <= PATIENCE + SLACK
    check(known, world, behind)


def test_a_slow_database_holds_up_nothing_that_does_not_need_it(proxy: Proxy, behind: Server, world: World) -> None:
    with working(world, [behind], each=6) as known:
        settle(known)
        proxy.delay = 5
        time.sleep(1)
        try:
            for path in ("/jwks.json", "/.well-known/oauth-authorization-server", "/healthz") * 4:
                began = time.monotonic()
                with behind.client() as client:
                    assert client.get(path).status == 200
                assert time.monotonic() - began < SLACK / 2
                time.sleep(0.25)
        finally:
            proxy.delay = 0
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert refused(known) >= len(known)
    assert slowest(known) <= PATIENCE + SLACK
    check(known, world, behind)


def test_a_database_that_stalls_is_not_waited_for(proxy: Proxy, behind: Server, world: World) -> None:
    with working(world, [behind], each=6) as known:
        settle(known)
        proxy.stall()
        time.sleep(5)
        proxy.resume()
        wait_until_all_answer(known, RECOVERED + SLACK)
    assert refused(known) >= len(known)
    assert slowest(known) <= PATIENCE + SLACK
    check(known, world, behind)
