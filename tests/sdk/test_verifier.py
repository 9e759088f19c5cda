"""What the verifier accepts, what it refuses and in which words, and what it remembers."""

import base64
import copy
import json
import pickle
import time
import timeit
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost_sdk import Token, TokenError, Verifier
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE
from .network import JWKS, Clock, Network

DAY = 86_400


def refusal(verifier: Verifier, raw: str, *scopes: str, **wanted: Any) -> str:
    with pytest.raises(TokenError) as caught:
        verifier.verify(raw, *scopes, **wanted)
    assert caught.value.reason
    assert caught.value.hint
    return caught.value.code


def test_a_good_token_says_who_calls(verifier: Verifier, issuer: Issuer) -> None:
    raw = issuer.mint(
        sub="usr_ana", org="org_acme", client_id="app_1", scope="read write", gid="gnt_1", act={"sub": "app_agent"}
    )
    token = verifier.verify(raw, "read")
    assert (token.sub, token.org, token.client_id, token.grant_id) == ("usr_ana", "org_acme", "app_1", "gnt_1")
    assert token.scopes == {"read", "write"}
    assert token.actor == "app_agent"
    assert token.expires_at == token.claims["exp"]


async def test_tasks_are_told_the_same(verifier: Verifier, issuer: Issuer) -> None:
    assert (await verifier.averify(issuer.mint(sub="usr_ana"))).sub == "usr_ana"
    with pytest.raises(TokenError, match="scope"):
        await verifier.averify(issuer.mint(), "admin")


def test_a_token_cannot_be_changed_shown_or_taken_for_an_answer(issuer: Issuer) -> None:
    token = issuer.token(sub="usr_ana")
    assert "usr_ana" not in repr(token)
    with pytest.raises(AttributeError):
        token.sub = "usr_bob"  # type: ignore[misc]  # that is what is tried
    with pytest.raises(TypeError):
        token.claims["sub"] = "usr_bob"  # type: ignore[index]  # that is what is tried
    with pytest.raises(TypeError, match="compare with None"):
        bool(token)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://auth.test/"}, "wrong_issuer"),
        ({"iss": "https://evil.test"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"aud": "https://other.test"}, "wrong_audience"),
        ({"aud": f"{AUDIENCE}/"}, "wrong_audience"),
        ({"aud": []}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"aud": [["nested"]]}, "wrong_audience"),
        ({"expires_in": -11}, "expired"),
        ({"exp": None}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": "never"}, "malformed"),
        ({"sub": None}, "malformed"),
        ({"client_id": 7}, "malformed"),
        ({"scope": ["read"]}, "malformed"),
        ({"act": "app_1"}, "malformed"),
        ({"nbf": int(time.time()) + DAY}, "not_yet_valid"),
        ({"nbf": "soon"}, "not_yet_valid"),
        ({"cnf": {"jkt": "thumbprint"}}, "bound"),
        ({"typ": "JWT"}, "wrong_type"),
        ({"typ": None}, "wrong_type"),
    ],
)
def test_a_token_is_refused_for(verifier: Verifier, issuer: Issuer, claims: dict[str, Any], code: str) -> None:
    assert refusal(verifier, issuer.mint(**claims)) == code


@pytest.mark.parametrize(
    "claims", [{"aud": [AUDIENCE, "https://other.test"]}, {"typ": "application/at+jwt"}, {"expires_in": -9}, {"nbf": 0}]
)
def test_a_token_is_not_refused_for(verifier: Verifier, issuer: Issuer, claims: dict[str, Any]) -> None:
    verifier.verify(issuer.mint(**claims))


def test_scopes_and_organization_are_refused_as_what_the_caller_may_not_do(verifier: Verifier, issuer: Issuer) -> None:
    raw = issuer.mint(org="org_acme", scope="read write")
    verifier.verify(raw, "read", "write", org="org_acme")
    verifier.verify(raw, any_of=["admin", "write"])
    with pytest.raises(TokenError) as caught:
        verifier.verify(raw, "read", "delete")
    assert (caught.value.code, caught.value.status) == ("insufficient_scope", 403)
    assert caught.value.scopes == {"read", "delete"}
    assert refusal(verifier, raw, any_of=["admin"]) == "insufficient_scope"
    assert refusal(verifier, raw, org="org_beta") == "wrong_org"
    assert refusal(verifier, issuer.mint(), org="org_acme") == "wrong_org"


def test_a_verifier_of_one_organization_refuses_all_others(network: Network, issuer: Issuer) -> None:
    verifier = Verifier("https://auth.test", audience=AUDIENCE, org="org_acme", fetch=network)
    verifier.verify(issuer.mint(org="org_acme"))
    assert refusal(verifier, issuer.mint(org="org_beta")) == "wrong_org"


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _with_head(raw: str, **changes: Any) -> str:
    return ".".join([_part({"alg": "ES256", "typ": "at+jwt", "kid": "test", **changes}), *raw.split(".")[1:]])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda raw: _with_head(raw, alg="none"), "wrong_algorithm"),
        (lambda raw: _with_head(raw, alg="HS256"), "wrong_algorithm"),
        (lambda raw: _with_head(raw, alg="RS256"), "wrong_algorithm"),
        (lambda raw: _with_head(raw, alg=None), "wrong_algorithm"),
        (lambda raw: _with_head(raw, kid="other"), "unknown_key"),
        (lambda raw: _with_head(raw, kid=["test"]), "unknown_key"),
        (lambda raw: _with_head(raw, jku="https://evil.test"), "bad_signature"),
        (lambda raw: _with_head(raw, crit=["exp"]), "malformed"),
        (lambda raw: raw.rpartition(".")[0] + ".", "bad_signature"),
        (lambda raw: raw.rpartition(".")[0] + "." + "A" * 86, "bad_signature"),
        (lambda raw: raw[:-1] + ("B" if raw[-1] == "A" else "C"), "malformed"),
        (lambda raw: raw + "=", "malformed"),
        (lambda raw: raw + ".x", "malformed"),
        (lambda raw: f" {raw}", "malformed"),
        (lambda raw: raw.replace(".", "", 1), "malformed"),
        (lambda raw: "ü" + raw, "malformed"),
        (lambda raw: "\ud800" + raw, "malformed"),
        (lambda raw: raw + "A" * 9000, "malformed"),
        (lambda raw: "", "malformed"),
        (lambda raw: "..", "malformed"),
    ],
)
def test_a_token_that_was_changed_is_refused(
    verifier: Verifier, issuer: Issuer, change: Callable[[str], str], code: str
) -> None:
    assert refusal(verifier, change(issuer.mint())) == code


def test_another_issuers_signature_is_no_good_under_the_same_name_of_key(verifier: Verifier) -> None:
    assert refusal(verifier, Issuer("https://auth.test", audience=AUDIENCE).mint()) == "bad_signature"


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode() + ".e30.AA"))
def test_whatever_is_sent_ends_in_a_refusal(raw: str) -> None:
    issuer = Issuer()
    verifier = Verifier(issuer.issuer, audience=issuer.audience, fetch=issuer.fetch)
    with pytest.raises(TokenError):
        verifier.verify(raw)


def test_a_remembered_token_expires(verifier: Verifier, issuer: Issuer, clock: Clock) -> None:
    raw = issuer.mint(expires_in=100)
    verifier.verify(raw)
    clock.now += 109
    verifier.verify(raw)
    clock.now += 2
    assert refusal(verifier, raw) == "expired"


def test_a_remembered_token_ends_with_its_key(
    verifier: Verifier, issuer: Issuer, network: Network, clock: Clock
) -> None:
    raw = issuer.mint()
    verifier.verify(raw)
    other = Issuer("https://auth.test")
    other.kid = "next"
    network.issuer = other
    clock.now += 301
    assert refusal(verifier, raw) == "unknown_key"
    assert network.asked[JWKS] == 2


def test_a_token_is_not_remembered_whose_key_went_while_it_was_judged(
    verifier: Verifier, issuer: Issuer, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(issuer.mint())
    raw = issuer.mint(sub="usr_late")

    def withdraw_meanwhile(*_: object) -> bool:
        network.issuer = Issuer("https://auth.test")
        network.issuer.kid = "next"
        verifier.keys._refresh()
        return True

    monkeypatch.setattr("gatepost_sdk.verifier.is_signed_by", withdraw_meanwhile)
    verifier.verify(raw)
    assert refusal(verifier, raw) == "unknown_key"


def test_what_is_remembered_is_bounded_and_holds_no_token(network: Network, issuer: Issuer) -> None:
    verifier = Verifier("https://auth.test", audience=AUDIENCE, remember=3, fetch=network)
    minted = [issuer.mint(jti=str(number)) for number in range(10)]
    for raw in minted:
        verifier.verify(raw)
    assert len(verifier._known) == 3
    assert not any(raw.encode() in key for raw in minted for key in verifier._known)


def test_a_repeated_check_takes_microseconds(issuer: Issuer, network: Network) -> None:
    """The aim is 5 µs, and 2 were measured on two shared cores; the bound here leaves room for a busy machine."""
    verifier, raw = Verifier("https://auth.test", audience=AUDIENCE, fetch=network), issuer.mint(scope="read")
    verifier.verify(raw)
    best = min(timeit.repeat(lambda: verifier.verify(raw, "read"), number=1000, repeat=10)) / 1000
    assert best < 20e-6


def test_a_verifier_needs_an_audience_and_a_safe_issuer() -> None:
    with pytest.raises(ValueError, match="audience"):
        Verifier("https://auth.test", audience=[])
    with pytest.raises(ValueError, match="https"):
        Verifier("http://auth.test", audience="a")


def test_errors_travel_between_processes() -> None:
    fault = TokenError("insufficient_scope", "It lacks read.", scopes=["read"])
    for copied in (pickle.loads(pickle.dumps(fault)), copy.copy(fault)):
        assert (copied.code, copied.reason, copied.scopes) == (fault.code, fault.reason, fault.scopes)


def test_tokens_of_equal_content_are_equal(issuer: Issuer) -> None:
    raw = issuer.mint()
    verifiers = [Verifier(issuer.issuer, audience=AUDIENCE, fetch=issuer.fetch) for _ in range(2)]
    first, second = (verifier.verify(raw) for verifier in verifiers)
    assert isinstance(first, Token)
    assert first == second
