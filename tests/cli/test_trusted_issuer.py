"""Trusted issuers from the command line."""

import pytest

from cli.conftest import Gatepost

IDP = "https://idp.acme.dev"
KEYS = f"{IDP}/jwks"


def test_an_issuer_is_trusted_listed_and_trusted_no_more(gatepost: Gatepost, acme: str) -> None:
    made = gatepost.json("trusted-issuer", "create", IDP, "--org", acme, "--jwks-uri", KEYS)
    assert (made["issuer"], made["jwks_uri"]) == (IDP, KEYS)
    assert gatepost.json("trusted-issuer", "list", "--org", acme) == [made]
    gatepost.refused(5, "trusted-issuer", "create", IDP, "--org", acme, "--jwks-uri", KEYS)
    assert gatepost.json("trusted-issuer", "delete", IDP, "--org", acme) == {"issuer": IDP, "deleted": True}
    assert gatepost.json("trusted-issuer", "list", "--org", acme) == []
    gatepost.refused(4, "trusted-issuer", "delete", IDP, "--org", acme)


@pytest.mark.parametrize(
    ("issuer", "keys"),
    [("idp.acme.dev", KEYS), ("http://idp.acme.dev", KEYS), (IDP, "http://idp.acme.dev/jwks"), (IDP, "file:///jwks")],
)
def test_what_is_no_https_url_is_refused(gatepost: Gatepost, acme: str, issuer: str, keys: str) -> None:
    gatepost.refused(2, "trusted-issuer", "create", issuer, "--org", acme, "--jwks-uri", keys)
