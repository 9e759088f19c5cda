"""Resources and the narrowing of an ask. RFC 8707, RFC 6749 §3.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.oauth.narrow import Issue, narrow, needs_resources
from gatepost.oauth.resource import MAX_LENGTH, check_resource_uri, find_resource
from gatepost.records import App, Resource

from .worst import ALLOWED, BODY, cpu_of

API = Resource("https://api.example/", "read write", None, 0)
DEEP = Resource("https://api.example/v1", "deep", None, 0)
ODD = Resource("HTTPS://Odd.Example:8443", "odd", None, 0)
URN = Resource("urn:example:Thing", "thing", None, 0)
QUERY = Resource("https://api.example?tenant=A", "", None, 0)
REGISTERED = [API, DEEP, ODD, URN, QUERY]


def an_app(scope: str = "", default_resource: str | None = None) -> App:
    return App(
        *(b"o" * 16, "app", "App", "web", "oauth21", None, "", scope, default_resource),
        *(None, None, None, None, None, 0, None),
    )


@pytest.mark.parametrize(
    "uri", [*(each.uri for each in REGISTERED), "https://a", "x:y", "https://a?x", "https://[::1]:8/p"]
)
def test_absolute_uris_are_welcome(uri: str) -> None:
    assert check_resource_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        *("", "api", "/v1", "//api.example/", "https:", "https://", "https:///x", ":x", "1a:x"),
        *("https://a/#", "https://a/#x", "https://a b/", "https://a/\n", "https://a/\u00e9", "https://\u00e4.example/"),
        *("https://user@api.example/", "https://user:pass@api.example/", "https://@api.example/"),
        *("https://a/\x00", "https://a/\ud800", "https://a/" + "a" * MAX_LENGTH),
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(OAuthError) as refused:
        check_resource_uri(uri)
    assert refused.value.code == "invalid_target"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("https://api.example/", API),
        ("https://api.example", API),
        ("HTTPS://API.Example", API),
        ("https://api.example/v1", DEEP),
        ("https://odd.example:8443/", ODD),
        ("https://odd.example:8443", ODD),
        ("URN:example:Thing", URN),
        ("https://api.example/?tenant=A", QUERY),
        ("https://API.example?tenant=A", QUERY),
    ],
)
def test_equal_spellings_mean_the_registered_one(asked: str, meant: Resource) -> None:
    assert find_resource(asked, REGISTERED) is meant


@pytest.mark.parametrize(
    "asked",
    [
        *("https://api.example/V1", "https://api.example/v1/", "https://api.example/v1?", "https://api.example//"),
        *("https://api.example:443/", "http://api.example/", "https://api.example./", "https://odd.example/"),
        *("urn:example:thing", "https://api.example/?tenant=a", "https://api.example/%761", "https://api.example/./v1"),
        *("https://evil.example/", "https://api.example.evil.example/"),
    ],
)
def test_other_spellings_mean_nothing(asked: str) -> None:
    with pytest.raises(OAuthError) as refused:
        find_resource(asked, REGISTERED)
    assert refused.value.code == "invalid_target"


@given(st.text(max_size=60) | st.text("htps:/.@#?aA1", max_size=30).map("https:".__add__))
def test_any_text_is_found_or_refused(text: str) -> None:
    try:
        found = find_resource(text, REGISTERED)
    except OAuthError:
        return
    assert found in REGISTERED


@pytest.mark.parametrize(
    "text", ["a" * BODY, "https://" + "a" * 2040, "a:" * 1000 + " ", "a" * 2000 + " ", "https://" + "/" * 2000]
)
def test_refusing_is_cheap(text: str) -> None:
    assert cpu_of(check_resource_uri, text) < ALLOWED


@pytest.mark.parametrize(
    ("app", "scope", "resource", "issue"),
    [
        (an_app("read write"), None, None, Issue("read write", None)),
        (an_app("read write"), "read", None, Issue("read", None)),
        (an_app("read write"), "", None, Issue("read write", None)),
        (an_app("read"), None, "https://API.example", Issue("read", "https://api.example/")),
        (an_app("read", "https://api.example/v1"), None, None, Issue("read", "https://api.example/v1")),
        (an_app("read", "https://api.example/v1"), None, "https://api.example", Issue("read", "https://api.example/")),
        (an_app(), None, None, Issue("", None)),
        (an_app(), "deep odd", None, Issue("deep odd", None)),
    ],
)
def test_an_ask_is_narrowed(app: App, scope: str | None, resource: str | None, issue: Issue) -> None:
    asked = (resource,) if resource else ()
    known = REGISTERED if needs_resources(app, scope, asked) else []
    assert narrow(app, scope, asked, known) == issue


@pytest.mark.parametrize(
    ("app", "scope", "resource", "code"),
    [
        (an_app("read"), "write", None, "invalid_scope"),
        (an_app("read"), "read write", None, "invalid_scope"),
        (an_app(), "unknown", None, "invalid_scope"),
        (an_app("read"), "read  ", None, "invalid_scope"),
        (an_app("read"), None, "https://evil.example/", "invalid_target"),
        (an_app("read", "https://gone.example/"), None, None, "invalid_target"),
    ],
)
def test_an_ask_over_the_ceiling_is_refused(app: App, scope: str | None, resource: str | None, code: str) -> None:
    asked = (resource,) if resource else ()
    with pytest.raises(OAuthError) as refused:
        narrow(app, scope, asked, REGISTERED if needs_resources(app, scope, asked) else [])
    assert refused.value.code == code
