"""Forms, strictly. RFC 6749 §3.2; what must not happen: HT-7, HT-10."""

import re
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.oauth.form import MAX_FIELDS, parse_form, parse_repeatable, take_resources

from .worst import ALLOWED, BODY, cpu_of

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1", {"a": "1"}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&", {"a": "1"}),
        (b"&a=1&&b=2&", {"a": "1", "b": "2"}),
        (b"a=&b=2", {"b": "2"}),
        (b"a&b=2", {"b": "2"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=1+2%2B3", {"a": "1 2+3"}),
        (b"%61=%C3%A9", {"a": "\u00e9"}),
        (b"a=%0D%0A", {"a": "\r\n"}),
        (b"a=%3A%2F%3a%2f", {"a": ":/:/"}),
        (b"a=%253A%252F", {"a": "%3A%2F"}),
        (b"a;b=1", {"a;b": "1"}),
        (b"A=1&a=2", {"A": "1", "a": "2"}),
    ],
)
def test_fields_as_they_were_sent(body: bytes, fields: dict[str, str]) -> None:
    assert parse_form(body) == fields


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"a=1&a=2", "twice"),
        (b"a=1&a=1", "twice"),
        (b"a=1&%61=1", "twice"),
        (b"a=&a=1", "twice"),
        (b"a&a", "twice"),
        (b"a=%", "percent"),
        (b"a=%4", "percent"),
        (b"a=%zz", "percent"),
        (b"%=1", "percent"),
        (b"a=%%3A1", "percent"),
        (b"a=%2%2F", "percent"),
        (b"a=%u0041", "percent"),
        (b"a=%00", "NUL"),
        (b"a=\x00", "NUL"),
        (b"%00a=1", "NUL"),
        (b"a=\xff", "UTF-8"),
        (b"a=%ff", "UTF-8"),
        (b"a=%C0%80", "UTF-8"),
        (b"a=%ED%A0%80", "UTF-8"),
        (b"\xff\xfea\x00=\x00", "UTF-8|NUL"),
        (b"&".join(b"f%d=1" % n for n in range(MAX_FIELDS + 1)), "200 fields"),
    ],
)
def test_what_two_parsers_read_in_two_ways_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(OAuthError, match=why) as refused:
        parse_form(body)
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("body", "resources"),
    [
        (b"", ()),
        (b"resource=", ()),
        (b"resource=a", ("a",)),
        (b"resource=a&resource=b", ("a", "b")),
        (b"resource=a&resource=", ("a",)),
        (b"resource=&resource=", ()),
    ],
)
def test_an_empty_resource_is_none_among_others_too(body: bytes, resources: tuple[str, ...]) -> None:
    fields, repeated = parse_repeatable(body + b"&state=x")
    assert take_resources(fields, repeated) == resources
    assert (fields, repeated) == ({"state": "x"}, {})


def test_two_hundred_fields_are_not_too_many() -> None:
    assert len(parse_form(b"&".join(b"f%d=1" % n for n in range(MAX_FIELDS)))) == MAX_FIELDS


def test_a_repeated_field_is_named_but_not_its_value() -> None:
    with pytest.raises(OAuthError) as refused:
        parse_form(b"client_secret=canary&client_secret=canary")
    assert refused.value.extra["field"] == "client_secret"
    assert "canary" not in f"{refused.value.description}{refused.value.detail}{refused.value.extra}"


@pytest.mark.parametrize(
    "body",
    [
        *(b"&" * BODY, b"%" * BODY, b"%25" * (BODY // 3), b"%41" * (BODY // 3), b"a" * BODY, b"=" * BODY, b"+" * BODY),
        *(b"a;" * (BODY // 2), b"a=" + b"%" * BODY, b"a=" + b"%4" * (BODY // 2), b"\xff" * BODY, b"%ff" * (BODY // 3)),
        *(b"&".join(b"%d" % n for n in range(9000)), b"&".join(b"%%%02x=" % (n % 256) for n in range(16000))),
        b"&".join(b"f%d=" % n + b"%41" * 100 for n in range(199)),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_the_worst_body_is_cheap(body: bytes) -> None:
    assert cpu_of(parse_form, body) < ALLOWED


@given(st.text("a%+0235AFf", max_size=40))
def test_a_value_is_decoded_as_others_decode_it(value: str) -> None:
    plain = unquote_to_bytes(value.replace("+", " "))
    try:
        found = parse_form(b"a=" + value.encode()).get("a", "")
    except OAuthError as refusal:
        why = refusal.description
        assert ("NUL" in why and b"\0" in plain) or ("UTF-8" in why and not _is_utf8(plain)) or _BROKEN.search(value)
    else:
        assert (found.encode(), _BROKEN.search(value)) == (plain, None)


def _is_utf8(text: bytes) -> bool:
    return text.decode("utf-8", "ignore").encode() == text


@given(st.binary(max_size=200) | st.text("ab=&%+0f", max_size=60).map(str.encode))
def test_any_bytes_are_fields_or_refused(body: bytes) -> None:
    try:
        fields = parse_form(body)
    except OAuthError:
        return
    assert all(value and "\0" not in name + value for name, value in fields.items())


@given(st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.text(min_size=1)))
def test_what_a_client_encodes_is_what_is_read(fields: dict[str, str]) -> None:
    try:
        body = urlencode(fields).encode()
    except UnicodeEncodeError:
        return
    if not any("\0" in value for value in fields.values()):
        assert parse_form(body) == fields
