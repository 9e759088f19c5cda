"""How an app says who it is. RFC 6749 §2.3.1, RFC 7617."""

import base64
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.oauth.client_auth import ClientClaim, parse_client_claim
from gatepost.secrets import Secret

from .worst import ALLOWED, cpu_of


def basic(text: str | bytes, scheme: str = "Basic") -> str:
    raw = text.encode() if isinstance(text, str) else text
    return f"{scheme} {base64.b64encode(raw).decode()}"


def readings(claim: ClientClaim) -> list[str]:
    return [secret.reveal() for secret in claim.secrets]


@pytest.mark.parametrize(
    ("text", "client_id", "secrets"),
    [
        ("app:secret", "app", ["secret"]),
        ("app:", "app", []),
        ("app:a:b", "app", ["a:b"]),
        ("app:a%3Ab", "app", ["a:b", "a%3Ab"]),
        ("app:a+b", "app", ["a b", "a+b"]),
        ("app:100%", "app", ["100%"]),
        ("my%2Dapp:x", "my-app", ["x"]),
        (f"app:{quote_plus('p+ %&:ä')}", "app", ["p+ %&:ä", quote_plus("p+ %&:ä")]),
        ("app:ä", "app", ["ä"]),
    ],
)
def test_basic_is_read_encoded_and_raw(text: str, client_id: str, secrets: list[str]) -> None:
    claim = parse_client_claim(basic(text), {})
    assert (claim.client_id, claim.method, readings(claim)) == (client_id, "client_secret_basic", secrets)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_the_scheme_has_no_case(scheme: str) -> None:
    assert parse_client_claim(basic("app:x", scheme), {}).client_id == "app"


@pytest.mark.parametrize(
    ("form", "method", "secrets"),
    [
        ({"client_id": "app", "client_secret": "s"}, "client_secret_post", ["s"]),
        ({"client_id": "app"}, "none", []),
        ({"client_id": "app", "client_secret": ""}, "none", []),
    ],
)
def test_the_form_names_an_app(form: dict[str, str], method: str, secrets: list[str]) -> None:
    claim = parse_client_claim(None, form)
    assert (claim.client_id, claim.method, readings(claim)) == ("app", method, secrets)


def test_the_form_may_repeat_the_headers_client_id() -> None:
    assert parse_client_claim(basic("app:x"), {"client_id": "app"}).method == "client_secret_basic"


@pytest.mark.parametrize(
    ("authorization", "form", "code"),
    [
        (None, {}, "invalid_client"),
        (None, {"client_secret": "s"}, "invalid_client"),
        (basic("app:x"), {"client_id": "app", "client_secret": "x"}, "invalid_request"),
        (basic("app:x"), {"client_secret": "x"}, "invalid_request"),
        (basic("app:x"), {"client_id": "other"}, "invalid_request"),
        ("", {"client_id": "app"}, "invalid_client"),
        ("Basic", {}, "invalid_client"),
        ("Basic ", {}, "invalid_client"),
        ("Basic !!!", {}, "invalid_client"),
        ("Basic YXBwOng", {}, "invalid_client"),
        ("Basic YXBw\u00e9Ong=", {}, "invalid_client"),
        ("Basic YXBwOng= YXBwOng=", {}, "invalid_client"),
        (basic("app"), {}, "invalid_client"),
        (basic(b"\xff\xfe:x"), {}, "invalid_client"),
        (basic(b"app\0:x"), {}, "invalid_client"),
        (basic("app%00:x"), {}, "invalid_client"),
        (basic("app:x", "Bearer"), {}, "invalid_client"),
        (basic("app:x", "Digest"), {"client_id": "app"}, "invalid_client"),
        ("Basic" + base64.b64encode(b"app:x").decode(), {}, "invalid_client"),
    ],
)
def test_anything_else_is_refused(authorization: str | None, form: dict[str, str], code: str) -> None:
    with pytest.raises(OAuthError) as refused:
        parse_client_claim(authorization, form)
    assert refused.value.code == code
    if code == "invalid_client" and authorization is not None:
        assert refused.value.scheme == "Basic"


def test_a_claim_shows_no_secret() -> None:
    assert "canary" not in repr(parse_client_claim(basic("app:canary"), {}))
    assert parse_client_claim(None, {"client_id": "a", "client_secret": "s"}).secrets == (Secret("s"),)


@pytest.mark.parametrize(
    "text", ["%" * 12_000, ":" * 12_000, "+" * 12_000, "a:" + "%41" * 4_000], ids=lambda text: text[:4]
)
def test_the_worst_header_is_cheap(text: str) -> None:
    assert cpu_of(parse_client_claim, basic(text), {}) < ALLOWED


@given(
    st.none() | st.text() | st.text().map("Basic ".__add__) | st.binary().map(basic),
    st.dictionaries(st.sampled_from(("client_id", "client_secret", "token")), st.text()),
)
def test_any_text_is_a_claim_or_refused(authorization: str | None, form: dict[str, str]) -> None:
    try:
        claim = parse_client_claim(authorization, form)
    except OAuthError:
        return
    assert claim.method in ("client_secret_basic", "client_secret_post", "none")
