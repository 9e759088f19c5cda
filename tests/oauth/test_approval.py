"""Approvals as they are sealed."""

import orjson

from gatepost.light import astuple, replace
from gatepost.oauth.approval import Approval, dump_approval, load_approval

APPROVAL = Approval(
    id="01",
    expires_at=1_900_000_060,
    app_org="02",
    client_id="shop",
    redirect_uri="https://shop.test/cb",
    challenge="x",
    nonce=None,
    org="02",
    user_id="03",
    session_id="04",
    scope="agents:read",
    resource=None,
    auth_time=1_900_000_000,
    amr="pwd",
    acr="1",
    claims={},
    dpop_jkt=None,
    epoch=3,
)


def test_an_approval_comes_back_as_it_was() -> None:
    assert load_approval(dump_approval(APPROVAL)) == APPROVAL


def test_what_the_version_before_approved_is_still_good_while_servers_are_replaced() -> None:
    before = orjson.dumps(list(astuple(APPROVAL))[:-1])
    assert load_approval(before) == replace(APPROVAL, epoch=None)
