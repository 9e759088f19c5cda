"""What a body may be: JSON and forms, strictly, and each only where it is read. D9, HT-7 to HT-10."""

import time

import pytest

from gatepost.web.message import Request

from .world import World

JSON_ROUTES = ("/", "/api/auth", "/api/auth/", "/verify", "/api/auth/verify", "/refresh", "/api/auth/refresh")
FORM_ROUTES = ("/introspect", "/revoke")
ALLOWED_SECONDS = 0.01


@pytest.mark.parametrize("path", JSON_ROUTES)
@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "json",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/problem+json",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
async def test_what_does_not_say_it_is_json_is_not_read(world: World, path: str, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = await world.call("POST", path, world.acme, content=b"{}", headers=headers)
    assert response.status_code == 415
    assert response.json()["error"] == "unsupported_media_type"
    assert "application/json" in response.json()["message"]


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"])
async def test_json_may_say_so_in_every_way_it_is_written(world: World, media_type: str) -> None:
    headers = {"content-type": media_type}
    response = await world.call("POST", "/refresh", content=b"{}", headers=headers)
    assert response.status_code == 400


@pytest.mark.parametrize("path", FORM_ROUTES)
@pytest.mark.parametrize("media_type", ["", "application/json", "multipart/form-data; boundary=x", "text/plain"])
async def test_what_does_not_say_it_is_a_form_is_not_read(world: World, path: str, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = await world.call("POST", path, world.acme, content=b"token=x", headers=headers)
    assert response.status_code == 415
    assert response.json()["error"] == "unsupported_media_type"


@pytest.mark.parametrize("media_type", ["", "application/json"])
@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("/introspect", 400, "invalid_request"), ("/revoke", 400, "invalid_request"), ("/token", 401, "invalid_client")],
)
async def test_where_nothing_is_sent_the_answer_is_what_is_missing(
    world: World, path: str, status: int, error: str, media_type: str
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = await world.call("POST", path, world.acme, headers=headers)
    assert (response.status_code, response.json()["error"]) == (status, error)


BAD_JSON = {
    "nothing": b"",
    "blank": b"  ",
    "half": b'{"refresh_token":',
    "trailing comma": b'{"refresh_token":"x",}',
    "two documents": b"{}{}",
    "comment": b"{/* */}",
    "single quotes": b"{'refresh_token':'x'}",
    "array": b"[]",
    "text": b'"x"',
    "number": b"5",
    "null": b"null",
    "true": b"true",
    "repeated member": b'{"refresh_token":"x","refresh_token":"y"}',
    "repeated by escape": b'{"refresh_token":"x","refresh\\u005ftoken":"y"}',
    "repeated in depth": b'{"a":{"b":1,"b":2},"refresh_token":"x"}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "huge exponent": b'{"a":1e999999999}',
    "long integer": b'{"a":' + b"9" * 60_000 + b"}",
    "over 64 bits": b'{"a":9223372036854775808}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff":"x"}',
    "raw control character": b'{"a":"\n"}',
    "UTF-8 mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "Latin-1": b'{"a":"\xe9"}',
    "overlong": b'{"a":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "deep arrays": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "17 deep": b'{"a":' * 17 + b"1" + b"}" * 17,
    "too many members": b"{" + b",".join(b'"%d":1' % number for number in range(201)) + b"}",
    "too many values": b'{"a":[' + b",".join([b"1"] * 5000) + b"]}",
    "NUL": b'{"refresh_token":"x"}\0',
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
async def test_doubtful_json_is_refused_on_every_route(world: World, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/", "/verify", "/refresh"):
        response = await world.call("POST", path, world.acme, content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"


BAD_FORM = {
    "repeated": b"token=x&token=y",
    "repeated by escape": b"token=x&%74oken=y",
    "repeated empty": b"token=&token=x",
    "repeated and unknown": b"token=x&a=1&a=2",
    "too many": b"&".join(b"f%d=x" % number for number in range(5000)),
    "nothing but separators": b"&" * 65_000,
    "nothing but signs": b"%" * 65_000,
    "broken escape": b"token=%zz",
    "cut escape": b"token=x%4",
    "not UTF-8": b"token=%ff",
    "overlong": b"token=%c0%af",
    "surrogate": b"token=%ed%a0%80",
    "NUL": b"token=x%00",
    "semicolons": b"token=x;token=y;a" * 3000,
}


@pytest.mark.parametrize("body", BAD_FORM.values(), ids=BAD_FORM.keys())
async def test_a_doubtful_form_is_refused_or_finds_nothing(world: World, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for path in FORM_ROUTES:
        response = await world.call("POST", path, world.acme, content=body, headers=headers)
        if body.startswith(b"token=x;"):
            assert response.status_code == 200, "a semicolon is a character like any other"
        else:
            assert response.status_code == 400
            assert response.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("path", "bodies", "media_type"),
    [
        ("/refresh", BAD_JSON, b"application/json"),
        ("/introspect", BAD_FORM, b"application/x-www-form-urlencoded"),
    ],
    ids=["json", "form"],
)
async def test_no_body_costs_much(world: World, path: str, bodies: dict[str, bytes], media_type: bytes) -> None:
    for name, body in bodies.items():
        request = Request("POST", path.encode(), b"", {b"content-type": media_type}, "192.0.2.1", body)
        # As many runs as a busy machine needs to show that it is not us who are slow.
        costs = [await _seconds(world, request)]
        while min(costs) >= ALLOWED_SECONDS and len(costs) < 30:
            costs.append(await _seconds(world, request))
        assert min(costs) < ALLOWED_SECONDS, name


async def _seconds(world: World, request: Request) -> float:
    begun = time.thread_time()
    await world.app.answer(request)
    return time.thread_time() - begun


@pytest.mark.parametrize("path", [*JSON_ROUTES, *FORM_ROUTES])
async def test_a_body_over_64_kib_is_refused_in_the_words_of_its_route(world: World, path: str) -> None:
    response = await world.call("POST", path, world.acme, content=b"x" * 65_537)
    assert response.status_code == 413
    assert response.json()["error"] == "payload_too_large"
    assert ("success" in response.json()) == (path in JSON_ROUTES)


@pytest.mark.parametrize("coding", ["gzip", "identity", "x"])
async def test_a_coded_body_is_refused(world: World, coding: str) -> None:
    for path in (*JSON_ROUTES, *FORM_ROUTES):
        response = await world.call("POST", path, world.acme, json={}, headers={"content-encoding": coding})
        assert response.status_code == 415
        assert "Content-Encoding" in next(
            response.json()[name] for name in ("message", "error_description") if name in response.json()
        )


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/auth_token", "GET"),
        ("/api/auth/auth_token", "GET"),
        ("/verify", "POST"),
        ("/api/auth/verify", "POST"),
        ("/refresh", "POST"),
        ("/api/auth/refresh", "POST"),
        ("/", "GET, HEAD, POST"),
        ("/api/auth", "GET, HEAD, POST"),
        ("/api/auth/", "GET, HEAD, POST"),
        ("/introspect", "POST"),
        ("/revoke", "OPTIONS, POST"),
        ("/jwks.json", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(world: World, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allowed.split(", ")):
        response = await world.call(method, path, world.acme)
        assert response.status_code == 405
        assert response.json()["error"] == "method_not_allowed"
        assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/nowhere", "/token/x", "/api", "/api/auth/nowhere", "/refresh/", "/Refresh", "/%72efresh"]
)
async def test_an_unknown_path_is_a_page_for_people_and_json_for_programs(world: World, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        program = await world.call(method, path, json={})
        assert program.status_code == 404
        assert program.json()["error"] == "not_found"
        person = await world.call(method, path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert person.status_code == 404
        assert person.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in person.text


async def test_nothing_that_was_asked_for_stands_in_the_page(world: World) -> None:
    response = await world.call("GET", "/%3Cscript%3E?x=<b>", headers={"accept": "text/html", "host": "evil.test"})
    for text in ("script", "<b>", "evil.test"):
        assert text not in response.text
