"""`limit`: how many requests a minute the tokens of an organization, an app or a grant are good for."""

from typing import Any

import pytest

from cli.conftest import Gatepost, Shop

from .test_grant import claims_of


@pytest.mark.parametrize(("text", "rate"), [("600/m", 600), ("10/s", 600), ("1/m", 1)])
def test_an_organization_an_app_and_a_grant_are_limited(gatepost: Gatepost, shop: Shop, text: str, rate: int) -> None:
    grant = claims_of(shop.tokens.access_token)["gid"]
    named = {"org": ["Acme", shop.org], "app": [shop.client_id], "grant": [grant]}
    for noun, names in named.items():
        for name in names:
            assert gatepost.json(noun, "limit", name, text)["rate_limit"] == rate
    assert shown(gatepost, shop) == [rate, rate, rate]
    fresh = gatepost.refresh(shop.tokens.refresh_token)
    assert claims_of(fresh.access_token)["limits"] == {"grant": rate, "app": rate, "org": rate}
    for noun, names in named.items():
        assert gatepost.json(noun, "limit", names[0], "none")["rate_limit"] is None
    assert shown(gatepost, shop) == [None, None, None]


def shown(gatepost: Gatepost, shop: Shop) -> list[Any]:
    (grant,) = gatepost.json("grant", "list")
    documents = gatepost.json("org", "show", "Acme"), gatepost.json("app", "show", shop.client_id), grant
    return [document["rate_limit"] for document in documents]


def test_people_are_told_in_words(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost("org", "limit", "Acme", "6000/m").out == "Acme is limited to 6,000 requests a minute.\n"
    assert gatepost("org", "limit", "Acme", "none").out == "Acme has no limit of its own.\n"


def test_a_change_of_the_app_leaves_its_limit(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.json("app", "limit", shop.client_id, "600/m")
    assert gatepost.json("app", "edit", shop.client_id, "--name", "Another")["rate_limit"] == 600


@pytest.mark.parametrize("rate", ["600", "0/m", "-1/m", "600/h", "6e3/m", "", "60000001/m", "9999999999/s", "no"])
def test_what_is_no_rate_is_refused(gatepost: Gatepost, shop: Shop, rate: str) -> None:
    assert gatepost.refused(2, "org", "limit", "Acme", rate)["error"] == "invalid_request"
    assert gatepost.json("org", "show", "Acme")["rate_limit"] is None


@pytest.mark.parametrize("noun", ["org", "app", "grant"])
def test_what_is_not_there_is_not_found(gatepost: Gatepost, shop: Shop, noun: str) -> None:
    assert gatepost.refused(4, noun, "limit", f"{noun}_{'0' * 32}", "1/m")["error"] == "not_found"
