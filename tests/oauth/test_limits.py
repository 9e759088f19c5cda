"""Rate limits, with a clock of our own; and whose request it is. D10 of what must not happen."""

import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.settings import parse_networks
from gatepost.web.limits import (
    MAX_BUCKETS,
    Buckets,
    MinuteBuckets,
    NoMinuteBuckets,
    Quota,
    Unlimited,
    bucket_of,
    client_address,
)


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(2, 4, clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    clock.now += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 1]
    clock.now += 100
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 1], "no more than a burst is saved up"


def test_keys_do_not_share() -> None:
    buckets = Buckets(1, 1, Clock())
    assert [buckets.take(key) for key in ("a", "b", "a", ("a", 1))] == [0, 0, 1, 0]


def test_the_wait_is_told_truly() -> None:
    clock = Clock()
    buckets = Buckets(1 / 60, 1, clock)
    assert buckets.take("a") == 0
    assert buckets.take("a") == 60
    clock.now += 59
    assert buckets.take("a") == 1
    clock.now += 1
    assert buckets.take("a") == 0


def test_what_was_taken_can_be_given_back() -> None:
    buckets = Buckets(1, 2, Clock())
    assert [buckets.take("a") for _ in range(2)] == [0, 0]
    buckets.give_back("a")
    buckets.give_back("nobody's")
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]
    Unlimited().give_back("a")


def test_refusals_do_not_prolong_the_wait() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock)
    assert buckets.take("a") == 0
    assert {buckets.take("a") for _ in range(1000)} == {1}
    clock.now += 1
    assert buckets.take("a") == 0


def test_looking_takes_nothing() -> None:
    buckets = Buckets(1, 2, Clock())
    assert {buckets.is_empty("a") for _ in range(9)} == {0}
    assert [buckets.take("a"), buckets.take("a"), buckets.is_empty("a"), buckets.take("a")] == [0, 0, 1, 1]


@given(
    st.floats(0, 10**7), st.integers(1, 200), st.sampled_from((1 / 60, 0.1, 1 / 3, 1.0, 7.0, 100 / 60, 200.0, 1000.0))
)
def test_exactly_a_burst_passes_at_any_instant(now: float, burst: int, rate: float) -> None:
    buckets = Buckets(rate, burst, Clock(now))
    assert [buckets.take("a") == 0 for _ in range(burst + 1)] == [True] * burst + [False]


def test_memory_is_bounded_and_the_quiet_go_first() -> None:
    buckets = Buckets(1, 1, Clock())
    buckets.take("quiet")
    for number in range(MAX_BUCKETS - 1):
        buckets.take(number)
    assert buckets.take(0) == 1
    buckets.take("one more")
    assert buckets.take(0) == 1
    assert buckets.take("quiet") == 0, "it was forgotten"
    assert len(buckets._full_at) == MAX_BUCKETS


def test_the_idle_are_dropped() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock)
    for number in range(1000):
        buckets.take(number)
    clock.now += 1
    for number in range(1000, 2000):
        buckets.take(number)
    assert len(buckets._full_at) == 1000


def test_a_token_costs_the_same_when_the_memory_is_full() -> None:
    """Looking for the quietest must not pass all who were dropped before: that made it a hundred times as dear."""
    buckets = Buckets(1, 1, Clock())
    keys = count()

    def take_many() -> float:
        began = time.thread_time()
        for _ in range(MAX_BUCKETS):
            buckets.take(next(keys))
        return time.thread_time() - began

    empty = take_many()
    assert take_many() < 6 * empty + 0.05


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock)
    buckets.take("a")
    clock.now -= 500
    assert buckets.take("a") > 0


def test_limits_switched_off() -> None:
    unlimited = Unlimited()
    assert {unlimited.take("a") for _, _ in zip(range(1000), count(), strict=False)} == {0}
    assert unlimited.is_empty("a") == 0


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("no:address", "no:address"),
    ],
)
def test_an_address_as_limits_count_it(address: str, bucket: str) -> None:
    assert bucket_of(address) == bucket


PROXIES = parse_networks("10.0.0.0/8, 2001:db8::/32 127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 10.0.0.2, 2001:db8::7"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, evil"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:1234"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["2001:DB9:0::1"], "2001:db9::1"),
        ("", ["203.0.113.9"], ""),
        ("not an address", ["203.0.113.9"], "not an address"),
    ],
)
def test_only_a_trusted_proxy_says_who_stood_before_it(peer: str, forwarded: list[str], address: str) -> None:
    assert client_address(peer, ", ".join(forwarded), PROXIES) == address


def test_nobody_is_trusted_by_default() -> None:
    assert client_address("127.0.0.1", "203.0.113.9", ()) == "127.0.0.1"


@given(st.text(max_size=40), st.text(max_size=60) | st.text("0123456789.:,/% af", max_size=60))
def test_any_header_is_read(peer: str, forwarded: str) -> None:
    assert isinstance(bucket_of(client_address(peer, forwarded, PROXIES)), str)


def test_a_minute_holds_what_it_says_and_flows_in_evenly() -> None:
    clock = Clock()
    buckets = MinuteBuckets(clock)
    assert [buckets.take({"a": 3})["a"] for _ in range(4)] == [
        Quota(3, 2, 20),
        Quota(3, 1, 40),
        Quota(3, 0, 60),
        Quota(3, 0, 60, wait=20),
    ]
    clock.now += 19
    assert buckets.take({"a": 3})["a"].wait == 1
    clock.now += 1
    assert [buckets.take({"a": 3})["a"].wait for _ in range(2)] == [0, 20]
    clock.now += 3600
    assert [buckets.take({"a": 3})["a"].wait for _ in range(4)] == [0, 0, 0, 20], "no more than a minute is saved up"


def test_who_is_refused_by_one_limit_takes_nothing_from_another() -> None:
    buckets = MinuteBuckets(Clock())
    for _ in range(5):
        buckets.take({"app": 10, "grant": 1})
    assert buckets.take({"app": 10})["app"].left == 8, "only the first request was let in"


def test_a_rate_may_change_between_two_requests() -> None:
    buckets = MinuteBuckets(Clock())
    assert [buckets.take({"a": 2})["a"].wait for _ in range(3)] == [0, 0, 30]
    assert buckets.take({"a": 600})["a"].wait == 1
    assert buckets.take({"b": 600})["b"].left == 599
    assert buckets.take({"b": 1})["b"].wait == 1, "a tenth of a second's worth is missing to the whole minute's"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60), st.integers(1, 20))
def test_more_than_two_minutes_worth_never_passes_in_a_minute(asks: list[tuple[str, float]], rate: int) -> None:
    clock = Clock()
    buckets = MinuteBuckets(clock)
    passed: list[tuple[str, float]] = []
    for key, pause in asks:
        clock.now += pause
        quota = buckets.take({key: rate})[key]
        if not quota.wait:
            passed.append((key, clock.now))
        assert 0 <= quota.left < rate
        assert 0 <= quota.wait <= quota.full_in <= 60
    for key, at in passed:
        assert sum(each == key and at <= when < at + 60 for each, when in passed) <= 2 * rate


def test_minutes_are_bounded_and_the_idle_ones_dropped() -> None:
    clock = Clock()
    buckets = MinuteBuckets(clock)
    for number in range(MAX_BUCKETS + 100):
        buckets.take({number: 1})
    assert len(buckets._full_at) == MAX_BUCKETS
    clock.now += 61
    buckets.take({"a": 1})
    assert len(buckets._full_at) == 1


def test_minutes_that_are_switched_off_are_always_full() -> None:
    buckets = NoMinuteBuckets()
    assert [buckets.take({"a": 1}) for _ in range(3)] == 3 * [{"a": Quota(1, 1, 0)}]
