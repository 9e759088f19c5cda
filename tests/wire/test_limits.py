"""Rate limits: a bucket for each key, app and address, and whose address it is. AC-12 to AC-14 of what must not happen."""

import httpx
import pytest

from .conftest import OpenWorld
from .world import World

ON = {"limits.enabled": "true"}


def check_limited(answers: list[httpx.Response], at_least: int) -> None:
    """The first `at_least` were let pass, and the last was not. In between a slow machine may have seen a token drip in."""
    assert all(answer.status_code != 429 for answer in answers[:at_least])
    last = answers[-1]
    assert last.status_code == 429
    assert last.json()["error"] == "too_many_requests"
    assert int(last.headers["retry-after"]) >= 1
    assert last.headers["retry-after"] in last.text


@pytest.mark.parametrize("path", ["/auth_token", "/api/auth/auth_token", "/introspect"])
async def test_a_key_has_a_burst_of_ten_seconds(open_world: OpenWorld, path: str) -> None:
    world = await open_world({**ON, "limits.key_rate": "2"})
    method = "POST" if path == "/introspect" else "GET"
    form = {"token": "x"} if path == "/introspect" else None
    check_limited([await world.call(method, path, world.acme, form=form) for _ in range(60)], 20)
    assert (await world.call(method, path, world.beta, form=form)).status_code == 200


async def test_a_key_has_one_bucket_for_all_it_does(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.key_rate": "1"})
    for _ in range(40):
        await world.verify(client_id="unknown")
    for method, path in (
        ("GET", "/auth_token"),
        ("POST", "/"),
        ("POST", "/verify"),
        ("POST", "/introspect"),
        ("POST", "/revoke"),
    ):
        assert (await world.call(method, path, world.acme, form={"token": "x"})).status_code == 429


async def test_an_app_has_a_bucket_of_its_own(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.app_rate": "1"})
    check_limited([await world.introspect("x", world.acme.web) for _ in range(40)], 10)
    assert (await world.introspect("x", world.acme.api)).status_code == 200
    assert (await world.introspect("x", world.acme)).status_code == 200


async def test_a_wrong_key_takes_nothing_from_the_right_one(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.key_rate": "1"})
    for _ in range(50):
        await world.call("GET", "/auth_token", f"Bearer {world.acme.key[:-1]}")
    assert (await world.call("GET", "/auth_token", world.acme)).status_code == 200


async def refresh_from(world: World, address: str, forwarded: str | list[str] = "") -> httpx.Response:
    values = [forwarded] if isinstance(forwarded, str) else forwarded
    headers = [("x-forwarded-for", value) for value in values if value]
    return await world.call("POST", "/refresh", json={"refresh_token": "nonsense"}, headers=headers, address=address)


async def test_an_address_has_a_bucket_before_anyone_is_known(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    check_limited([await refresh_from(world, "192.0.2.1") for _ in range(40)], 10)
    assert (await refresh_from(world, "192.0.2.2")).status_code == 401


@pytest.mark.parametrize(
    "method_and_path",
    [
        ("POST", "/refresh"),
        ("POST", "/verify"),
        ("GET", "/auth_token"),
        ("POST", "/introspect"),
        ("POST", "/revoke"),
        ("GET", "/nowhere"),
        ("POST", "/"),
    ],
    ids=" ".join,
)
async def test_every_limited_route_is_behind_it(open_world: OpenWorld, method_and_path: tuple[str, str]) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    check_limited([await world.call(*method_and_path) for _ in range(40)], 10)


@pytest.mark.parametrize("path", ["/jwks.json", "/.well-known/openid-configuration", "/healthz", "/readyz"])
async def test_what_verifiers_and_supervisors_need_is_not(open_world: OpenWorld, path: str) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    assert {(await world.call("GET", path)).status_code for _ in range(60)} == {200}


async def test_limits_can_be_switched_off(open_world: OpenWorld) -> None:
    rates = dict.fromkeys(("limits.key_rate", "limits.app_rate", "limits.address_rate", "limits.wrong_secrets"), "1")
    world = await open_world({"limits.enabled": "false", **rates})
    for _ in range(40):
        assert (await world.call("GET", "/auth_token", world.acme)).status_code == 200
        assert (await world.introspect("x", world.acme.web)).status_code == 200
        assert (await world.introspect("x", world.acme.web._replace(secret="wrong"))).status_code == 401


async def test_one_limit_can_be_switched_off(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.address_rate": "0"})
    assert {(await refresh_from(world, "192.0.2.1")).status_code for _ in range(40)} == {401}


# Whose address it is.


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Forwarded-For: 198.51.100.{n}"],
        ["X-Real-IP: 198.51.100.{n}"],
        ["CF-Connecting-IP: 198.51.100.{n}"],
        ["True-Client-IP: 198.51.100.{n}"],
        ["X-Client-IP: 198.51.100.{n}"],
        ["X_Forwarded_For: 198.51.100.{n}"],
        ["Forwarded: for=198.51.100.{n}"],
        ["Via: 1.1 198.51.100.{n}"],
    ],
    ids=lambda lines: lines[0].partition(":")[0],
)
async def test_no_header_of_a_stranger_is_believed(open_world: OpenWorld, headers: list[str]) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    answers = []
    for n in range(40):
        sent = dict(line.format(n=n).split(": ") for line in headers)
        answers.append(await world.call("POST", "/refresh", json={"refresh_token": "x"}, headers=sent))
    check_limited(answers, 10)


async def test_a_configured_proxys_last_hop_counts(open_world: OpenWorld) -> None:
    world = await open_world(
        {**ON, "limits.address_rate": "1", "server.trusted_proxies": "192.0.2.0/24, 2001:db8::/64"}
    )
    check_limited([await refresh_from(world, "192.0.2.1", "198.51.100.7") for _ in range(40)], 10)
    assert (await refresh_from(world, "192.0.2.9", "198.51.100.7")).status_code == 429, (
        "the same client by another proxy"
    )
    assert (await refresh_from(world, "2001:db8::1", "203.0.113.1, 198.51.100.7")).status_code == 429
    assert (await refresh_from(world, "192.0.2.1", "198.51.100.7, 192.0.2.5")).status_code == 429, "two proxies of ours"
    assert (await refresh_from(world, "192.0.2.1", ["203.0.113.1", "198.51.100.7"])).status_code == 429
    assert (await refresh_from(world, "192.0.2.1", "198.51.100.8")).status_code == 401


async def test_what_a_client_puts_before_the_proxys_hop_changes_nothing(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.address_rate": "1", "server.trusted_proxies": "192.0.2.1"})
    answers = [await refresh_from(world, "192.0.2.1", f"203.0.113.{n}, 198.51.100.7") for n in range(40)]
    check_limited(answers, 10)


@pytest.mark.parametrize(
    "forwarded",
    [
        "",
        "unknown",
        "evil.test",
        "x" * 10_000,
        ",,,",
        "198.51.100.7:443",
        "[2001:db8::1]",
        "198.51.100",
    ],
)
async def test_a_hop_that_is_no_address_is_the_proxy_itself(open_world: OpenWorld, forwarded: str) -> None:
    world = await open_world({**ON, "limits.address_rate": "1", "server.trusted_proxies": "192.0.2.1"})
    answers = [await refresh_from(world, "192.0.2.1", forwarded) for _ in range(40)]
    check_limited(answers, 10)
    assert (await refresh_from(world, "192.0.2.1")).status_code == 429


@pytest.mark.parametrize(
    ("spelled", "also"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002:0:0:0:9"),
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("192.0.2.7", "::FFFF:C000:0207"),
        ("fe80::1", "fe80::1%eth0"),
    ],
)
async def test_one_household_is_one_bucket_however_it_is_written(
    open_world: OpenWorld, spelled: str, also: str
) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    check_limited([await refresh_from(world, spelled) for _ in range(40)], 10)
    assert (await refresh_from(world, also)).status_code == 429


async def test_the_house_next_door_is_another(open_world: OpenWorld) -> None:
    world = await open_world({**ON, "limits.address_rate": "1"})
    check_limited([await refresh_from(world, "2001:db8:1:2::1") for _ in range(40)], 10)
    assert (await refresh_from(world, "2001:db8:1:3::1")).status_code == 401
