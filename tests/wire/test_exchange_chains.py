"""How each link of a chain of agents is cut: whatever ends a token ends what came from it, and nothing above. RFC 8693."""

from typing import NamedTuple

import pytest

from gatepost.secrets import parse_id
from gatepost.store.apps import set_app_disabled
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled
from gatepost.store.revocations import revoke_app_grants

from .exchanging import anns, exchange, exchanged, make_agent, own, said
from .world import Client, World, claims_of

BAD = (400, "invalid_request")


class Chain(NamedTuple):
    """The tokens of Ann's app, and of two agents one behind the other."""

    world: World
    agent: Client
    tokens: tuple[str, ...]

    async def live(self) -> list[bool]:
        """Which tokens are live, the first one first; introspection, `/check` and a new exchange are of one mind."""
        found = []
        for text in self.tokens:
            is_active = await self.world.is_active(text)
            checked = await self.world.call("GET", "/check", f"Bearer {text}")
            again = await exchange(self.world, self.agent, text)
            assert (checked.status_code == 204) == is_active
            assert is_active or again.status_code >= 400
            found.append(is_active)
        return found


@pytest.fixture
async def agent(world: World) -> Client:
    return await make_agent(world)


@pytest.fixture
async def chain(world: World, agent: Client) -> Chain:
    second = await make_agent(world, "second")
    first = await anns(world)
    one = await exchanged(world, agent, first)
    made = Chain(world, agent, (first, one, await exchanged(world, second, one)))
    assert await made.live() == [True, True, True]
    return made


async def test_the_end_of_the_grant_ends_all(chain: Chain) -> None:
    await chain.world.revoke(chain.tokens[0], chain.world.acme.web)
    assert await chain.live() == [False, False, False]


async def test_an_agent_ends_its_own_token_and_what_came_from_it(chain: Chain, agent: Client) -> None:
    response = await chain.world.revoke(chain.tokens[0], agent)
    assert said(response) == (400, "invalid_grant"), "the grant is not the agent's to end"
    await chain.world.revoke(chain.tokens[1], agent)
    assert await chain.live() == [True, False, False]


async def test_what_stands_above_is_not_cut(chain: Chain) -> None:
    await chain.world.revoke(chain.tokens[2])
    assert await chain.live() == [True, True, False]


@pytest.mark.parametrize(
    ("client_id", "left"), [("web-acme", []), ("agent", [0]), ("second", [0, 1])], ids=["app", "agent", "second"]
)
async def test_a_disabled_app_cuts_what_is_below_it(chain: Chain, client_id: str, left: list[int]) -> None:
    world = chain.world
    await world.instance.store.ask(set_app_disabled(world.acme.org, client_id, True, world.act))
    assert await chain.live() == [each in left for each in range(3)]
    await world.instance.store.ask(set_app_disabled(world.acme.org, client_id, False, world.act))
    assert await chain.live() == [True, True, True]


@pytest.mark.parametrize(
    ("client_id", "left"), [("web-acme", []), ("agent", [0]), ("second", [0, 1])], ids=["app", "agent", "second"]
)
async def test_the_end_of_an_apps_grants_cuts_what_is_below_it(chain: Chain, client_id: str, left: list[int]) -> None:
    world = chain.world
    await world.instance.store.ask(revoke_app_grants(world.acme.org, client_id, world.act))
    assert await chain.live() == [each in left for each in range(3)]


async def test_a_disabled_person_or_organization_cuts_all(chain: Chain) -> None:
    world = chain.world
    await world.instance.store.ask(set_user_disabled(parse_id("usr", world.acme.ann) or b"", True, world.act))
    assert await chain.live() == [False, False, False]
    await world.instance.store.ask(set_user_disabled(parse_id("usr", world.acme.ann) or b"", False, world.act))
    assert await chain.live() == [True, True, True]
    await world.instance.store.ask(set_org_disabled(world.acme.org, True, world.act))
    for text in chain.tokens:
        assert not await world.is_active(text, world.gateway)


async def test_a_token_of_an_app_for_itself_is_handed_on_and_cut_too(world: World, agent: Client) -> None:
    first = await own(world, world.acme.api)
    text = await exchanged(world, agent, first)
    claims = claims_of(text)
    assert (claims["sub"], claims["act"], "gid" in claims) == ("api-acme", {"sub": "agent"}, False)
    assert await world.is_active(text)
    await world.revoke(first, world.acme.api)
    assert not await world.is_active(text)
    assert said(await exchange(world, agent, text)) == BAD
