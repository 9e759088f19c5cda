"""An app's secrets: rotated without a moment in which none is good."""

import pytest

from cli.conftest import Gatepost, Shop
from gatepost.errors import GatepostError
from gatepost.flows.app_auth import authenticate_app
from gatepost.oauth.client_auth import parse_client_claim


def is_good(gatepost: Gatepost, client_id: str, secret: str, *, later: int = 0) -> bool:
    claim = parse_client_claim(None, {"client_id": client_id, "client_secret": secret})
    try:
        gatepost.serve(lambda instance: authenticate_app(instance, claim, allow_public=False), later=later)
    except GatepostError:
        return False
    return True


@pytest.fixture
def app(gatepost: Gatepost, acme: str) -> tuple[str, str]:
    """An app's client_id and its first secret."""
    made = gatepost.json("app", "create", "Shop", "--org", "Acme", "--kind", "service")
    return made["client_id"], made["client_secret"]


def test_a_second_secret_lives_beside_the_first_until_that_is_deleted(gatepost: Gatepost, app: tuple[str, str]) -> None:
    client_id, first = app
    added = gatepost.json("app", "secret", "add", client_id)
    second = added["client_secret"]
    assert second.startswith("gp_sec_")
    assert (added["expires_at"], added["ends_in"]) == (None, second[-4:])
    assert is_good(gatepost, client_id, first)
    assert is_good(gatepost, client_id, second)
    old = gatepost.json("app", "secret", "list", client_id)[0]
    assert old["ends_in"] == first[-4:]
    assert old["last_used_at"]
    assert gatepost.json("app", "secret", "delete", client_id, old["id"]) == {"id": old["id"], "deleted": True}
    assert not is_good(gatepost, client_id, first)
    assert is_good(gatepost, client_id, second)


def test_a_secret_is_never_shown_again(gatepost: Gatepost, app: tuple[str, str]) -> None:
    client_id, first = app
    for arguments in (["app", "secret", "list", client_id], ["app", "secret", "list", client_id, "--json"]):
        assert first not in gatepost(*arguments).out
    assert "only time" in gatepost("app", "secret", "add", client_id).out


def test_a_secret_may_expire(gatepost: Gatepost, app: tuple[str, str]) -> None:
    added = gatepost.json("app", "secret", "add", app[0], "--expires", "90d")
    assert added["expires_at"] > added["created_at"]
    for days, expected in ((89, True), (90, False)):
        assert is_good(gatepost, app[0], added["client_secret"], later=days * 86_400 + 60) is expected
        assert is_good(gatepost, *app, later=days * 86_400)
    assert gatepost.refused(2, "app", "secret", "add", app[0], "--expires", "0")["error"] == "invalid_request"


def test_a_public_app_has_no_secrets(gatepost: Gatepost, acme: str) -> None:
    client_id = gatepost.json("app", "create", "Shop", "--org", "Acme", "--kind", "spa")["client_id"]
    assert "public" in gatepost.refused(2, "app", "secret", "add", client_id)["message"]
    assert gatepost.json("app", "secret", "list", client_id) == []


def test_what_is_not_there_is_not_found(gatepost: Gatepost, app: tuple[str, str], shop: Shop) -> None:
    client_id, _ = app
    others = gatepost.json("app", "secret", "list", shop.client_id)[0]["id"]
    for secret in (others, "sec_" + "0" * 32, "sec_x", ""):
        document = gatepost.refused(4, "app", "secret", "delete", client_id, secret)
        assert document["fix"] == f"gatepost app secret list {client_id}"
    assert "an app" in gatepost.refused(4, "app", "secret", "delete", client_id, client_id)["message"]
    for verb in (["add"], ["list"], ["delete"]):
        gatepost.refused(4, "app", "secret", *verb, "nobody", *(["sec_x"] if verb == ["delete"] else []))
