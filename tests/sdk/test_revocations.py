"""The revocation feed as a verifier follows it: what an entry refuses, how soon, and what holds when the feed is silent."""

import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gatepost_sdk import TokenError, Verifier
from gatepost_sdk.fetch import Answer, Ask
from gatepost_sdk.revocations import SPARE_SECONDS, Revoked
from gatepost_sdk.secret import parse_duration, read_secret
from gatepost_sdk.testing import Issuer
from gatepost_sdk.verifier import WhenStale

from .conftest import AUDIENCE
from .network import Clock

ISSUER = "https://auth.test"
KEY = "gp_key_1"


class Server:
    """An issuer with a feed, which long-polls as the real one does, in pages of two entries; and with introspection."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.mint = issuer.mint
        self.entries: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.changes: dict[str, Any] = {}
        self.active = True
        self.down = False
        self.told = threading.Condition()

    def __call__(self, ask: Ask) -> Answer:
        parts = urlsplit(ask.url)
        if parts.path not in ("/revocations", "/introspect"):
            answer = self.issuer.fetch(ask)
            endpoints = {
                "revocation_feed_endpoint": f"{ISSUER}/revocations",
                "introspection_endpoint": f"{ISSUER}/introspect",
            }
            return answer._replace(body=json.dumps(json.loads(answer.body) | endpoints).encode())
        if self.down:
            raise OSError("no route to host")
        assert ask.headers["authorization"] == f"Bearer {KEY}"
        if parts.path == "/introspect":
            return Answer(200, {}, json.dumps({"active": self.active}).encode())
        return self._page(dict(parse_qsl(parts.query)))

    def revoke(self, kind: str, subject: str, **more: Any) -> None:
        with self.told:
            at = more.pop("at", int(time.time()))
            self.entries.append({"seq": len(self.entries) + 1, "kind": kind, "id": subject, "at": at, **more})
            self.told.notify_all()

    def _page(self, asked: dict[str, str]) -> Answer:
        after = int(asked["after"])
        with self.told:
            self.asked.append(asked)
            self.told.notify_all()
            self.told.wait_for(lambda: len(self.entries) > after, int(asked["wait"]))
            entries = self.entries[after : after + 2]
            seq = after + len(entries)
            page = {"bound": 600, "after": after, "seq": seq, "more": seq < len(self.entries), "entries": entries}
        raw = self.mint(**{"typ": "revocations+jwt", **page, **self.changes})
        return Answer(200, {}, raw.encode())

    def polled(self, after: int) -> None:
        """Wait until the verifier has read this many entries, and asks for more."""
        with self.told:
            assert self.told.wait_for(lambda: any(int(each["after"]) >= after for each in self.asked), 10)


@pytest.fixture
def server(issuer: Issuer) -> Server:
    return Server(issuer)


@pytest.fixture
def follower(server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    monkeypatch.setenv("GATEPOST_API_KEY", KEY)
    verifier = _verifier(server, clock, "refuse")
    yield verifier
    _end(verifier, server)


def _verifier(server: Server, clock: Clock, when_stale: WhenStale) -> Verifier:
    return Verifier(ISSUER, audience=AUDIENCE, revocation="30s", when_stale=when_stale, fetch=server, clock=clock)


def _end(verifier: Verifier, server: Server) -> None:
    verifier.close()
    server.revoke("nothing", "to wake it")
    assert verifier._feed
    thread = verifier._feed._thread
    if thread:
        thread.join(10)
        assert not thread.is_alive()


def refusal(verifier: Verifier, raw: str) -> str:
    with pytest.raises(TokenError) as caught:
        verifier.verify(raw)
    return caught.value.code


def test_what_was_revoked_before_is_known_before_the_first_answer(
    follower: Verifier, server: Server, issuer: Issuer
) -> None:
    for number in range(5):
        server.revoke("grant", f"gnt_{number}")
    assert refusal(follower, issuer.mint(gid="gnt_4")) == "revoked"
    assert follower.verify(issuer.mint(gid="gnt_5")).grant_id == "gnt_5"
    assert [each["after"] for each in server.asked[:3]] == ["0", "2", "4"]


def test_a_revocation_reaches_a_token_that_is_remembered(follower: Verifier, server: Server, issuer: Issuer) -> None:
    raw = issuer.mint(gid="gnt_1")
    follower.verify(raw)
    server.revoke("grant", "gnt_1")
    server.polled(1)
    assert refusal(follower, raw) == "revoked"


async def test_tasks_wait_for_the_feed_too(follower: Verifier, server: Server, issuer: Issuer) -> None:
    server.revoke("grant", "gnt_1")
    with pytest.raises(TokenError, match="revoked"):
        await follower.averify(issuer.mint(gid="gnt_1"))
    await follower.averify(issuer.mint(gid="gnt_2"))


NOW = int(time.time())
TOKEN = {"gid": "gnt_1", "jti": "j1", "client_id": "app_1", "sub": "usr_1", "org": "org_1", "key": "key_1", "iat": NOW}


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"kind": "grant", "id": "gnt_1", "at": NOW - 500}, True),
        ({"kind": "grant", "id": "gnt_2", "at": NOW}, False),
        ({"kind": "token", "id": "j1", "at": NOW - 500}, True),
        ({"kind": "token", "id": "j2", "at": NOW}, False),
        ({"kind": "app", "id": "app_1", "at": NOW}, True),
        ({"kind": "app", "id": "app_1", "at": NOW - 1}, False),
        ({"kind": "key", "id": "key_1", "at": NOW}, True),
        ({"kind": "key", "id": "key_1", "at": NOW - 1}, False),
        ({"kind": "user", "id": "usr_1", "at": NOW}, True),
        ({"kind": "user", "id": "usr_1", "at": NOW - 1}, False),
        ({"kind": "user", "id": "usr_1", "org": "org_1", "at": NOW}, True),
        ({"kind": "user", "id": "usr_1", "org": "org_2", "at": NOW}, False),
        ({"kind": "org", "id": "org_1", "at": NOW}, True),
        ({"kind": "org", "id": "org_1", "at": NOW - 1}, False),
        ({"kind": "org", "id": "org_2", "at": NOW}, False),
        ({"kind": "a later version's", "id": "gnt_1", "at": NOW}, False),
    ],
)
def test_an_entry_refuses_what_it_names(issuer: Issuer, entry: dict[str, Any], refused: bool) -> None:
    revoked = Revoked()
    revoked.add(entry, 600)
    assert revoked.refuses(issuer.token(**TOKEN)) is refused


@pytest.mark.parametrize(
    ("kind", "id", "ago", "refused"),
    [
        ("token", "first", 500, True),
        ("token", "second", 500, True),
        ("token", "third", 0, False),
        ("app", "app_first", 0, True),
        ("app", "app_second", 0, True),
        ("app", "app_second", 1, False),
        ("app", "app_third", 0, False),
    ],
)
def test_an_exchanged_token_is_refused_with_any_that_it_came_from(
    issuer: Issuer, kind: str, id: str, ago: int, refused: bool
) -> None:
    via = [{"jti": "second", "client_id": "app_second"}, {"jti": "first", "client_id": "app_first"}]
    revoked = Revoked()
    revoked.add({"kind": kind, "id": id, "at": NOW - ago}, 600)
    assert revoked.refuses(issuer.token(**TOKEN, act={"sub": "app_1"}, via=via)) is refused


def test_a_later_entry_counts_and_an_earlier_one_takes_nothing_back(issuer: Issuer) -> None:
    revoked, token = Revoked(), issuer.token(**TOKEN)
    for at, refused in ((NOW - 10, False), (NOW, True), (NOW - 10, True)):
        revoked.add({"kind": "user", "id": "usr_1", "at": at}, 600)
        assert revoked.refuses(token) is refused


def test_entries_are_dropped_when_they_have_nothing_left_to_refuse() -> None:
    revoked = Revoked()
    for number in range(10):
        revoked.add({"kind": "grant", "id": f"gnt_{number}", "at": NOW + number}, 600)
    revoked.drop(NOW + 600 + SPARE_SECONDS - 1)
    assert len(revoked) == 10
    revoked.drop(NOW + 600 + SPARE_SECONDS + 4)
    assert len(revoked) == 5


def test_an_entry_takes_as_much_memory_as_the_guide_says() -> None:
    tracemalloc.start()
    revoked = Revoked()
    for number in range(10_000):
        revoked.add({"kind": "grant", "id": f"gnt_{number:026}", "at": NOW}, 600)
    each = tracemalloc.get_traced_memory()[0] / 10_000
    tracemalloc.stop()
    assert 200 < each < 500


def silenced(verifier: Verifier, server: Server, issuer: Issuer, clock: Clock) -> str:
    """A token that was good before the feed fell silent for longer than it may."""
    raw = issuer.mint()
    verifier.verify(raw)
    server.down = True
    server.revoke("nothing", "so that the poll that is under way ends")
    deadline = time.monotonic() + 10
    assert verifier._feed
    while not verifier._feed.fault:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    clock.now += 31
    return raw


def test_a_silent_feed_refuses_for_a_reason_that_is_not_the_callers(
    follower: Verifier, server: Server, issuer: Issuer, clock: Clock
) -> None:
    raw = silenced(follower, server, issuer, clock)
    with pytest.raises(TokenError, match="no route to host") as caught:
        follower.verify(raw)
    assert caught.value.status == 503


@pytest.mark.parametrize(("active", "code"), [(True, None), (False, "revoked")])
def test_a_silent_feed_may_let_the_issuer_be_asked(
    server: Server, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch, active: bool, code: str | None
) -> None:
    monkeypatch.setenv("GATEPOST_API_KEY", KEY)
    verifier = _verifier(server, clock, "introspect")
    raw = silenced(verifier, server, issuer, clock)
    assert refusal(verifier, raw) == "unavailable"
    verifier.close()
    server.down, server.active = False, active
    assert verifier._feed
    verifier._feed._whole_at = 0
    if code:
        assert refusal(verifier, raw) == code
    else:
        verifier.verify(raw)
    _end(verifier, server)


def test_a_feed_that_may_not_be_read_is_said_to_be_at_fault(
    server: Server, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the start: an API's tests, with an issuer of their own, need no credentials."""
    monkeypatch.delenv("GATEPOST_API_KEY", raising=False)
    verifier = _verifier(server, clock, "refuse")
    with pytest.raises(TokenError, match="no secret at env:GATEPOST_API_KEY"):
        verifier.verify(issuer.mint())
    _end(verifier, server)


def test_a_silent_feed_may_be_put_up_with(
    server: Server, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_API_KEY", KEY)
    verifier = _verifier(server, clock, "accept")
    verifier.verify(silenced(verifier, server, issuer, clock))
    _end(verifier, server)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "at+jwt"},
        {"iss": "https://evil.test"},
        {"after": 7},
        {"seq": -1},
        {"bound": "long"},
        {"iat": int(time.time()) - 600},
        {"iat": "now"},
        {"entries": None},
        {"entries": [{"kind": "grant"}]},
    ],
)
def test_a_page_that_is_wrong_is_no_page(
    follower: Verifier, server: Server, issuer: Issuer, changes: dict[str, Any]
) -> None:
    server.changes = changes
    assert refusal(follower, issuer.mint()) == "unavailable"


def impostor(issuer: Issuer, kid: str) -> Issuer:
    """One of another key, that names it so."""
    other = Issuer(ISSUER, audience=AUDIENCE)
    other.kid = kid or issuer.kid
    return other


@pytest.mark.parametrize("kid", ["", "another"])
def test_a_page_that_another_signed_is_no_page(follower: Verifier, server: Server, issuer: Issuer, kid: str) -> None:
    server.mint = impostor(issuer, kid).mint
    server.revoke("grant", "gnt_1")
    assert refusal(follower, issuer.mint()) == "unavailable"
    assert follower._feed
    assert not len(follower._feed.revoked)


def test_a_feed_that_breaks_off_is_not_taken_for_whole(
    follower: Verifier, server: Server, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did not come to tell may have been the very token."""
    for number in range(3):
        server.revoke("grant", f"gnt_{number}")
    page = server._page

    def broken(asked: dict[str, str]) -> Answer:
        if int(asked["after"]) > 0:
            raise OSError("no route to host")
        return page(asked)

    monkeypatch.setattr(server, "_page", broken)
    assert refusal(follower, issuer.mint()) == "unavailable"


def test_secrets_and_durations_are_read_as_they_are_written(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("gp_key_2\n")
    monkeypatch.setenv("A_SECRET", "gp_key_3")
    assert read_secret(f"file:{tmp_path}/key") == "gp_key_2"
    assert read_secret("env:A_SECRET") == "gp_key_3"
    for place in ("gp_key_3", "env:NOT_SET"):
        with pytest.raises(ValueError, match="secret"):
            read_secret(place)
    assert [parse_duration(each) for each in ("30s", "10m", "12h", "1.5", 7)] == [30, 600, 43_200, 1.5, 7]
    with pytest.raises(ValueError, match="duration"):
        parse_duration("soon")
