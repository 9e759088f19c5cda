"""Authlib and requests-oauthlib: the clients that Python programs have."""

import secrets
from typing import Any

import pytest
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import AccessDeniedError, BackendApplicationClient, WebApplicationClient
from requests_oauthlib import OAuth2Session

from wire.browser import answer_of

from .conftest import BY_BASIC, BY_POST, BYE, ODD_BY_BASIC, PUBLIC, REDIRECT, SCOPE, SERVICE, App
from .person import Person
from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

EACH_APP = pytest.mark.parametrize(
    "app", [BY_BASIC, BY_POST, ODD_BY_BASIC, PUBLIC], ids=["basic", "post", "odd", "spa"]
)
METHODS = {"basic": "client_secret_basic", "post": "client_secret_post", "none": "none"}


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    """requests takes its authorities from the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))


class AuthlibApp(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc] # they come without types
    """What Authlib's integrations for frameworks are made of, without a framework."""

    client_cls = AuthlibSession

    def _on_update_token(self, token: Any, **_: Any) -> None:
        """A framework would keep the token."""


def authlib(app: App, issuer: str, scope: str = SCOPE) -> Any:
    return AuthlibApp(
        None,
        client_id=app.client_id,
        client_secret=app.secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": scope,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": METHODS[app.method],
        },
    )


def logged_in(client: Any, person: Person) -> Any:
    """The token of a whole login, as Authlib keeps it."""
    begun = client.create_authorization_url(REDIRECT)
    answer = answer_of(person.visit(begun["url"]).url)
    assert answer["state"] == begun["state"]
    token = client.fetch_access_token(REDIRECT, code=answer["code"], code_verifier=begun["code_verifier"])
    return token | {"userinfo": client.parse_id_token(token, begun["nonce"])}


@EACH_APP
def test_authlib_logs_in_and_lives_on(app: App, issuer: str, person: Person) -> None:
    client = authlib(app, issuer)
    token = logged_in(client, person)
    assert (token["userinfo"]["iss"], token["userinfo"]["aud"]) == (issuer, app.client_id)
    assert client.userinfo(token=token)["email"] == "owner@demo.test"
    with client._get_oauth_client() as session:
        pages = client.load_server_metadata()
        fresh = session.refresh_token(pages["token_endpoint"], refresh_token=token["refresh_token"])
        assert fresh["refresh_token"] != token["refresh_token"]
        assert client.userinfo(token=fresh)["sub"] == token["userinfo"]["sub"]
        assert session.revoke_token(pages["revocation_endpoint"], fresh["refresh_token"]).status_code == 200
        if app.secret:
            seen = session.introspect_token(pages["introspection_endpoint"], fresh["access_token"]).json()
            assert seen == {"active": False}


def test_an_app_of_authlib_signs_its_person_out(issuer: str, person: Person) -> None:
    client = authlib(BY_BASIC, issuer)
    token = logged_in(client, person)
    leaving = client.create_logout_url(BYE, id_token_hint=token["id_token"])
    assert answer_of(person.visit(leaving["url"]).url) == {"state": leaving["state"]}
    assert not person.is_signed_in()


def test_a_service_of_authlib_gets_a_token(issuer: str) -> None:
    with authlib(SERVICE, issuer, "read write")._get_oauth_client() as session:
        token = session.fetch_token(f"{issuer}/token", grant_type="client_credentials", scope="read")
        assert (token["token_type"], token["scope"]) == ("Bearer", "read")
        seen = session.introspect_token(f"{issuer}/introspect", token["access_token"]).json()
        assert (seen["active"], seen["client_id"]) == (True, "service")


@EACH_APP
def test_requests_oauthlib_logs_in_and_lives_on(app: App, issuer: str, person: Person) -> None:
    # Like every login written with it: the secret by Basic when the method says so, in the form else.
    how = {"include_client_id": app.method != "basic", "client_secret": app.secret}
    with OAuth2Session(app.client_id, redirect_uri=REDIRECT, scope=SCOPE.split(), pkce="S256") as session:
        url, _ = session.authorization_url(f"{issuer}/authorize", nonce=secrets.token_urlsafe())
        back = person.visit(url).url
        token = session.fetch_token(f"{issuer}/token", authorization_response=back, **how)
        assert set(token["scope"]) == set(SCOPE.split())
        assert session.get(f"{issuer}/userinfo").json()["email"] == "owner@demo.test"
        credentials = {"auth": (app.client_id, app.secret)} if app.method == "basic" else _form_of(app)
        fresh = session.refresh_token(f"{issuer}/token", **credentials)
        assert fresh["refresh_token"] != token["refresh_token"]
        assert session.get(f"{issuer}/userinfo").status_code == 200


def test_a_public_app_of_requests_oauthlib_needs_to_say_no_more_than_its_name(issuer: str, person: Person) -> None:
    # Left to itself it sends Basic, with an empty secret.
    with OAuth2Session(PUBLIC.client_id, redirect_uri=REDIRECT, scope=SCOPE.split(), pkce="S256") as session:
        url, _ = session.authorization_url(f"{issuer}/authorize", nonce=secrets.token_urlsafe())
        token = session.fetch_token(f"{issuer}/token", authorization_response=person.visit(url).url)
        assert token["access_token"]


def _form_of(app: App) -> dict[str, str]:
    return {"client_id": app.client_id} | ({"client_secret": app.secret} if app.secret else {})


def test_requests_oauthlib_says_what_the_person_said(issuer: str, person: Person) -> None:
    with OAuth2Session(client=WebApplicationClient("web"), redirect_uri=REDIRECT, scope=SCOPE, pkce="S256") as session:
        url, _ = session.authorization_url(f"{issuer}/authorize", prompt="consent")
        back = person.visit(url, decision="deny").url
        with pytest.raises(AccessDeniedError):
            session.fetch_token(f"{issuer}/token", authorization_response=back)


def test_a_service_of_requests_oauthlib_gets_a_token(issuer: str) -> None:
    with OAuth2Session(client=BackendApplicationClient("service", scope=["read"])) as session:
        token = session.fetch_token(f"{issuer}/token", client_id="service", client_secret=SERVICE.secret)
        assert token["scope"] == ["read"]
