"""The SDK and the server, each as it is: nothing between them but HTTP."""

import json
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import certifi
import httpx
import pytest

from gatepost.pytest_plugin import GatepostServer
from gatepost_sdk import GatepostError, Proof, TokenError, Verifier
from gatepost_sdk.client import ClientCredentials, FileStore, MemoryStore, OAuth2Auth
from gatepost_sdk.dpop import ProofKey
from peers.person import Person
from servers import command

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def verifier(gatepost_server: GatepostServer) -> Verifier:
    return Verifier(gatepost_server.issuer, audience=gatepost_server.issuer)


def test_a_token_of_the_server_is_verified(verifier: Verifier, gatepost_server: GatepostServer) -> None:
    token = verifier.verify(gatepost_server.access_token())
    assert (token.sub, token.org) == (gatepost_server.org, gatepost_server.org)
    assert token.client_id == gatepost_server.client_id
    assert token.grant_id
    with pytest.raises(TokenError, match="scope"):
        verifier.verify(gatepost_server.access_token(), "read")


def test_a_service_gets_its_token(
    verifier: Verifier, gatepost_server: GatepostServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = command(gatepost_server.data, "app", "create", "Job", "--org", gatepost_server.org, "--kind", "service")
    app = json.loads(made.stdout)
    monkeypatch.setenv("JOB_SECRET", app["client_secret"])
    auth = ClientCredentials(gatepost_server.issuer, app["client_id"], secret_from="env:JOB_SECRET")
    token = verifier.verify(auth._session.renewed().result().access_token)
    assert (token.sub, token.grant_id) == (app["client_id"], None)


def test_a_person_logs_in_stays_in_and_logs_out(
    verifier: Verifier, gatepost_server: GatepostServer, tmp_path: Path
) -> None:
    server, redirect = gatepost_server, "http://127.0.0.1/callback"
    kind = ("--kind", "native", "--redirect", redirect, "--scope", "openid offline_access")
    app = json.loads(command(server.data, "app", "create", "Cli", "--org", server.org, *kind).stdout)
    store = FileStore(tmp_path / "token")
    auth = OAuth2Auth(server.issuer, client_id=app["client_id"], scope="openid offline_access", store=store)

    def browse(url: str) -> None:
        with Person(server.issuer, server.email, server.password, Path(certifi.where())) as person:
            person.arrive(person.visit(url))

    auth.login(open_browser=lambda url: threading.Thread(target=browse, args=(url,)).start())
    first = auth._session.fresh()
    assert first
    assert verifier.verify(first.access_token).sub.startswith("usr_")
    second = auth._session.renewed(first.access_token).result()
    assert second.access_token != first.access_token
    assert verifier.verify(second.access_token).grant_id == verifier.verify(first.access_token).grant_id
    auth.logout()
    assert store.load() is None


def test_a_person_logs_in_with_a_key(verifier: Verifier, gatepost_server: GatepostServer, tmp_path: Path) -> None:
    """Client, server and API agree on who has the key: code, refresh token and access token are of use to it alone."""
    server, redirect = gatepost_server, "http://127.0.0.1/callback"
    kind = ("--kind", "native", "--redirect", redirect, "--scope", "openid offline_access", "--require-dpop")
    app = json.loads(command(server.data, "app", "create", "Sure", "--org", server.org, *kind).stdout)
    scope, store = "openid offline_access", FileStore(tmp_path / "token")
    auth = OAuth2Auth(server.issuer, client_id=app["client_id"], scope=scope, store=store, dpop=True)

    def browse(url: str) -> None:
        with Person(server.issuer, server.email, server.password, Path(certifi.where())) as person:
            person.arrive(person.visit(url))

    auth.login(open_browser=lambda url: threading.Thread(target=browse, args=(url,)).start())
    kept = store.load()
    assert kept is not None
    assert kept.key
    # Another process, which has but what the first one kept.
    again = OAuth2Auth(server.issuer, client_id=app["client_id"], scope=scope, store=store, dpop=True)
    with httpx.Client(auth=again) as api:
        assert api.get(f"{server.issuer}/userinfo").json()["sub"].startswith("usr_")
    second = again._session.renewed(kept.access_token).result()
    assert (second.key, second.access_token != kept.access_token) == (kept.key, True)
    assert _refusal(verifier, second.access_token) == "bound"
    url = f"{server.issuer}/agents"
    text = ProofKey(kept.key).prove("GET", url, time.time(), token=second.access_token)
    assert verifier.verify(second.access_token, proof=Proof(text, "GET", url)).sub.startswith("usr_")
    thief = OAuth2Auth(server.issuer, client_id=app["client_id"], store=MemoryStore(), dpop=True)
    thief._session.keep(replace(second, key=ProofKey.fresh().text, renew_at=0))
    with pytest.raises(GatepostError) as refused:
        thief._session.renewed(second.access_token).result()
    assert refused.value.code == "invalid_grant"
    auth.logout()


def test_a_revocation_is_known_at_once(gatepost_server: GatepostServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_API_KEY", gatepost_server.api_key)
    verifier = Verifier(gatepost_server.issuer, audience=gatepost_server.issuer, revocation="5s")
    raw = gatepost_server.access_token()
    verifier.verify(raw)
    headers = {"authorization": f"Bearer {gatepost_server.api_key}"}
    urllib.request.urlopen(
        urllib.request.Request(f"{gatepost_server.issuer}/revoke", f"token={raw}".encode(), headers)
    ).close()
    _wait_until_refused(verifier, raw)
    verifier.close()


def test_a_chain_of_agents_is_cut_where_its_tokens_are_verified(
    gatepost_server: GatepostServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = gatepost_server
    monkeypatch.setenv("GATEPOST_API_KEY", server.api_key)
    verifier = Verifier(server.issuer, audience=server.issuer, revocation="5s")
    agents = [_make_agent(server, name) for name in ("First", "Second")]
    tokens = [server.access_token()]
    for agent in agents:
        tokens.append(_exchanged(server, agent, tokens[-1]))
    assert [verifier.verify(raw).actor for raw in tokens] == [None, *(agent["client_id"] for agent in agents)]
    command(server.data, "app", "disable", agents[0]["client_id"])
    _wait_until_refused(verifier, tokens[2])
    assert [_refusal(verifier, raw) for raw in tokens] == [None, "revoked", "revoked"]
    verifier.close()


def _make_agent(server: GatepostServer, name: str) -> dict[str, str]:
    grants = ("--kind", "service", "--grants", TOKEN_EXCHANGE)
    agent: dict[str, str] = json.loads(command(server.data, "app", "create", name, "--org", server.org, *grants).stdout)
    return agent


def _exchanged(server: GatepostServer, agent: dict[str, str], subject_token: str) -> str:
    form = {name: agent[name] for name in ("client_id", "client_secret")}
    form |= {"grant_type": TOKEN_EXCHANGE, "subject_token": subject_token}
    form["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
    with urllib.request.urlopen(f"{server.issuer}/token", urlencode(form).encode()) as answer:
        return str(json.load(answer)["access_token"])


def _wait_until_refused(verifier: Verifier, raw: str) -> None:
    since = time.monotonic()
    while _refusal(verifier, raw) != "revoked":
        # The aim is 0.1; the bound leaves room for a busy machine.
        assert time.monotonic() - since < 2
        time.sleep(0.001)


def _refusal(verifier: Verifier, raw: str) -> str | None:
    try:
        verifier.verify(raw)
    except TokenError as error:
        return error.code
    return None
