"""JSON bodies, strictly. RFC 8259; what must not happen: HT-9, HT-10."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.web.json_body import MAX_DEPTH, MAX_MEMBERS, parse_json_object, take_text

from .worst import ALLOWED, BODY, cpu_of


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"{}", {}),
        (b' {"a" : "b"}\r\n', {"a": "b"}),
        (b'{"a":null,"b":[1,-1,{"c":true}]}', {"a": None, "b": [1, -1, {"c": True}]}),
        (b'{"a":9223372036854775807,"b":-9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        ('{"ä":"\U0001f600"}'.encode(), {"ä": "\U0001f600"}),
        (rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":1.5}', {"a": 1.5}),
        (rb'{"a":"\\u0000"}', {"a": r"\u0000"}),
    ],
)
def test_objects_are_read(body: bytes, content: dict[str, Any]) -> None:
    assert parse_json_object(body) == content


DEEPEST = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"


def test_sixteen_levels_are_not_too_deep() -> None:
    assert parse_json_object(DEEPEST)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"a":1}{"b":2}', "JSON"),
        (b"{'a':1}", "JSON"),
        (b'{"a":1,}', "JSON"),
        (b'{"a":"\n"}', "JSON"),
        (b'{"a":"\x00"}', "JSON"),
        (b'{"a":01}', "JSON"),
        (rb'{"a":"\u0000"}', "NUL"),
        (rb'{"a\u0000":1}', "NUL"),
        (rb'{"a":[{"b":"\\\u0000"}]}', "NUL"),
        (b'{"a":+1}', "JSON"),
        (b"[]", "object"),
        (b'"a"', "object"),
        (b"1", "object"),
        (b"null", "object"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'{"x":{"a":1,"a":2}}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":Infinity}', "Infinity"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e309}', "number"),
        (b'{"a":-1e309}', "number"),
        (b'{"a":1' + b"0" * 1000 + b"}", "number"),
        (b'{"a":9223372036854775808}', "number"),
        (b'{"a":-9223372036854775809}', "number"),
        (rb'{"a":"\ud800"}', "surrogate"),
        (rb'{"\udfff":1}', "surrogate"),
        (rb'{"a":["\uDE00\uD83D"]}', "surrogate"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        (b'{"a":"\xff"}', "UTF-8"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "JSON"),
        ('{"a":1}'.encode("utf-8-sig"), "JSON"),
        (DEEPEST.replace(b"[", b"[[", 1).replace(b"]", b"]]", 1), "deeper"),
        (b'{"a":' * 100_000, "deeper"),
        (b"[" * 100_000, "deeper"),
        (json.dumps({str(n): n for n in range(MAX_MEMBERS + 1)}).encode(), "200 members"),
    ],
    ids=lambda given: repr(given[:24]),
)
def test_what_two_parsers_read_in_two_ways_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(OAuthError, match=why) as refused:
        parse_json_object(body)
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"[" * BODY,
            b"{" * BODY,
            b'{"a":' * (BODY // 5),
            b'{"a":"' + b"\\" * BODY,
            b'{"a":"' + b"\\u0041" * (BODY // 6),
        ),
        *(b'{"a":' + b"9" * BODY + b"}", b'{"a":0.' + b"9" * BODY + b"}", b'{"a":1e' + b"9" * BODY + b"}"),
        *(b" " * BODY, b'{"a":"' + b"a" * BODY + b'"}', b'{"a":[' + b"1," * (BODY // 2) + b"1]}", b"\xff" * BODY),
        b"{" + b",".join(b'"%d":0' % n for n in range(7000)) + b"}",
        b'{"a":[' + b"1.5," * (BODY // 4) + b"1]}",
        b'{"a":"' + b"\\ud800" * (BODY // 6) + b'"}',
    ],
    ids=lambda body: repr(body[:12]),
)
def test_the_worst_body_is_cheap(body: bytes) -> None:
    assert cpu_of(parse_json_object, body) < ALLOWED


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans())
def test_what_a_client_writes_is_what_is_read(content: dict[str, Any], ascii_only: bool) -> None:
    body = json.dumps(content, ensure_ascii=ascii_only).encode()
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        assert parse_json_object(body) == content


@given(st.binary(max_size=100) | st.text('{}[]":,\\ud8e019.-+ntf ', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        content = parse_json_object(body)
    except OAuthError:
        return
    json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("content", "value"), [({"a": "x"}, "x"), ({"a": None}, None), ({}, None), ({"a": "ä b"}, "ä b")]
)
def test_a_text_is_taken(content: dict[str, Any], value: str | None) -> None:
    assert take_text(content, "a") == value


@pytest.mark.parametrize(
    "value",
    [
        *("", 1, 0, 1.5, True, False, [], ["x"], {}, {"x": 1}),
        *("a\x00", "a\n", "\u202ea", "a\u2028", "\u200b", "\ud800"),
    ],
)
def test_what_is_no_text_is_refused_by_name(value: object) -> None:
    with pytest.raises(OAuthError, match="client_id") as refused:
        take_text({"client_id": value}, "client_id")
    assert refused.value.extra["field"] == "client_id"


@pytest.mark.parametrize("content", [{}, {"a": None}])
def test_a_required_text_is_missed(content: dict[str, Any]) -> None:
    with pytest.raises(OAuthError, match="a is missing"):
        take_text(content, "a", required=True)
