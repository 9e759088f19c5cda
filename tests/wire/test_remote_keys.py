"""Keys that apps keep at a URL of their own: fetched, kept and looked at again. CA-16, SS-6, SS-8."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey

from gatepost.flows.remote_json import MOST_KEEP_SECONDS
from gatepost.flows.remote_keys import LAST_COPY_SECONDS, LEAST_KEEP_SECONDS

from .conftest import OpenWorld
from .signer import EC, Key, make_signer, present, public, sign
from .strangers import ok, stranger
from .world import World


class Publisher:
    """An app's server with its keys; a world in which an app has its keys there."""

    def __init__(self, world: World, answer: Callable[[bytes], None], count: Callable[[], int]) -> None:
        self.world = world
        self.answer = answer
        self.count = count

    def publish(self, *keys: Key, cache: str = "max-age=300") -> None:
        self.answer(ok(orjson.dumps(public(*keys)), f"Cache-Control: {cache}"))

    async def status(self, assertion: str) -> int:
        return (await present(self.world, assertion)).status_code


@pytest.fixture
async def publisher(open_world: OpenWorld) -> Any:
    world = await open_world({"outbound.allow_loopback": "true"})
    async with stranger(ok(orjson.dumps(public(EC)), "Cache-Control: max-age=300")) as there:
        await make_signer(world, metadata={"jwks_uri": f"http://127.0.0.1:{there.port}/jwks"})

        def answer(what: bytes) -> None:
            there.answer = what

        yield Publisher(world, answer, lambda: there.connections)


def now_signed(world: World, key: Key = EC, **changes: Any) -> str:
    now = world.clock.now
    return sign(key, **{"iat": now, "exp": now + 60, **changes})


async def test_keys_at_a_url_are_fetched_once_and_kept(publisher: Publisher) -> None:
    answers = await asyncio.gather(*(publisher.status(now_signed(publisher.world, jti=f"{n}")) for n in range(10)))
    assert set(answers) == {200}
    assert publisher.count() == 1
    publisher.world.clock.forward(299)
    assert await publisher.status(now_signed(publisher.world)) == 200
    assert publisher.count() == 1
    publisher.world.clock.forward(1)
    assert await publisher.status(now_signed(publisher.world)) == 200
    assert publisher.count() == 2


@pytest.mark.parametrize(
    ("cache", "kept"),
    [
        ("max-age=0", LEAST_KEEP_SECONDS),
        ("no-store", LEAST_KEEP_SECONDS),
        ("public, max-age=999999", MOST_KEEP_SECONDS),
    ],
)
async def test_how_long_they_are_kept_has_bounds(publisher: Publisher, cache: str, kept: int) -> None:
    publisher.publish(EC, cache=cache)
    await publisher.status(now_signed(publisher.world))
    publisher.world.clock.forward(kept - 1)
    await publisher.status(now_signed(publisher.world))
    assert publisher.count() == 1
    publisher.world.clock.forward(1)
    await publisher.status(now_signed(publisher.world))
    assert publisher.count() == 2


async def test_an_unknown_key_makes_us_look_again_once_a_minute(publisher: Publisher) -> None:
    """CA-16."""
    new = ECKey.generate_key("P-256", {"kid": "new"})
    assert await publisher.status(now_signed(publisher.world)) == 200
    publisher.publish(new)
    for _ in range(5):
        assert await publisher.status(now_signed(publisher.world, new)) == 401
    assert publisher.count() == 1
    publisher.world.clock.forward(60)
    assert await publisher.status(now_signed(publisher.world, new)) == 200
    assert await publisher.status(now_signed(publisher.world, EC)) == 401
    for _ in range(5):
        await publisher.status(now_signed(publisher.world, ECKey.generate_key("P-256", {"kid": "made-up"})))
    assert publisher.count() == 2


async def test_the_last_keys_are_good_while_their_server_is_away_but_not_for_ever(publisher: Publisher) -> None:
    assert await publisher.status(now_signed(publisher.world)) == 200
    publisher.answer(ok(b"{}", status="503 Service Unavailable"))
    publisher.world.clock.forward(3600)
    assert await publisher.status(now_signed(publisher.world)) == 200
    assert await publisher.status(now_signed(publisher.world)) == 200
    assert publisher.count() == 2
    publisher.world.clock.forward(LAST_COPY_SECONDS)
    assert await publisher.status(now_signed(publisher.world)) == 401
    publisher.world.clock.forward(60)
    publisher.publish(EC)
    assert await publisher.status(now_signed(publisher.world)) == 200


DOCUMENTS: dict[str, bytes] = {
    "not JSON": ok(b"<html>"),
    "not sent as JSON": ok(orjson.dumps(public(EC)), content_type="text/html"),
    "no object": ok(b"[]"),
    "no keys": ok(b"{}"),
    "keys are no list": ok(b'{"keys":{}}'),
    "ten thousand keys": ok(orjson.dumps({"keys": [{}] * 10_000})),
    "half a character": ok(b'{"keys":[],"x":"\\ud800"}'),
    "nested deep": ok(b'{"keys":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "a member twice": ok(b'{"keys":[],"keys":' + orjson.dumps(public(EC)["keys"]) + b"}"),
    "not UTF-8": ok(b'{"keys":"\xff"}'),
    "too large": ok(b'{"a":"' + b"x" * 70_000 + b'"}'),
    "a redirect": ok(b"", "Location: http://127.0.0.1/", status="302 Found"),
    "secret keys": ok(orjson.dumps({"keys": [EC.as_dict(private=True)]})),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_what_is_no_set_of_keys_opens_nothing(publisher: Publisher, name: str) -> None:
    """SS-6, SS-8: refused in one way, whatever was there."""
    publisher.answer(DOCUMENTS[name])
    response = await present(publisher.world, now_signed(publisher.world))
    unknown = await present(publisher.world, now_signed(publisher.world, iss="nobody", sub="nobody"))
    assert {each.status_code for each in (response, unknown)} == {401}
    assert response.json()["error_description"] == unknown.json()["error_description"]


async def test_other_keys_in_the_set_do_no_harm(publisher: Publisher) -> None:
    odd = [{"kty": "oct", "k": "AA"}, {"kty": "what"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, 7]
    publisher.answer(ok(orjson.dumps({"keys": [*odd, *public(EC)["keys"]]}), content_type="application/jwk-set+json"))
    assert await publisher.status(now_signed(publisher.world)) == 200
