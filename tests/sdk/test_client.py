"""Tokens for clients: put on requests by each HTTP library, renewed once for all who need one, kept where they are told to be."""

import asyncio
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import httpx
import httpx2
import pytest
import requests

from gatepost_sdk import GatepostError
from gatepost_sdk.client import ClientCredentials, FileStore, KeyringStore, MemoryStore, OAuth2Auth, Store, Tokens

from .network import Clock
from .ring import Ring
from .world import World

Get = Callable[[Any, str], int]


@pytest.fixture
def job(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ClientCredentials:
    monkeypatch.setenv("ACME_SECRET", "s3cret")
    return ClientCredentials(
        world.issuer, "app_job", secret_from="env:ACME_SECRET", scope="agents:run", resource="https://a", clock=clock
    )


@pytest.fixture
def person(world: World, clock: Clock) -> OAuth2Auth:
    """Somebody who is logged in, with a token that an hour has passed over."""
    world.refresh_token = "refresh-0"
    store = MemoryStore()
    store.save(Tokens("access-0", "refresh-0", clock.now - 3000, clock.now - 3100))
    return OAuth2Auth(world.issuer, client_id="app_cli", store=store, clock=clock)


def by_httpx(auth: Any, url: str) -> int:
    with httpx.Client(auth=auth) as client:
        return client.get(url).status_code


def by_httpx2(auth: Any, url: str) -> int:
    with httpx2.Client(auth=auth) as client:
        return client.get(url).status_code


def by_requests(auth: Any, url: str) -> int:
    with requests.Session() as session:
        session.auth = auth
        return session.get(url, timeout=10).status_code


def by_async_httpx(auth: Any, url: str) -> int:
    async def get() -> int:
        async with httpx.AsyncClient(auth=auth) as client:
            return (await client.get(url)).status_code

    return asyncio.run(get())


def by_async_httpx2(auth: Any, url: str) -> int:
    async def get() -> int:
        async with httpx2.AsyncClient(auth=auth) as client:
            return (await client.get(url)).status_code

    return asyncio.run(get())


LIBRARIES = pytest.mark.parametrize("get", [by_httpx, by_httpx2, by_requests, by_async_httpx, by_async_httpx2])


@LIBRARIES
def test_a_token_is_gotten_once_and_used_again(job: ClientCredentials, world: World, get: Get) -> None:
    assert [get(job, f"{world.issuer}/api") for _ in range(3)] == [200] * 3
    assert world.asked["client_credentials"] == 1
    assert world.forms == [{"grant_type": "client_credentials", "scope": "agents:run", "resource": "https://a"}]


@LIBRARIES
def test_a_rejected_token_is_replaced_once(job: ClientCredentials, world: World, get: Get) -> None:
    assert get(job, f"{world.issuer}/api") == 200
    world.good.clear()
    assert get(job, f"{world.issuer}/api") == 200
    assert (world.asked["client_credentials"], world.asked["/api"]) == (2, 3)


@LIBRARIES
def test_an_api_that_rejects_every_token_is_asked_twice(
    job: ClientCredentials, world: World, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "good", type("Nothing", (set,), {"add": lambda *_: None})())
    assert get(job, f"{world.issuer}/api") == 401
    assert world.asked["/api"] == 2


def test_a_body_that_was_streamed_is_not_sent_again(job: ClientCredentials, world: World) -> None:
    with httpx.Client(auth=job) as client:
        client.get(f"{world.issuer}/api")
        world.good.clear()
        body = (part for part in [b"once"])
        sent = client.post(f"{world.issuer}/api", content=body, headers={"content-length": "4"})
        assert sent.status_code == 401
        assert client.post(f"{world.issuer}/api", content=b"again").json() == {"body": "again"}


def test_a_token_is_renewed_early(job: ClientCredentials, world: World, clock: Clock) -> None:
    by_httpx(job, f"{world.issuer}/api")
    clock.now += 0.75 * 600 - 1
    by_httpx(job, f"{world.issuer}/api")
    assert world.asked["client_credentials"] == 1
    clock.now += 0.1 * 600 + 2
    by_httpx(job, f"{world.issuer}/api")
    assert world.asked["client_credentials"] == 2


def test_while_the_issuer_is_down_the_old_token_goes_on_until_it_expires(
    job: ClientCredentials, world: World, clock: Clock
) -> None:
    by_httpx(job, f"{world.issuer}/api")
    world.down = True
    clock.now += 0.9 * 600
    assert [by_httpx(job, f"{world.issuer}/api") for _ in range(3)] == [200] * 3
    assert world.asked["client_credentials"] == 2, "it is not asked again with every request"
    clock.now += 0.2 * 600
    with pytest.raises(GatepostError, match="Later") as caught:
        by_httpx(job, f"{world.issuer}/api")
    assert (caught.value.code, caught.value.event_id) == ("temporarily_unavailable", "evt_1")


def test_threads_renew_once(person: OAuth2Auth, world: World) -> None:
    outcomes: list[int] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(by_httpx(person, f"{world.issuer}/api"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [200] * 8
    assert world.asked["refresh_token"] == 1


async def test_tasks_renew_once(person: OAuth2Auth, world: World) -> None:
    async with httpx2.AsyncClient(auth=person) as client:
        answers = await asyncio.gather(*(client.get(f"{world.issuer}/api") for _ in range(8)))
    assert [each.status_code for each in answers] == [200] * 8
    assert world.asked["refresh_token"] == 1


def test_processes_renew_once(world: World, tmp_path: Path) -> None:
    """Each has the same expired token in the same file; the issuer takes a second use of a refresh token for a theft."""
    world.refresh_token = "refresh-0"
    FileStore(tmp_path / "token").save(Tokens("access-0", "refresh-0", 0, 0))
    code = f"""
from gatepost_sdk.client import FileStore, OAuth2Auth
auth = OAuth2Auth({world.issuer!r}, client_id="app_cli", store=FileStore({str(tmp_path / "token")!r}))
print(auth._session.renewed().result().access_token)
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]
    shown = {process.communicate(timeout=60)[0] for process in started}
    assert len(shown) == 1
    assert shown.pop().startswith(b"access-")
    assert world.asked["refresh_token"] == 1


def test_a_dead_login_is_forgotten_and_says_so(person: OAuth2Auth, world: World) -> None:
    world.refresh_token = "another"
    with pytest.raises(GatepostError, match="Replayed") as caught:
        by_httpx(person, f"{world.issuer}/api")
    assert (caught.value.code, caught.value.event_id) == ("invalid_grant", "evt_2")
    with pytest.raises(GatepostError, match="login") as caught:
        by_httpx(person, f"{world.issuer}/api")
    assert caught.value.code == "login_required"
    assert world.asked["refresh_token"] == 1


def test_a_redirect_to_another_host_takes_no_token_along(job: ClientCredentials, world: World) -> None:
    """requests drops the header there, and what is sent again from its hook must not bring it back."""
    request = requests.Request("GET", f"{world.issuer}/api", auth=job).prepare()
    del request.headers["Authorization"]
    response = requests.Response()
    response.status_code, response.request = 401, request
    (hook,) = request.hooks["response"]
    assert hook(response) is response


class Browser:
    """What the person's browser does with the URL: comes back with a code, unless something is changed on the way."""

    def __init__(self, **changes: str) -> None:
        self.changes = changes
        self.asked: dict[str, str] = {}

    def __call__(self, url: str) -> None:
        self.asked = dict(parse_qsl(urlsplit(url).query))
        threading.Thread(target=self._come_back).start()

    def _come_back(self) -> None:
        place = self.asked["redirect_uri"]
        urlopen(f"{place}?{urlencode({'state': 'forged', 'code': 'evil'})}").close()
        answer = {"state": self.asked["state"], "code": "code-1", **self.changes}
        with urlopen(f"{place}?{urlencode({k: v for k, v in answer.items() if v})}") as page:
            assert b"close this window" in page.read()


def test_a_person_logs_in_by_a_browser_beside_the_program(world: World, clock: Clock) -> None:
    auth = OAuth2Auth(world.issuer, client_id="app_cli", scope="agents:read", resource="https://a", clock=clock)
    browser = Browser(iss=world.issuer)
    auth.login(open_browser=browser)
    assert by_httpx(auth, f"{world.issuer}/api") == 200
    assert browser.asked["code_challenge_method"] == "S256"
    assert (browser.asked["scope"], browser.asked["resource"]) == ("agents:read", "https://a")
    (form,) = world.forms
    assert (form["code"], form["redirect_uri"]) == ("code-1", browser.asked["redirect_uri"])
    assert form["redirect_uri"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.test"}, "wrong_issuer"),
        ({"code": "", "error": "access_denied", "error_description": "No."}, "access_denied"),
    ],
)
def test_a_login_that_went_wrong_gives_no_tokens(world: World, changes: dict[str, str], code: str) -> None:
    auth = OAuth2Auth(world.issuer, client_id="app_cli")
    with pytest.raises(GatepostError) as caught:
        auth.login(open_browser=Browser(**changes))
    assert caught.value.code == code
    assert not world.forms


def test_a_person_logs_in_by_a_browser_elsewhere(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    world.device_answers = ["authorization_pending", "slow_down", "authorization_pending"]
    auth, said = OAuth2Auth(world.issuer, client_id="app_cli", clock=clock), list[str]()
    monkeypatch.setattr("gatepost_sdk.login.sleep", slept.append)
    auth.login(device=True, show=said.append)
    assert said == [f"Open {world.issuer}/device and enter the code ABCD-EFGH"]
    assert slept == [5, 5, 10, 10]
    assert by_httpx(auth, f"{world.issuer}/api") == 200


def test_a_refused_device_ends_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost_sdk.login.sleep", lambda _: None)
    world.device_answers = ["access_denied"]
    with pytest.raises(GatepostError) as caught:
        OAuth2Auth(world.issuer, client_id="app_cli").login(device=True, show=lambda _: None)
    assert caught.value.code == "access_denied"


def test_logging_out_ends_the_access_at_the_issuer_too(person: OAuth2Auth, world: World) -> None:
    by_httpx(person, f"{world.issuer}/api")
    person.logout()
    assert world.forms[-1] == {"token": world.refresh_token, "client_id": "app_cli"}
    with pytest.raises(GatepostError, match="Nobody is logged in"):
        by_httpx(person, f"{world.issuer}/api")


STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "file": lambda directory: FileStore(directory / "deep" / "token"),
    "keyring": lambda _: KeyringStore("acme-cli"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HOME", str(tmp_path))
    return STORES[request.param](tmp_path)


def test_a_store_keeps_what_it_is_given(store: Store) -> None:
    tokens = Tokens("access", "refresh", 600, 480)
    assert store.load() is None
    with store.lock():
        store.save(tokens)
    assert store.load() == tokens
    assert "access" not in repr(tokens)
    store.save(None)
    store.save(None)
    assert store.load() is None


def test_a_stores_lock_keeps_others_out(store: Store) -> None:
    entered = threading.Event()

    def enter() -> None:
        with store.lock():
            entered.set()

    thread = threading.Thread(target=enter)
    with store.lock():
        thread.start()
        assert not entered.wait(0.05)
    thread.join(10)
    assert entered.is_set()


def test_the_lock_of_a_keyring_is_where_its_user_alone_makes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with KeyringStore("acme-cli").lock():
        (lock,) = tmp_path.rglob("*.lock")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lock, lock.parent)] == [0o600, 0o700]


def test_tokens_that_could_not_be_kept_are_not_left_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(OSError, match="token"):
        FileStore(tmp_path / "token").save(Tokens("access", "refresh", 600, 480))
    assert [each.name for each in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("place", ["env:ACME_SECRET", "file:/nowhere/secret", "s3cret"])
def test_a_secret_that_is_not_there_says_where_it_was_looked_for(
    world: World, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_SECRET", raising=False)
    auth = ClientCredentials(world.issuer, "app_job", secret_from=place)
    with pytest.raises(GatepostError) as caught:
        by_httpx(auth, "https://a/")
    assert caught.value.code == "no_secret"
    assert "env:NAME" in caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_token_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "deep" / "token")
    store.save(Tokens("access", None, 600, 480))
    assert stat.S_IMODE((tmp_path / "deep" / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    (tmp_path / "deep" / "token").write_text('{"something": "else"}')
    with pytest.raises(ValueError, match="not a set of tokens"):
        store.load()
