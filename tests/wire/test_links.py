"""One-time sign-in links: good once, for a quarter of an hour, and only for whom they were made."""

from urllib.parse import parse_qs, urlsplit

from gatepost.flows.links import LINK_TTL, Opened, create_link, open_link
from gatepost.flows.organizations import get_org
from gatepost.flows.organizations import set_disabled as set_org_disabled
from gatepost.flows.people import get_user, set_disabled
from gatepost.secrets import parse_id

from .world import ISSUER, World


def link_for_ann(world: World) -> str:
    """What the sign-in page would be given."""
    url = create_link(world.instance, world.acme.org, parse_id("usr", world.acme.ann) or b"").reveal()
    assert url.startswith(f"{ISSUER}/login?")
    return parse_qs(urlsplit(url).query)["link"][0]


async def opened(world: World, link: str) -> Opened | None:
    return await open_link(world.instance, link)


async def test_a_link_opens_once_for_the_person_it_was_made_for(world: World) -> None:
    link = link_for_ann(world)
    first = await opened(world, link)
    assert first
    assert (first.org.id, first.member.email) == (world.acme.org, "ann@example.test")
    assert await opened(world, link) is None


async def test_a_link_expires(world: World) -> None:
    early, late = link_for_ann(world), link_for_ann(world)
    world.clock.forward(LINK_TTL - 1)
    assert await opened(world, early)
    world.clock.forward(1)
    assert await opened(world, late) is None


async def test_a_changed_link_opens_nothing_and_costs_the_true_one_nothing(world: World) -> None:
    link = link_for_ann(world)
    for wrong in (
        link[:-1],
        link + "A",
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.swapcase(),
        "",
        "gp_link_",
    ):
        assert await opened(world, wrong) is None
    assert await opened(world, link)


async def test_a_link_opens_nothing_for_who_is_disabled(world: World) -> None:
    org, ann = await get_org(world.instance, world.acme.id), await get_user(world.instance, world.acme.ann)
    await set_disabled(world.instance, ann, True, world.act)
    assert await opened(world, link_for_ann(world)) is None
    await set_disabled(world.instance, ann, False, world.act)
    await set_org_disabled(world.instance, org, True, world.act)
    assert await opened(world, link_for_ann(world)) is None
    await set_org_disabled(world.instance, org, False, world.act)
    assert await opened(world, link_for_ann(world))
