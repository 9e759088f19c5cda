"""`POST /`, the second route of the seed: saving a client and its redirection URL."""

import asyncio
from typing import Any

import httpx
import pytest

from gatepost.store.apps import delete_app

from .world import World

URL = "https://shop.test/callback"


async def save(world: World, **members: Any) -> httpx.Response:
    return await world.call("POST", "/", world.acme, json={"redirection_url": URL, **members})


@pytest.mark.parametrize("path", ["/", "/api/auth", "/api/auth/"])
async def test_a_new_client_is_saved_with_the_organizations_auth_token(world: World, path: str) -> None:
    response = await world.call("POST", path, world.acme, json={"client_id": "shop", "redirection_url": URL})
    auth_token = (await world.call("GET", "/auth_token", world.acme)).json()["auth_token"]
    assert response.status_code == 201
    assert response.json() == {
        "success": True,
        "message": "Auth token saved successfully",
        "result": {
            "client_id": "shop",
            "redirection_url": URL,
            "name": "shop",
            "auth_token": auth_token,
            "is_new": True,
        },
    }
    assert response.headers["cache-control"] == "no-store"


async def test_saving_the_same_pair_again_changes_nothing(world: World) -> None:
    first = await save(world, client_id="shop", name="The shop")
    events = await world.events(world.acme.org)
    second = await save(world, client_id="shop", name="Another name")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["result"] == first.json()["result"] | {"is_new": False}
    assert await world.events(world.acme.org) == events


async def test_a_further_url_is_added_to_an_own_client(world: World) -> None:
    await save(world, client_id="shop")
    further = await save(world, client_id="shop", redirection_url=URL + "/2")
    assert further.status_code == 201
    assert further.json()["result"]["is_new"] is False
    for url in (URL, URL + "/2"):
        pair = {"client_id": "shop", "redirection_url": url}
        assert (await world.call("POST", "/verify", world.acme, json=pair)).status_code == 200


async def test_without_a_client_id_each_call_makes_one(world: World) -> None:
    made = [(await save(world, **members)).json()["result"] for members in ({}, {"client_id": None})]
    assert made[0]["client_id"] != made[1]["client_id"]
    assert all(each["is_new"] and each["client_id"].startswith("app_") for each in made)


async def test_anothers_client_id_is_a_conflict_that_tells_nothing_of_it(world: World) -> None:
    response = await save(world, client_id=world.beta.web.client_id)
    assert response.status_code == 409
    assert set(response.json()) == {"success", "error", "message", "event_id"}
    assert response.json()["error"] == "conflict"
    assert world.beta.web.redirect not in response.text


async def test_a_client_id_that_was_deleted_stays_the_organizations(world: World) -> None:
    await world.instance.store.ask(delete_app(world.beta.org, world.beta.web.client_id, world.act))
    assert (await save(world, client_id=world.beta.web.client_id)).status_code == 409


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": ["shop"]},
        {"client_id": {"id": "shop"}},
        {"client_id": True},
        {"client_id": "a b"},
        {"client_id": "shop\n"},
        {"client_id": "shöp"},
        {"client_id": "a/b"},
        {"client_id": "a:b"},
        {"client_id": "x" * 201},
        {"name": ""},
        {"name": "  "},
        {"name": 5},
        {"name": "x" * 201},
        {"name": "line\nbreak"},
        {"name": "tab\t"},
        {"name": "bell\a"},
        {"name": "right\u202eto left"},
        {"name": "zero\u200bwidth"},
        {"name": "soft\u00adhyphen"},
        {"redirection_url": None},
        {"redirection_url": ""},
        {"redirection_url": 1},
        {"redirection_url": [URL]},
        {"redirection_url": "https://shop.test/cb\r\nx: y"},
        {"redirection_url": "http://shop.test/cb"},
        {"redirection_url": "HTTP://localhost/cb"},
        {"redirection_url": "javascript:alert(1)"},
        {"redirection_url": "JaVaScRiPt:alert(1)"},
        {"redirection_url": "data:text/html,x"},
        {"redirection_url": "file:///etc/passwd"},
        {"redirection_url": "myapp:/cb"},
        {"redirection_url": "//shop.test/cb"},
        {"redirection_url": "/cb"},
        {"redirection_url": "https://"},
        {"redirection_url": "https:///cb"},
        {"redirection_url": "https://user:pass@shop.test/cb"},
        {"redirection_url": "https://shop.test@evil.test/cb"},
        {"redirection_url": "https://*.shop.test/cb"},
        {"redirection_url": "https://shop.test/*"},
        {"redirection_url": "https://shop.test/cb#"},
        {"redirection_url": "https://shop.test/cb#part"},
        {"redirection_url": "https://shop.test/cb%23part"},
        {"redirection_url": "https://shöp.test/cb"},
        {"redirection_url": "https://shop.test/cb "},
        {"redirection_url": " https://shop.test/cb"},
        {"redirection_url": "https://shop.test/\\cb"},
        {"redirection_url": "https://shop.test:99999/cb"},
        {"redirection_url": "https://shop.test/" + "x" * 2048},
        {"redirection_url": "http://localhost.evil.test/cb"},
        {"redirection_url": "http://127.0.0.1.evil.test/cb"},
        {"redirection_url": "http://127.0.0.2/cb"},
    ],
    ids=lambda members: next(f"{name}={value!a}"[:60] for name, value in members.items()),
)
async def test_what_cannot_be_saved_is_refused_by_its_fields_name(world: World, members: dict[str, Any]) -> None:
    response = await save(world, **members)
    (field,) = members
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert field in response.json()["message"]
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.test",
        "https://shop.test/",
        "https://shop.test:8443/cb?next=%2Fhome&x=1",
        "https://[2001:db8::1]/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:5000/cb",
        "http://[::1]:5000/cb",
        "http://localhost:8765/callback",
        "com.example.app:/cb",
        "https://shop.test/" + "x" * (2048 - 18),
    ],
    ids=lambda url: url[:40],
)
async def test_what_may_be_saved_is_kept_as_it_was_sent(world: World, url: str) -> None:
    response = await save(world, client_id="shop", redirection_url=url)
    assert response.status_code == 201
    assert response.json()["result"]["redirection_url"] == url
    pair = {"client_id": "shop", "redirection_url": url}
    assert (await world.call("POST", "/verify", world.acme, json=pair)).status_code == 200


@pytest.mark.parametrize(
    "name", ["x", "x" * 200, "Ünïcödé 商店 🛒", "<script>alert(1)</script>", "a'; drop table apps"]
)
async def test_a_name_is_kept_as_it_was_sent(world: World, name: str) -> None:
    assert (await save(world, name=name)).json()["result"]["name"] == name


async def test_names_that_look_alike_are_kept_in_one_form(world: World) -> None:
    assert (await save(world, name="Cafe\u0301")).json()["result"]["name"] == "Caf\u00e9"


async def test_twenty_at_once_make_one_client_with_every_url(world: World) -> None:
    urls = [f"https://shop.test/{number % 10}" for number in range(20)]
    answers = await asyncio.gather(*(save(world, client_id="shop", redirection_url=url) for url in urls))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [201] * 10
    assert sum(answer.json()["result"]["is_new"] for answer in answers) == 1
    for url in urls:
        pair = {"client_id": "shop", "redirection_url": url}
        assert (await world.call("POST", "/verify", world.acme, json=pair)).status_code == 200


async def test_members_nobody_knows_are_left_alone(world: World) -> None:
    response = await save(world, client_id="shop", client_secret="x", scope="admin", org="org_1", is_new=False)
    assert response.status_code == 201
    assert response.json()["result"]["is_new"] is True
