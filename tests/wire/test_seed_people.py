"""The four routes, called by people: with the power of their role, and for themselves."""

import asyncio

import pytest

from .staff import Person, Staff, ask, hire, sign_in
from .world import World, claims_of

PAIR = {"client_id": "theirs", "redirection_url": "https://theirs.test/cb"}


@pytest.fixture
async def staff(world: World) -> Staff:
    return await hire(world)


async def test_a_person_saves_a_client_and_gets_tokens_for_themselves(world: World, staff: Staff) -> None:
    for person, status in ((staff.developer, 201), (staff.developer, 200), (staff.admin, 200), (staff.owner, 200)):
        assert (await world.call("POST", "/", person.bearer, json=PAIR)).status_code == status
        assert (await world.call("GET", "/auth_token", person.bearer)).status_code == 200
        answer = await world.call("POST", "/verify", person.bearer, json=PAIR)
        assert answer.status_code == 200
        claims = claims_of(world.canary.watch(answer.json()["access_token"]))
        assert (claims["sub"], claims["org"], "key" in claims) == (person.id, world.acme.id, False)
    made = (await ask(world, "GET", "/apps/theirs", staff.owner)).json()
    assert made["created_by"] == staff.developer.id


async def test_a_role_says_what_its_people_may(world: World, staff: Staff) -> None:
    others = {"client_id": world.acme.web.client_id, "redirection_url": world.acme.web.redirect}

    async def codes(person: Person, pair: dict[str, str]) -> list[tuple[int, str]]:
        answers = [await world.call("POST", path, person.bearer, json=pair) for path in ("/", "/verify")]
        return [(answer.status_code, answer.json().get("error", "")) for answer in answers]

    refused = [(403, "insufficient_scope")] * 2
    assert await codes(staff.auditor, PAIR) == refused
    assert await codes(staff.member, PAIR) == refused
    assert await codes(staff.developer, others) == refused
    assert await codes(staff.admin, others) == [(200, ""), (200, "")]


async def test_who_comes_second_to_a_new_client_adds_nothing_to_it(world: World, staff: Staff) -> None:
    """Both found that it was not there; it is the app of whoever made it."""
    other = await sign_in(world, staff.tool, "developer", "other")
    for number in range(5):
        pairs = [{"client_id": f"new-{number}", "redirection_url": f"https://{each}.test/cb"} for each in ("a", "b")]
        calls = zip((staff.developer, other), pairs, strict=True)
        answers = await asyncio.gather(*(world.call("POST", "/", each.bearer, json=pair) for each, pair in calls))
        assert sorted(answer.status_code for answer in answers) == [201, 403]
        made = (await ask(world, "GET", f"/apps/new-{number}", staff.owner)).json()
        assert len(made["redirect_uris"]) == 1


async def test_a_person_speaks_for_nobody_else(world: World, staff: Staff) -> None:
    await world.call("POST", "/", staff.owner.bearer, json=PAIR)
    answer = await world.call("POST", "/verify", staff.owner.bearer, json=PAIR | {"user_id": staff.admin.id})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


async def test_a_token_does_not_give_itself_a_longer_life(world: World, staff: Staff) -> None:
    """Power over the organization is given at the consent page, each time."""
    pair = {"client_id": staff.tool.client_id, "redirection_url": staff.tool.redirect}
    for more in ({}, {"scope": "gatepost"}):
        answer = await world.call("POST", "/verify", staff.owner.bearer, json=pair | more)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_a_token_of_a_person_that_is_not_for_this_is_refused(world: World, staff: Staff) -> None:
    pair = await world.tokens(staff.tool, user_id=staff.owner.id, scope="gatepost")
    for token, status in ((pair.access_token, 401), (pair.access_token[:-4], 401), ("eyJ", 401)):
        assert (await world.call("GET", "/auth_token", f"Bearer {token}")).status_code == status
