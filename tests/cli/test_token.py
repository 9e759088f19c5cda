"""`token inspect`: what a token says, whether it would be accepted, and why not, in words."""

import pytest

from cli.conftest import ISSUER, Gatepost, Shop


@pytest.fixture(autouse=True)
def issuer(monkeypatch: pytest.MonkeyPatch, gatepost: Gatepost) -> None:
    monkeypatch.setenv("GATEPOST_ISSUER", ISSUER)


def test_a_good_token_of_each_kind_is_accepted(gatepost: Gatepost, shop: Shop) -> None:
    for token, kind in (
        (shop.tokens.access_token, "access token"),
        (shop.tokens.refresh_token, "refresh token"),
        (shop.api_key, "API key"),
    ):
        document = gatepost.json("token", "inspect", stdin=token + "\n")
        assert (document["accepted"], document["kind"], document["reason"]) == (True, kind, None)
        assert document["claims"]["org"] == shop.org
        ran = gatepost("token", "inspect", stdin=f"  {token}  \r\n")
        assert ran.code == 0
        assert ran.out.startswith(kind)
        assert ran.out.endswith("It would be accepted.\n")
        assert token not in ran.out


def test_an_access_tokens_claims_are_shown(gatepost: Gatepost, shop: Shop) -> None:
    claims = gatepost.json("token", "inspect", stdin=shop.tokens.access_token)["claims"]
    assert set(claims) >= {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "org", "gid"}
    assert claims["iss"] == ISSUER
    assert shop.client_id in gatepost("token", "inspect", stdin=shop.tokens.access_token).out


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (["org", "disable", "Acme"], "the organization is disabled"),
        (["app", "disable", "CLIENT_ID"], "the app is disabled"),
        (["app", "delete", "CLIENT_ID"], "its app was deleted"),
        (["grant", "revoke", "--app", "CLIENT_ID"], "were revoked"),
        (["grant", "revoke", "GRANT_ID"], "the grant was revoked"),
        (["key", "revoke", "KEY_ID"], "were revoked"),
    ],
    ids=["org", "app", "deleted", "grants", "grant", "key"],
)
def test_a_refusal_says_why(gatepost: Gatepost, shop: Shop, act: list[str], reason: str) -> None:
    grant = gatepost.json("grant", "list")[0]["id"]
    names = {"CLIENT_ID": shop.client_id, "GRANT_ID": grant, "KEY_ID": shop.key_id}
    assert gatepost(*(names.get(each, each) for each in act)).code == 0
    for token in (shop.tokens.access_token, shop.tokens.refresh_token):
        document = gatepost.json("token", "inspect", stdin=token, code=1)
        assert document["accepted"] is False
        expected = "its grant is long gone" if "delete" in act and token.startswith("gp_rt_") else reason
        assert expected in document["reason"]


def test_a_replaced_refresh_token_is_accepted_until_its_successor_is_used(gatepost: Gatepost, shop: Shop) -> None:
    second = gatepost.refresh(shop.tokens.refresh_token).refresh_token
    assert gatepost.json("token", "inspect", stdin=shop.tokens.refresh_token)["accepted"] is True
    gatepost.refresh(second)
    document = gatepost.json("token", "inspect", stdin=shop.tokens.refresh_token, code=1)
    assert "would end the grant" in document["reason"]
    assert (document["claims"]["generation"], document["claims"]["current_generation"]) == (1, 3)
    gatepost.refresh(second)


def test_a_token_of_another_issuer_is_refused(gatepost: Gatepost, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_ISSUER", "https://other.example")
    document = gatepost.json("token", "inspect", stdin=shop.tokens.access_token, code=1)
    assert document["reason"] == f"its issuer is {ISSUER}, this server is https://other.example"


def test_a_revoked_or_expired_key_is_refused(gatepost: Gatepost, shop: Shop) -> None:
    gatepost("key", "revoke", shop.key_id)
    assert gatepost.json("token", "inspect", stdin=shop.api_key, code=1)["reason"] == "revoked"


def test_a_secret_that_is_no_token_is_named(gatepost: Gatepost, shop: Shop) -> None:
    secret = gatepost.json("app", "secret", "add", shop.client_id)["client_secret"]
    document = gatepost.json("token", "inspect", stdin=secret, code=1)
    assert document["kind"] == "client secret"
    assert secret not in str(document)


def test_a_changed_token_is_refused(gatepost: Gatepost, shop: Shop) -> None:
    for token in (shop.tokens.access_token, shop.tokens.refresh_token, shop.api_key):
        for index in (10, len(token) // 2, len(token) - 6):
            changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
            assert gatepost.json("token", "inspect", stdin=changed, code=1)["accepted"] is False


def test_claims_of_a_foreign_token_do_not_reach_the_terminal_raw(gatepost: Gatepost, acme: str) -> None:
    foreign = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJcdTAwMWJbMkoifQ."
    ran = gatepost("token", "inspect", stdin=foreign)
    assert ran.code == 1
    assert r"\x1b[2J" in ran.out
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(
    "text", ["", "\n", "...", "a.b.c", "gp_rt_", "gp_key_", "gp_rt_" + "A" * 9000, "\udcff\udcfe", "\x00"]
)
def test_any_other_text_is_refused(gatepost: Gatepost, acme: str, text: str) -> None:
    document = gatepost.json("token", "inspect", stdin=text, code=1)
    assert document["accepted"] is False
    assert document["reason"]
