"""What an organization is told to look after: each finding where there is one, to who may see it, and to nobody else."""

from typing import Any

import pytest

from gatepost.flows.apps import create_secret, get_app
from gatepost.flows.health import CHECKS, PROBLEM, WORDS, Facts, Finding, examine, retiring
from gatepost.flows.organizations import create_org
from gatepost.flows.webhooks import create_webhook
from gatepost.records import SigningKeyRecord
from gatepost.store.migrations import NEWEST
from gatepost.store.webhooks import Delivery, note_attempt

from .conftest import OpenWorld
from .staff import ask, hire
from .world import DAY, NOW, World

HEALTHY = Facts(NOW, "https://gate.test", True, NEWEST, [], [], [])
KEY = SigningKeyRecord("kid", "ES256", "active", b"", NOW, NOW, NOW, None, None)


def found(**changes: Any) -> list[Finding]:
    return [each for check in CHECKS for each in check.judge(HEALTHY._replace(**changes))]


def test_all_is_well_with_who_is_well() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issuer": "http://localhost:8710"}, Finding("http")),
        ({"issuer": ""}, None),
        ({"sends_mails": False}, Finding("no_mails")),
        ({"schema": NEWEST - 1}, Finding("schema")),
        ({"signing_keys": [KEY]}, Finding("no_next_key", "ES256")),
        ({"signing_keys": [KEY, KEY._replace(state="next")]}, None),
        (
            {"signing_keys": [KEY._replace(activated_at=NOW - 366 * DAY), KEY._replace(state="next")]},
            Finding("old_key", "ES256", NOW - 366 * DAY),
        ),
    ],
)
def test_what_is_wrong_with_the_server_is_found(changes: dict[str, Any], expected: Finding | None) -> None:
    assert found(**changes) == ([expected] if expected else [])


def test_a_key_is_about_to_go_until_it_is_gone() -> None:
    going = KEY._replace(state="retired", remove_at=NOW + 1)
    assert retiring([KEY, going], NOW) == [going]
    assert retiring([KEY, going], NOW + 1) == []


async def test_each_finding_is_told_to_who_may_see_it_and_stays_in_its_organization(open_world: OpenWorld) -> None:
    world = await open_world({"mail.url": "box:", "outbound.allow_loopback": "true"})
    staff = await hire(world)
    await ending_things(world)
    for person, names in (
        (staff.owner, {"credentials", "webhooks"}),
        (staff.auditor, {"credentials", "webhooks"}),
        (staff.developer, set()),
    ):
        health = (await ask(world, "GET", "/health", person)).json()
        rows = [each for each in health["checks"] if each["status"] != "ok"]
        assert {each["name"] for each in rows} == names, person.role
        assert health["problems"] == sum(each["status"] == PROBLEM for each in rows)
        assert all(each["fix"] for each in rows)
    others = (await ask(world, "GET", "/health", world.beta)).json()
    assert others["problems"] == others["advice"] == 0
    key, _ = await world.make_key(world.acme.org, ("org:read",))
    told = (await ask(world, "GET", "/health", f"Bearer {key}")).json()["checks"]
    assert {each["why"] for each in told} == {None}, "an API key without the scopes sees none of it"


async def ending_things(world: World) -> None:
    """A secret that ends soon, an API key that has ended, a webhook that is not reached."""
    app = await get_app(world.instance, world.acme.web.client_id)
    secret = await create_secret(world.instance, app, NOW + 5 * DAY, world.operator)
    world.canary.watch(secret.text.reveal())
    await world.make_key(world.acme.org, expires_at=NOW + DAY)
    hook, whsec = await create_webhook(
        world.instance, world.acme.org, "http://127.0.0.1:59999/", (), "Hook", world.operator
    )
    world.canary.watch(whsec.reveal())
    delivery = Delivery(hook.id, b"e" * 16, "app.made", "waiting", NOW, "[]")
    await world.instance.store.ask(note_attempt(world.acme.org, delivery, NOW))


async def test_every_finding_has_words(world: World) -> None:
    fresh = await create_org(world.instance, "Fresh", world.operator)
    names = {each.name for check in await examine(world.instance, fresh.id, world.operator) for each in check.findings}
    assert names <= set(WORDS)
    assert names == {"no_mails"}
