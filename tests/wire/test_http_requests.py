"""Methods, targets and expectations: what is answered, and what is left alone. RFC 9110 §9, §10.1.1; RFC 9112 §3.2."""

import orjson
import pytest

from gatepost.flows.people import create_user
from gatepost.secrets import render_id

from .browser import Browser, give_password
from .door import Door, request
from .world import World

JSON = "Content-Type: application/json"
METHODS = ("PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "LINK", "PURGE", "SEARCH", "QUERY")


@pytest.mark.parametrize("method", METHODS)
async def test_a_method_that_a_path_does_not_have_is_refused_with_the_ones_it_has(door: Door, method: str) -> None:
    for path, allowed in (
        ("/refresh", "post"),
        ("/auth_token", "get"),
        ("/", "get, head, post"),
        ("/revoke", "options, post"),
    ):
        first, second = await door.ask(request(method, path) + request("GET", "/healthz"))
        assert (first.status, first.headers["allow"]) == (405, allowed)
        assert second.status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", *METHODS])
async def test_a_path_that_is_not_there_has_no_method_at_all(door: Door, method: str) -> None:
    (answer,) = await door.ask(request(method, "/nowhere"))
    assert answer.status == 404


async def test_head_is_get_without_a_body(door: Door) -> None:
    line = await door.line()
    for path in ("/", "/healthz", "/jwks.json", "/.well-known/openid-configuration", "/assets/gatepost.css"):
        await line.send(request("GET", path))
        whole = await line.answer()
        await line.send(request("HEAD", path))
        head = await line.answer(to_head=True)
        assert (head.status, head.headers, head.body) == (200, whole.headers, b"")


async def test_head_of_an_answer_that_comes_in_pieces_has_no_body_either(world: World, door: Door) -> None:
    """RFC 9110 §9.3.2, whichever server it is."""
    admin = await create_user(world.instance, world.acme.org, "admin@acme.test", "admin", None, world.operator)
    await give_password(world, render_id("usr", admin.id))
    browser, path = Browser(world), f"/console/{world.acme.id}/people.csv"
    await browser.enter("admin@acme.test")
    whole = await browser.get(path)
    head = await browser.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert b"admin@acme.test" in whole.content
    line = await door.line()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    await line.send(request("HEAD", path, f"Cookie: {cookies}"))
    answer = await line.answer(to_head=True)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await line.until_closed() == b""


async def test_connect_opens_no_tunnel(door: Door) -> None:
    for target in ("evil.test:443", "gate.test:443", "/", "/healthz"):
        (answer,) = await door.ask(request("CONNECT", target) + request("GET", "/healthz"))
        assert answer.status == 400
    (answer,) = await door.ask(b"CONNECT evil.test:443 HTTP/1.1\r\nHost:\r\n\r\n")
    assert answer.status == 400


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.test/healthz",
        "https://gate.test:8443/healthz",
        "http://gate.test.evil.test/healthz",
        "//evil.test/healthz",
        "*",
    ],
)
async def test_a_target_on_another_host_is_not_ours(door: Door, target: str) -> None:
    (answer,) = await door.ask(request("GET", target))
    assert answer.status in (400, 404)


async def test_an_absolute_target_on_the_host_itself_is_answered(door: Door) -> None:
    for target in ("http://gate.test/healthz", "https://GATE.test/healthz?x=1"):
        (answer,) = await door.ask(request("GET", target))
        assert answer.status == 200


async def test_two_hosts_are_refused(door: Door) -> None:
    (answer,) = await door.ask(request("GET", "/healthz", "Host: evil.test"))
    assert answer.status == 400


@pytest.mark.parametrize("value", ["\xe9", "Bearer \xff", "Bearer gp_key_\xc3\xa9"])
async def test_a_header_that_is_not_ascii_is_refused(door: Door, value: str) -> None:
    (answer,) = await door.ask(request("GET", "/auth_token", f"Authorization: {value}"))
    assert answer.status == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Protocol: caf\xe9"],
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"],
        ["Connection: upgrade", "Upgrade: TLS/1.0"],
    ],
    ids=["websocket", "h2c", "TLS"],
)
async def test_an_upgrade_is_answered_in_http_1_1_and_closed(world: World, door: Door, lines: list[str]) -> None:
    (answer,) = await door.ask(request("GET", "/healthz", *lines) + b"\x81\x85noise")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    body = orjson.dumps({"refresh_token": (await world.tokens()).refresh_token})
    (answer,) = await door.ask(request("POST", "/refresh", JSON, *lines, body=body))
    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_an_upgrade_makes_one_header_of_no_two_and_asks_for_a_body_once(door: Door) -> None:
    wish = ("Connection: upgrade", "Upgrade: x")
    for twice in ("Host: other.test", "Authorization: Bearer x"):
        (answer,) = await door.ask(request("GET", "/healthz", "Authorization: Bearer x", *wish, twice))
        assert (answer.status, orjson.loads(answer.body)["error"]) == (400, "invalid_request")
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, *wish, "Expect: 100-continue", body=b"{}"))
    assert [(await line.answer()).status for _ in "ab"] == [100, 400]


@pytest.mark.parametrize(
    "line",
    ["X-HTTP-Method-Override: POST", "X-HTTP-Method: DELETE", "X-Method-Override: POST"],
)
async def test_no_header_changes_the_method(door: Door, line: str) -> None:
    (answer,) = await door.ask(request("GET", "/refresh?_method=POST", line))
    assert answer.status == 405
    body = b'{"_method":"GET"}'
    (answer,) = await door.ask(request("POST", "/auth_token?_method=GET", line, JSON, body=body))
    assert answer.status == 405


@pytest.mark.parametrize(
    "target",
    [
        "/assets/../gatepost.db",
        "/assets/..%2f..%2fgatepost.db",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%252e%252e%252fetc/passwd",
        "/assets/..\\..\\gatepost.db",
        "/assets/..%5c..%5cgatepost.db",
        "/assets/gatepost.css%00.svg",
        "/assets/gatepost.css/",
        "/assets//gatepost.css",
        "/assets/./gatepost.css",
        "/assets/",
        "/assets",
        "/assets/C:/windows/win.ini",
        "/assets/file:///etc/passwd",
        "/instance.key",
        "/.git/config",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_no_path_leads_to_a_file_that_is_no_asset(door: Door, target: str) -> None:
    (answer,) = await door.ask(request("GET", target))
    assert answer.status == 404


@pytest.mark.parametrize(
    "target", ["/%72efresh", "/refresh/", "//refresh", "/refresh;a=b", "/REFRESH", "/./refresh", "/api/auth//refresh"]
)
async def test_a_path_has_one_spelling(door: Door, target: str) -> None:
    (answer,) = await door.ask(request("POST", target, JSON, body=b"{}"))
    assert answer.status == 404


async def test_ranges_are_not_served(door: Door) -> None:
    line = "Range: bytes=" + ",".join(f"{start}-{start}" for start in range(3000))
    (answer,) = await door.ask(request("GET", "/assets/gatepost.css", line[:15_000]))
    (whole,) = await door.ask(request("GET", "/assets/gatepost.css"))
    assert answer == whole


async def test_who_expects_to_be_let_go_on_is_told_so(door: Door) -> None:
    line = await door.line()
    await line.send(request("POST", "/refresh", JSON, "Content-Length: 2", "Expect: 100-continue"))
    assert (await line.answer()).status == 100
    await line.send(b"{}")
    assert (await line.answer()).status == 400


@pytest.mark.parametrize("line", ["Expect: 200-ok", "Expect: ", "X: 100-continue"])
async def test_other_expectations_are_left_alone(door: Door, line: str) -> None:
    (answer,) = await door.ask(request("POST", "/refresh", JSON, line, body=b"{}"))
    assert answer.status == 400


async def test_an_old_client_is_not_told_to_go_on(door: Door) -> None:
    (answer,) = await door.ask(b"POST /refresh HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}")
    assert answer.status == 415


async def test_a_client_that_leaves_before_its_answer_disturbs_nobody(world: World, door: Door) -> None:
    pair = await world.tokens()
    body = orjson.dumps({"refresh_token": pair.refresh_token})
    for _ in range(5):
        line = await door.line()
        await line.send(request("POST", "/refresh", JSON, body=body))
        line.abort()
    (answer,) = await door.ask(request("POST", "/refresh", JSON, body=body))
    assert answer.status == 200
    await door.emptied()
