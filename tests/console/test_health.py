"""Health and what of it the overview shows: as the role may see it."""

import re

import pytest

from gatepost import __version__
from gatepost.store.migrations import NEWEST
from wire.world import DAY, NOW

from .office import Office, rows_of


async def test_what_ends_soon_is_told_to_who_looks_after_it(office: Office) -> None:
    await office.world.make_key(office.world.acme.org, expires_at=NOW + 5 * DAY)
    for page in ("/health", ""):
        for role in ("owner", "auditor"):
            assert "The API key" in (await office.get(page, role)).text, (page, role)
        assert "The API key" not in (await office.get(page, "developer")).text, page
    assert "Make another, and roll it out before." in rows_of(await office.get("/health"))


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("admin", True), ("developer", False), ("auditor", False)])
async def test_the_versions_of_what_lies_below_are_for_who_can_change_something(
    office: Office, role: str, sees: bool
) -> None:
    text = (await office.get("/health", role)).text
    assert __version__ in text
    assert ("SQLite 3." in text) == (f">{NEWEST}</dd>" in text) == ("Python" in text) == sees


async def test_the_bound_is_the_longest_life_of_a_token(office: Office) -> None:
    bound = re.compile(r'id="bound">[^<]*')
    assert "10m at most" in bound.findall((await office.get("/health")).text)[0]
    await office.world.make_app(office.world.beta.org, access_ttl=7200)
    assert "2h at most" in bound.findall((await office.get("/health")).text)[0]


async def test_the_overview_says_that_nothing_is_wrong_or_how_much_is(office: Office) -> None:
    assert "No problem" in (await office.get("")).text
