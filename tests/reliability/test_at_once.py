"""The same thing asked by many at the same moment, over connections of their own: one outcome, and nobody is lost."""

import itertools
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import Answer, Client, Server, command

from .faults import dial

MANY = 50


def at_once(server: Server, asks: Sequence[Callable[[Client], Answer]], *keys: str) -> list[Answer]:
    """What each was answered, when all were sent at the same moment on connections that stood before.

    The API keys are used in turn.
    """
    barrier = threading.Barrier(len(asks))

    def ask(each: Callable[[Client], Answer], key: str) -> Answer:
        with Client(server.port, api_key=key) as client:
            client.get("/healthz")
            barrier.wait(30)
            return each(client)

    with ThreadPoolExecutor(len(asks)) as clients:
        return list(clients.map(ask, asks, itertools.cycle(keys or ("",))))


def refresh(token: str) -> Callable[[Client], Answer]:
    return lambda client: client.post("/refresh", {"refresh_token": token})


def save(pair: dict[str, str]) -> Callable[[Client], Answer]:
    return lambda client: client.post("/", pair)


def first_token(server: Server) -> str:
    with server.caller() as caller:
        token: str = caller.post("/verify", server.pair).json()["refresh_token"]
    return token


def grants(server: Server) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(command(server.data, "grant", "list").stdout)
    return listed


def new_org_key(server: Server, name: str) -> str:
    """An API key of a new organization."""
    assert command(server.data, "org", "create", name).returncode == 0
    key: str = json.loads(command(server.data, "key", "create", "--org", name).stdout)["api_key"]
    return key


def test_many_who_refresh_with_one_token_get_one_successor(server: Server) -> None:
    answers = at_once(server, [refresh(first_token(server))] * MANY)
    assert {answer.status for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    [grant] = grants(server)
    assert (grant["generation"], grant["uses"], grant["revoked"]) == (2, MANY, False)
    with server.client() as client:
        assert refresh(successors.pop())(client).status == 200


def test_a_reply_that_was_lost_is_answered_again_with_the_same_token(server: Server) -> None:
    token = first_token(server)
    body = json.dumps({"refresh_token": token}).encode()
    head = b"POST /refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    for _ in range(10):
        dial(server.port, head % len(body) + body).close()
    with server.client() as client:
        answers = [refresh(token)(client) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        successor = answers[0].json()["refresh_token"]
        assert answers[1].json()["refresh_token"] == successor
        assert refresh(successor)(client).status == 200


def test_an_older_generation_is_refused_and_ends_the_grant(server: Server) -> None:
    first = first_token(server)
    with server.client() as client:
        second = refresh(first)(client).json()["refresh_token"]
        third = refresh(second)(client).json()["refresh_token"]
        assert refresh(second)(client).json()["refresh_token"] == third
        assert refresh(first)(client).status == 401
        for token in (first, second, third):
            assert refresh(token)(client).status == 401
    [grant] = grants(server)
    assert grant["revoked"] is True


def test_an_app_that_never_reads_a_new_token_goes_on_with_its_first(server: Server) -> None:
    token = first_token(server)
    with server.client() as client:
        answers = [refresh(token)(client) for _ in range(100)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert len({answer.json()["access_token"] for answer in answers}) == 100


@pytest.mark.parametrize("callers", [2, 20])
def test_first_calls_for_an_auth_token_answer_one_value(server: Server, callers: int) -> None:
    key = new_org_key(server, "Acme")
    answers = at_once(server, [lambda client: client.get("/auth_token")] * callers, key)
    assert {answer.status for answer in answers} == {200}
    [token] = {answer.json()["auth_token"] for answer in answers}
    with Client(server.port, api_key=key) as client:
        assert client.get("/auth_token").json() == {"auth_token": token}


def test_saves_of_one_new_client_make_it_once_with_every_url(server: Server) -> None:
    key = new_org_key(server, "Acme")
    pairs = [{"client_id": "shop", "redirection_url": f"https://shop.example/{number % 10}"} for number in range(20)]
    answers = at_once(server, list(map(save, pairs)), key)
    assert sorted(answer.status for answer in answers) == [200] * 10 + [201] * 10
    results = [answer.json()["result"] for answer in answers]
    assert [result["is_new"] for result in results].count(True) == 1
    assert len({result["auth_token"] for result in results}) == 1
    [app] = json.loads(command(server.data, "app", "list", "--org", "Acme").stdout)
    assert sorted(app["redirect_uris"]) == [f"https://shop.example/{number}" for number in range(10)]


def test_saves_without_a_client_id_make_a_client_each(server: Server) -> None:
    key = new_org_key(server, "Acme")
    answers = at_once(server, [save({"redirection_url": "https://shop.example/"})] * 20, key)
    assert {answer.status for answer in answers} == {201}
    made = {answer.json()["result"]["client_id"] for answer in answers}
    listed = json.loads(command(server.data, "app", "list", "--org", "Acme").stdout)
    assert len(made) == 20
    assert {app["client_id"] for app in listed} == made


def test_two_organizations_that_save_one_client_id_leave_it_to_one(server: Server) -> None:
    keys = [new_org_key(server, "Acme"), new_org_key(server, "Umbrella")]
    pair = {"client_id": "shop", "redirection_url": "https://shop.example/"}
    answers = at_once(server, [save(pair)] * 10, *keys)
    assert sorted(answer.status for answer in answers) == [200] * 4 + [201] + [409] * 5
