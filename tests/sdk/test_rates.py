"""Limits that a token carries, held where it is verified, and told in HTTP in every framework."""

import threading
from typing import Any

import pytest

from gatepost_sdk import TokenError, Verifier
from gatepost_sdk.rates import Rates
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE
from .faces import (
    DENYING,
    ROUTED,
    django_async_middleware_face,
    django_middleware_face,
    fastapi_middleware_face,
)
from .network import Clock, Network

LIMITED = {"gid": "gnt_1", "client_id": "app_1", "org": "org_1"}


@pytest.fixture
def clock() -> Clock:
    """Beginning where one that counts since the start of the machine would."""
    return Clock(1000)


def waits(rates: Rates, issuer: Issuer, times: int, **claims: Any) -> list[int]:
    token = issuer.token(**{**LIMITED, **claims})
    return [rates.take(token) for _ in range(times)]


def test_a_minute_holds_what_it_says_and_flows_in_evenly(issuer: Issuer, clock: Clock) -> None:
    rates = Rates(10, clock)
    assert waits(rates, issuer, 4, limits={"grant": 3}) == [0, 0, 0, 20]
    clock.now += 20
    assert waits(rates, issuer, 2, limits={"grant": 3}) == [0, 20]
    clock.now += 3600
    assert waits(rates, issuer, 4, limits={"grant": 3}) == [0, 0, 0, 20], "no more than a minute is saved up"


def test_grants_share_what_their_app_has_and_take_nothing_when_refused(issuer: Issuer, clock: Clock) -> None:
    rates = Rates(10, clock)
    limits = {"grant": 2, "app": 3}
    assert waits(rates, issuer, 3, gid="gnt_1", limits=limits) == [0, 0, 30]
    assert waits(rates, issuer, 2, gid="gnt_2", limits=limits) == [0, 20]
    assert waits(rates, issuer, 1, gid="gnt_3", client_id="app_2", limits=limits) == [0]


def test_what_came_from_an_apps_token_takes_from_its_bucket(issuer: Issuer, clock: Clock) -> None:
    rates = Rates(10, clock)
    through = {"client_id": "app_2", "limits": {"app": 9, "via:app_1": 2}}
    assert waits(rates, issuer, 1, limits={"app": 2}) == [0]
    assert waits(rates, issuer, 2, **through) == [0, 30]
    assert waits(rates, issuer, 1, limits={"app": 2}) == [30]
    assert waits(rates, issuer, 1, client_id="app_2", limits={"app": 9}) == [0], "what was refused took nothing"
    assert not issuer.token(limits={"via": 1, "other": 1}).limits


def test_what_is_remembered_is_bounded(issuer: Issuer, clock: Clock) -> None:
    rates = Rates(10, clock)
    for number in range(30):
        waits(rates, issuer, 1, gid=f"gnt_{number}", limits={"grant": 1})
    assert len(rates._full_at) == 10


def test_threads_get_no_more_than_there_is(issuer: Issuer, clock: Clock) -> None:
    rates = Rates(10, clock)
    passed: list[int] = []
    token = issuer.token(**LIMITED, limits={"app": 50})

    def ask() -> None:
        passed.extend(1 for _ in range(40) if not rates.take(token))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 50


def test_only_what_passes_is_counted(verifier: Verifier, issuer: Issuer) -> None:
    raw = issuer.mint(scope="read", limits={"app": 1})
    for _ in range(3):
        with pytest.raises(TokenError, match="scope"):
            verifier.verify(raw, "write")
    assert verifier.verify(raw, "read").limits == {"app": 1}
    assert verifier.verify(raw, again=True).limits == {"app": 1}
    with pytest.raises(TokenError) as caught:
        verifier.verify(raw)
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == ("rate_limited", 429, 60)


async def test_tasks_are_held_to_the_same(verifier: Verifier, issuer: Issuer) -> None:
    raw = issuer.mint(limits={"app": 1})
    await verifier.averify(raw)
    with pytest.raises(TokenError, match="Too many"):
        await verifier.averify(raw)


@pytest.mark.parametrize(
    "limits", [7, "60", [60], {"app": "60"}, {"app": 0}, {"org": -1}, {"grant": True}, {"app": 1.5}]
)
def test_a_limit_that_is_none_is_no_token(verifier: Verifier, issuer: Issuer, limits: object) -> None:
    with pytest.raises(TokenError) as caught:
        verifier.verify(issuer.mint(limits=limits))
    assert caught.value.code == "malformed"


def test_a_limit_of_something_new_does_no_harm(network: Network, issuer: Issuer) -> None:
    verifier = Verifier("https://auth.test", audience=AUDIENCE, fetch=network)
    assert verifier.verify(issuer.mint(limits={"person": 1})).limits == {}


@pytest.mark.parametrize("make", [*ROUTED, *DENYING], ids=lambda make: make.__name__)
def test_every_framework_says_when_to_come_back(make: Any, issuer: Issuer) -> None:
    face = make(issuer)
    headers = issuer.bearer(scope="agents:read", limits={"app": 2})
    assert [face("/agents", headers).status for _ in range(2)] == [200, 200]
    answer = face("/agents", headers)
    assert (answer.status, answer.body["error"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (fastapi_middleware_face, "/agents"),
        (django_middleware_face, "/twice"),
        (django_async_middleware_face, "/twice"),
    ],
    ids=["fastapi", "django", "django async"],
)
def test_a_request_that_is_looked_at_twice_is_counted_once(make: Any, path: str, issuer: Issuer) -> None:
    face = make(issuer)
    headers = issuer.bearer(scope="agents:read", limits={"app": 2})
    assert [face(path, headers).status for _ in range(3)] == [200, 200, 429]
