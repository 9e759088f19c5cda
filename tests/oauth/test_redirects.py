"""Redirect URIs: what may be registered, and where a wrong one first differs. RFC 6749 §3.1.2, RFC 8252 §7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.oauth.redirects import MAX_LENGTH, check_redirect_uri, nearest

from .worst import ALLOWED, BODY, cpu_of

GOOD = [
    "https://app.acme.test/cb",
    "https://app.acme.test",
    "https://app.acme.test/",
    "https://app.acme.test/cb?x=1&y=%20",
    "https://app.acme.test?x=1",
    "https://app.acme.test:8443/cb",
    "https://xn--bcher-kva.example/cb",
    "https://192.0.2.1/cb",
    "https://[2001:db8::1]:8443/cb",
    "https://a/cb",
    "https://app.acme.test/cb;v=1/@me/~x!$'()+,=:",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:51004/cb",
    "http://[::1]:51004/cb",
    "http://localhost:3000/api/auth/callback",
    "https://app.acme.test/" + "a" * (MAX_LENGTH - 22),
]
PRIVATE_USE = ["com.acme.app:/cb", "com.acme.app:/cb?x=1", "com.acme.app://oauth/cb", "com.acme.app:cb", "a.b:/"]
BAD = [
    ("", "empty"),
    ("https://app.acme.test/" + "a" * (MAX_LENGTH - 21), "longer"),
    # AZ-12: fragments, also empty and hidden ones
    ("https://app.acme.test/cb#", "fragment"),
    ("https://app.acme.test/cb#x", "fragment"),
    ("https://app.acme.test/cb%23x", "fragment"),
    # Wildcards
    ("https://*.acme.test/cb", "wildcard"),
    ("https://app.acme.test/*", "wildcard"),
    # AZ-14: ports
    ("https://app.acme.test:0443/cb", "a plain host"),
    ("https://app.acme.test:+443/cb", "a plain host"),
    ("https://app.acme.test:/cb", "a plain host"),
    ("https://app.acme.test:0/cb", "a plain host"),
    ("https://app.acme.test:65536/cb", "port"),
    ("https://app.acme.test:99999/cb", "port"),
    ("https://app.acme.test:100000/cb", "a plain host"),
    ("http://127.0.0.1:0/cb", "a plain host"),
    ("http://127.0.0.1:65536/cb", "port"),
    # AZ-15, AZ-25: blanks, control and invisible characters
    (" https://app.acme.test/cb", "character 0"),
    ("https://app.acme.test/cb ", "character 24"),
    ("https://app.acme.test/cb\n", "character 24"),
    ("https://app.acme.test/cb\x00", "character 24"),
    ("https://app.acme.test/cb%09", "character 24"),
    ("https://app.acme.test/cb%0d%0aSet-Cookie:x=1", "character 24"),
    ("https://app.acme.test/cb%00", "character 24"),
    ("https://app.acme.test/cb%7f", "character 24"),
    ("https://app.acme.test/cb%", "character 24"),
    ("https://app.acme.test/cb%zz", "character 24"),
    ("https://app.acme.test/\u2028", "character 22"),
    ("https://b\u00fccher.example/cb", "character 9"),
    ("https://app.acme.test\u3002evil.test/cb", "character 21"),
    ("https://app.acme.test./cb", "a plain host"),
    ("https://-app.acme.test/cb", "a plain host"),
    # AZ-18, AZ-19: schemes and what a URL parser would guess
    ("javascript:alert(1)", "https"),
    ("JaVaScRiPt:alert(1)", "https"),
    ("\tjavascript:alert(1)", "character 0"),
    ("data:text/html,x", "https"),
    ("vbscript:x", "https"),
    ("file:///etc/passwd", "https"),
    ("blob:https://app.acme.test/x", "https"),
    ("about:blank", "https"),
    ("http://app.acme.test/cb", "a plain host"),
    ("HTTP://127.0.0.1/cb", "a plain host"),
    ("HTTPS://app.acme.test/cb", "a plain host"),
    ("//evil.test/cb", "https"),
    ("///evil.test", "https"),
    ("https:/evil.test", "https"),
    ("https:evil.test", "https"),
    ("https:///evil.test", "a plain host"),
    ("https:\\\\evil.test", "character 6"),
    ("https://evil.test\\@app.acme.test/cb", "character 17"),
    ("https://user@app.acme.test/cb", "a plain host"),
    ("https://user:pass@app.acme.test/cb", "a plain host"),
    ("https://app.acme.test@evil.test/cb", "a plain host"),
    ("https://", "a plain host"),
    ("/cb", "https"),
    ("cb", "https"),
    # AZ-21: hosts that are no loopback, however they look
    ("http://127.1/cb", "a plain host"),
    ("http://0x7f.1/cb", "a plain host"),
    ("http://2130706433/cb", "a plain host"),
    ("http://[::ffff:127.0.0.1]/cb", "a plain host"),
    ("http://127.0.0.1.evil.test/cb", "a plain host"),
    ("http://localhost.evil.test/cb", "a plain host"),
    ("http://127.0.0.1@evil.test/cb", "a plain host"),
    ("http://[::1]evil.test/cb", "a plain host"),
    ("http://LOCALHOST/cb", "a plain host"),
    ("http://[0:0:0:0:0:0:0:1]/cb", "a plain host"),
    # Private-use schemes need a dot and something behind them
    ("acme:/cb", "https"),
    ("com.acme.app:", "https"),
    (".acme:/cb", "https"),
    ("com..acme:/cb", "https"),
]


@pytest.mark.parametrize("uri", GOOD)
@pytest.mark.parametrize("kind", [None, "web", "spa", "native", "device", "service"])
def test_good_ones_are_registered_as_they_are(uri: str, kind: str | None) -> None:
    assert check_redirect_uri(uri, kind) == uri


@pytest.mark.parametrize("uri", PRIVATE_USE)
def test_private_use_schemes_are_for_native_apps(uri: str) -> None:
    assert check_redirect_uri(uri, "native") == check_redirect_uri(uri) == uri
    for kind in ("web", "spa", "device", "service"):
        with pytest.raises(OAuthError, match="native"):
            check_redirect_uri(uri, kind)


@pytest.mark.parametrize(("uri", "why"), BAD)
def test_bad_ones_are_refused_with_the_reason(uri: str, why: str) -> None:
    with pytest.raises(OAuthError, match=why) as refused:
        check_redirect_uri(uri)
    assert refused.value.code == "invalid_request"
    assert refused.value.extra["field"] == "redirection_url"


@given(st.text(max_size=100) | st.text("htps:/.[]@#%0127 lcao", max_size=60).map("http".__add__))
def test_any_text_is_registered_or_refused(text: str) -> None:
    try:
        assert check_redirect_uri(text) == text
    except OAuthError:
        return
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(" #*\\")


@pytest.mark.parametrize(
    "text", ["http://[" + ":" * 20_000, "a" * BODY, "%" * 10_000, "a." * (BODY // 2), "https://" + "a" * (BODY - 8)]
)
def test_refusing_is_cheap(text: str) -> None:
    assert cpu_of(check_redirect_uri, text) < ALLOWED


@pytest.mark.parametrize("text", ["https://" + "a-" * 1000 + "!", "a" + ".a" * 1000 + "!", "https://[" + ":" * 2000])
def test_the_grammar_does_not_blow_up(text: str) -> None:
    assert cpu_of(check_redirect_uri, text) < ALLOWED


@pytest.mark.parametrize(
    ("received", "registered", "best", "index"),
    [
        ("https://a.test/cb/", ["https://a.test/cb"], "https://a.test/cb", 17),
        ("https://a.test/c", ["https://a.test/cb"], "https://a.test/cb", 16),
        ("https://a.test/CB", ["https://a.test/cb"], "https://a.test/cb", 15),
        ("http://a.test/cb", ["https://a.test/cb"], "https://a.test/cb", 4),
        ("https://b.test/cb", ["https://a.test/cb", "https://b.test/call"], "https://b.test/call", 16),
        ("https://a.test/cb?x=2", ["https://a.test/cb", "https://a.test/cb?x=1"], "https://a.test/cb?x=1", 20),
        ("https://a.test/x", ["https://a.test/long/way", "https://a.test/y"], "https://a.test/y", 15),
        ("", ["https://a.test/cb"], "https://a.test/cb", 0),
        ("https://a.test/cb", [], "", 0),
    ],
)
def test_the_nearest_and_the_first_difference(received: str, registered: list[str], best: str, index: int) -> None:
    assert nearest(received, registered) == (best, index)


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=5))
def test_the_difference_is_where_it_is_said_to_be(received: str, registered: list[str]) -> None:
    best, index = nearest(received, registered)
    assert received[:index] == best[:index]
    assert (
        received[index : index + 1] != best[index : index + 1] or received[:index] == received == best or not registered
    )
