"""Tokens with which apps register themselves: made by the operator, good once, kept by nobody."""

import pytest

from cli.conftest import Gatepost
from gatepost.errors import GatepostError
from gatepost.flows.registration import register

APP = {"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}


def registers(gatepost: Gatepost, token: str, *, later: int = 0) -> bool:
    try:
        gatepost.serve(lambda instance: register(instance, APP, token), later=later)
    except GatepostError:
        return False
    return True


def test_a_token_is_good_once(gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_REGISTRATION__MODE", "token")
    made = gatepost.json("app", "registration-token")
    assert made["initial_access_token"].startswith("gp_iat_")
    assert registers(gatepost, made["initial_access_token"])
    assert not registers(gatepost, made["initial_access_token"])


def test_a_token_is_good_for_a_day_or_as_long_as_it_says(gatepost: Gatepost, acme: str) -> None:
    day, hour = (
        gatepost.json("app", "registration-token", *more)["initial_access_token"] for more in ((), ("--expires", "1h"))
    )
    assert not registers(gatepost, hour, later=3600)
    assert registers(gatepost, hour, later=3500)
    assert not registers(gatepost, day, later=86_400)
    assert registers(gatepost, day, later=86_300)
