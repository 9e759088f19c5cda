"""The gate, the retry window, and what tokens say of a grant. RFC 9068 §2.2, RFC 7662 §2.2."""

from typing import Any

import pytest

from gatepost.errors import OAuthError
from gatepost.light import fields_of, replace
from gatepost.oauth.access_token import describe_refresh_token, render_claims, subject
from gatepost.oauth.gate import PUBLIC_RETRY_WINDOW, may_mint, retry_window, why_dead
from gatepost.records import UNTIL_USED, Grant

NOW = 1_800_000_000
ORG, ID, USER = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
ISSUER = "https://id.example"

ALIVE = Grant(
    org=ORG,
    id=ID,
    client_id="app",
    user_id=USER,
    key_id=None,
    scope="read write",
    resource="https://api.example/",
    generation=3,
    salt=b"s" * 16,
    created_at=NOW - 100,
    rotated_at=NOW - 50,
    last_used_at=NOW - 10,
    uses=2,
    idle_ttl=60,
    expires_at=NOW + 1000,
    revoked_at=None,
    unbroken=True,
    org_disabled_at=None,
    app_disabled_at=None,
    app_scope="read write",
    app_retry_window=None,
    app_auth_method=None,
    app_access_ttl=None,
    user_disabled_at=None,
    is_member=True,
    resource_exists=True,
)

DEAD: list[tuple[dict[str, Any], int, str]] = [
    ({"revoked_at": NOW}, 0, "the grant was revoked"),
    ({"unbroken": False}, 0, "all grants of its organization, app, user or API key were revoked"),
    ({}, 1000, "end of its life"),
    ({"expires_at": NOW}, 0, "end of its life"),
    ({}, 50, "not used for too long"),
    ({"org_disabled_at": NOW}, 0, "the organization is disabled"),
    ({"app_disabled_at": NOW}, 0, "the app is disabled"),
    ({"user_disabled_at": NOW}, 0, "the user is disabled"),
    ({"is_member": False}, 0, "not a member"),
    ({"resource_exists": False}, 0, "resource it is for was deleted"),
]


@pytest.mark.parametrize(("change", "later", "why"), DEAD)
def test_the_gate_names_the_reason_in_the_log_alone(change: dict[str, Any], later: int, why: str) -> None:
    grant = replace(ALIVE, **change)
    assert why in why_dead(grant, NOW + later)
    with pytest.raises(OAuthError) as refused:
        may_mint(grant, NOW + later)
    assert refused.value.code == "invalid_grant"
    assert why in refused.value.detail
    assert refused.value.description == "The grant behind this token is not valid any more."


def test_no_grant_is_dead() -> None:
    assert "no such grant" in why_dead(None, NOW)
    with pytest.raises(OAuthError):
        may_mint(None, NOW)


@pytest.mark.parametrize("later", [-1_000_000, 0, 49])
def test_a_living_grant_may_mint(later: int) -> None:
    assert why_dead(ALIVE, NOW + later) == ""
    assert may_mint(ALIVE, NOW + later) is ALIVE


def test_every_policy_of_a_grant_is_looked_at() -> None:
    judged = {name for change, _, _ in DEAD for name in change} | {"idle_ttl", "last_used_at"}
    live_state = {
        name
        for name in fields_of(Grant)
        if name.endswith("_at") or name in ("unbroken", "is_member", "resource_exists")
    }
    assert live_state - {"created_at", "rotated_at"} <= judged


@pytest.mark.parametrize(
    ("own", "default", "method", "window"),
    [
        (None, None, None, UNTIL_USED),
        (None, None, "client_secret_basic", UNTIL_USED),
        (None, None, "none", PUBLIC_RETRY_WINDOW),
        (None, 5, "none", 5),
        (None, 0, None, 0),
        (None, UNTIL_USED, "none", UNTIL_USED),
        (7, 5, "none", 7),
        (0, 5, None, 0),
        (UNTIL_USED, 0, "none", UNTIL_USED),
    ],
)
def test_the_retry_window_is_the_apps_else_the_servers_else_by_kind(
    own: int | None, default: int | None, method: str | None, window: int
) -> None:
    assert retry_window(replace(ALIVE, app_retry_window=own, app_auth_method=method), default) == window


def test_the_claims_of_an_access_token() -> None:
    assert render_claims(ALIVE, ISSUER, NOW + 600, NOW, b"j" * 16) == {
        "iss": ISSUER,
        "sub": f"usr_{USER.hex()}",
        "aud": "https://api.example/",
        "exp": NOW + 600,
        "iat": NOW,
        "jti": (b"j" * 16).hex(),
        "client_id": "app",
        "scope": "read write",
        "org": f"org_{ORG.hex()}",
        "gid": f"gnt_{ID.hex()}",
    }


def test_a_service_stands_for_its_organization() -> None:
    service = replace(ALIVE, user_id=None, resource=None)
    claims = render_claims(service, ISSUER, NOW + 600, NOW, b"j" * 16)
    assert (claims["sub"], claims["aud"]) == (f"org_{ORG.hex()}", ISSUER)
    assert subject(service) == f"org_{ORG.hex()}"


@pytest.mark.parametrize(
    ("rates", "limits"),
    [
        ({"rate_limit": 60}, {"grant": 60}),
        ({"app_rate_limit": 600, "org_rate_limit": 6000}, {"app": 600, "org": 6000}),
        ({"rate_limit": 1, "app_rate_limit": 2, "org_rate_limit": 3}, {"grant": 1, "app": 2, "org": 3}),
    ],
)
def test_the_limits_that_there_are_stand_in_the_token(rates: dict[str, Any], limits: dict[str, int]) -> None:
    assert render_claims(replace(ALIVE, **rates), ISSUER, NOW, NOW, b"")["limits"] == limits


def test_the_scope_is_held_under_the_apps_ceiling_of_today() -> None:
    narrowed = replace(ALIVE, app_scope="write other")
    assert render_claims(narrowed, ISSUER, NOW, NOW, b"")["scope"] == "write"
    assert describe_refresh_token(narrowed, ISSUER)["scope"] == "write"


@pytest.mark.parametrize(("change", "exp"), [({}, NOW + 50), ({"expires_at": NOW + 20}, NOW + 20)])
def test_a_refresh_token_expires_when_its_grant_does(change: dict[str, Any], exp: int) -> None:
    told = describe_refresh_token(replace(ALIVE, **change), ISSUER)
    assert (told["active"], told["exp"], told["gid"]) == (True, exp, f"gnt_{ID.hex()}")
    assert "salt" not in told
