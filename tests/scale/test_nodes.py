"""Three nodes, no leader: contested tokens have one winner, and what one node is told holds on all of them."""

import itertools
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import Answer, Client, Server

from .nodes import Instance, World

pytestmark = pytest.mark.xdist_group("nodes")

WITHIN = 1.0
"""Seconds after which what one node was told holds on every node."""

SLACK = 2.0
"""What a busy machine may add."""


def tokens(world: World, node: Server, count: int) -> list[str]:
    """First refresh tokens of so many grants."""
    with world.caller(node) as client:
        return [client.post("/verify", world.pair).json()["refresh_token"] for _ in range(count)]


def on_all(nodes: list[Server], ask: Callable[[Client], Answer], world: World) -> list[Answer]:
    def one(node: Server) -> Answer:
        with world.caller(node) as client:
            return ask(client)

    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(one, nodes))


def holds_on_all(
    nodes: list[Server], world: World, ask: Callable[[Client], Answer], holds: Callable[[Answer], bool]
) -> None:
    """Wait until the answer of every node is as it must be; that must not take longer than a second."""
    began = time.monotonic()
    while not all(map(holds, on_all(nodes, ask, world))):
        assert time.monotonic() - began < WITHIN + SLACK
        time.sleep(0.02)


def introspect(token: str) -> Callable[[Client], Answer]:
    return lambda client: client.post_form("/introspect", token=token)


def refresh(token: str) -> Callable[[Client], Answer]:
    return lambda client: client.post("/refresh", {"refresh_token": token})


def is_active(answer: Answer) -> bool:
    assert answer.status == 200, answer
    active: bool = answer.json()["active"]
    return active


def kid_of(access_token: str) -> str:
    head = access_token.partition(".")[0]
    content: dict[str, Any] = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    kid: str = content["kid"]
    return kid


def test_nodes_that_start_at_once_on_an_empty_database_agree(nodes: list[Server], world: World) -> None:
    answers = on_all(nodes, lambda client: client.get("/jwks.json"), world)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(answers[0].json()["keys"]) == 4, "an active and a next one of each algorithm"


def test_contested_refresh_tokens_have_one_winner_each(nodes: list[Server], world: World, scale: int) -> None:
    """Every token is presented by all clients of all nodes, in their own order, at the same time."""
    contested = tokens(world, nodes[0], 60 * scale)

    def contend(number: int) -> list[str]:
        mine = contested[number * 7 % len(contested) :] + contested[: number * 7 % len(contested)]
        successors = {}
        with world.caller(nodes[number % 3]) as client:
            for token in mine:
                answer = client.post("/refresh", {"refresh_token": token})
                assert answer.status == 200, answer
                successors[token] = answer.json()["refresh_token"]
        return [successors[token] for token in contested]

    with ThreadPoolExecutor(9) as pool:
        outcomes = list(pool.map(contend, range(9)))
    for each in zip(*outcomes, strict=True):
        assert len(set(each)) == 1
    assert len(set(outcomes[0])) == len(contested)


def test_contested_saves_make_one_of_each(nodes: list[Server], world: World, scale: int) -> None:
    pairs = [
        {"client_id": f"shop-{app}", "redirection_url": f"https://shop.example/{uri}"}
        for app, uri in itertools.product(range(4 * scale), range(3))
    ]

    def contend(number: int) -> list[int]:
        with world.caller(nodes[number % 3]) as client:
            return [client.post("/", pair).status for pair in pairs]

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(contend, range(6)))
    for each in zip(*outcomes, strict=True):
        assert sorted(each) == [200] * 5 + [201]


def test_the_first_calls_for_an_auth_token_agree(instance: Instance, nodes: list[Server], world: World) -> None:
    answers = on_all(nodes * 3, lambda client: client.get("/auth_token"), world)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["auth_token"] for answer in answers}) == 1


def test_a_revocation_holds_on_every_node(nodes: list[Server], world: World) -> None:
    with world.caller(nodes[0]) as client:
        pair = client.post("/verify", world.pair).json()
        assert all(map(is_active, on_all(nodes, introspect(pair["access_token"]), world)))
        assert client.post_form("/revoke", token=pair["refresh_token"]).status == 200
    assert not any(map(is_active, on_all(nodes, introspect(pair["access_token"]), world)))
    assert {answer.status for answer in on_all(nodes, refresh(pair["refresh_token"]), world)} == {401}


def test_what_a_command_disables_is_refused_on_every_node(
    instance: Instance, nodes: list[Server], world: World
) -> None:
    token = tokens(world, nodes[0], 1)[0]

    def verify(client: Client) -> Answer:
        return client.post("/verify", world.pair)

    on_all(nodes, verify, world)
    instance.command("app", "disable", world.client_id)
    holds_on_all(nodes, world, verify, lambda answer: answer.status == 401)
    assert {answer.status for answer in on_all(nodes, refresh(token), world)} == {401}
    instance.command("app", "enable", world.client_id)
    holds_on_all(nodes, world, verify, lambda answer: answer.status == 200)
    assert {answer.status for answer in on_all(nodes, refresh(token), world)} == {200}


def test_a_revoked_key_opens_nothing_on_any_node(instance: Instance, nodes: list[Server], world: World) -> None:
    key = instance.command("key", "create", "--org", world.org)
    other = World(world.org, key["id"], key["api_key"], world.client_id)

    def ask(client: Client) -> Answer:
        return client.get("/auth_token")

    assert {answer.status for answer in on_all(nodes, ask, other)} == {200}
    instance.command("key", "revoke", key["id"])
    holds_on_all(nodes, other, ask, lambda answer: answer.status == 401)


def test_rotated_keys_sign_and_verify_on_every_node(instance: Instance, nodes: list[Server], world: World) -> None:
    before = [answer.json() for answer in on_all(nodes, lambda client: client.post("/verify", world.pair), world)]
    assert len({kid_of(each["access_token"]) for each in before}) == 1
    instance.command("signing-key", "rotate", "--force")
    old = kid_of(before[0]["access_token"])

    def verify(client: Client) -> Answer:
        """Every token is good on every node, whichever key signed it."""
        answer = client.post("/verify", world.pair)
        assert all(map(is_active, on_all(nodes, introspect(answer.json()["access_token"]), world)))
        return answer

    holds_on_all(nodes, world, verify, lambda answer: kid_of(answer.json()["access_token"]) != old)
    for each in before:
        assert all(map(is_active, on_all(nodes, introspect(each["access_token"]), world)))


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_node_that_goes_costs_the_others_nothing(
    instance: Instance, nodes: list[Server], world: World, end: str
) -> None:
    with instance.serve(1) as [leaving]:
        token = tokens(world, leaving, 1)[0]
        getattr(leaving, end)()
    answers = on_all(nodes, refresh(token), world)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
