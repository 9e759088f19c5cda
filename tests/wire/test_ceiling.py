"""What a token request may cost: at most one durable write, none where nothing is to be kept, and few statements."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
import pytest

from gatepost.store import sqlite

from .browser import Browser, answer_of, connected, redeem, token
from .prover import own, prove, redeemed, refreshed
from .world import Client, World

Ask = Callable[[], Awaitable[httpx.Response]]


class Cost(NamedTuple):
    """What a request asked of the store."""

    writes: int
    statements: int


class Counter:
    """Counts what is asked of the store from now on."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._writes = self._statements = 0
        self._execute, self._ask = sqlite.execute, world.instance.store.ask
        monkeypatch.setattr(sqlite, "execute", self._counted_execute)
        monkeypatch.setattr(world.instance.store, "ask", self._counted_ask)

    async def cost_of(self, ask: Ask) -> Cost:
        self._writes = self._statements = 0
        response = await ask()
        assert response.status_code == 200, response.text
        return Cost(self._writes, self._statements)

    async def _counted_ask(self, question: Any) -> Any:
        self._writes += 1
        return await self._ask(question)

    def _counted_execute(self, cursor: Any, statement: Any) -> Any:
        self._statements += 1
        return self._execute(cursor, statement)


async def test_a_code_is_exchanged_in_one_write(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(world, browser, world.acme.web)
    code = answer_of((await browser.authorize(world.acme.web)).headers["location"])["code"]
    cost = await Counter(world, monkeypatch).cost_of(lambda: redeem(world, world.acme.web, code))
    # The policy's version, the grant, its event, and now and then what clears expired grants away.
    assert cost.writes == 1
    assert cost.statements <= 4


async def test_a_refresh_is_one_write(world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (await connected(world, browser, world.acme.web))["refresh_token"]
    second = (await token(world, world.acme.web, grant_type="refresh_token", refresh_token=first)).json()
    cost = await Counter(world, monkeypatch).cost_of(
        lambda: token(world, world.acme.web, grant_type="refresh_token", refresh_token=second["refresh_token"])
    )
    # The policy's version, the grant, and its move.
    assert cost == Cost(writes=1, statements=3)


async def test_a_service_gets_its_token_without_a_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await world.make_app(world.acme.org, client_id="job", kind="service", scope="read")
    ask = own_token(world, service)
    await ask()
    assert await Counter(world, monkeypatch).cost_of(ask) == Cost(writes=0, statements=1)  # the policy's version


async def test_a_proof_is_spent_in_the_write_there_is(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = await world.make_app(world.acme.org, kind="native", scope="read")
    code = (await browser.allow(native, "bob@acme.test"))["code"]
    await own(world, world.acme.api)  # now and then it is noted when a secret was last used
    counter, answers = Counter(world, monkeypatch), []

    async def exchange() -> httpx.Response:
        answers.append(await redeemed(world, native, code, prove()))
        return answers[-1]

    assert (await counter.cost_of(exchange)).writes == 1
    refresh_token = answers[0].json()["refresh_token"]
    assert (await counter.cost_of(lambda: refreshed(world, native, refresh_token, prove()))).writes == 1
    assert (await counter.cost_of(lambda: own(world, world.acme.api, prove()))).writes == 1


async def test_the_seeds_routes_write_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await world.tokens()
    second = await world.refreshed(first.refresh_token)
    counter = Counter(world, monkeypatch)
    verified = await counter.cost_of(world.verify)
    assert verified.writes == 1
    assert verified.statements <= 4
    assert await counter.cost_of(lambda: world.refresh(second.refresh_token)) == Cost(writes=1, statements=2)
    introspected = await counter.cost_of(lambda: world.introspect(second.access_token))
    assert introspected.writes == 0
    assert introspected.statements <= 3


def own_token(world: World, service: Client) -> Ask:
    return lambda: token(world, service, grant_type="client_credentials")
