"""openid-client and oauth4webapi: the same lives, lived by each, and every answer of ours judged by them."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from programs import NODE, find, package

from .conftest import BY_BASIC, BY_POST, BYE, DEVICE, ODD_BY_BASIC, PUBLIC, REDIRECT, SCOPE, SERVICE, App
from .person import Person
from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

PATIENCE = 30


class Script:
    """A script of `node/` while it runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def say(self, value: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, self._process.communicate(timeout=PATIENCE)[1]
        return json.loads(line)


@contextlib.contextmanager
def started(library: str, tls: Tls) -> Iterator[Script]:
    script = NODE / f"{package(library).name.replace('-', '_')}.mjs"
    with subprocess.Popen(
        [find("node"), script],
        env=os.environ | {"NODE_EXTRA_CA_CERTS": str(tls.authority)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield Script(process)
        process.kill()


class Life:
    """What a library does with an app, step by step; `person` sits at the browser where a step needs one."""

    def __init__(self, library: str, issuer: str, tls: Tls, person: Person) -> None:
        self._library, self._issuer, self._tls, self._person = library, issuer, tls, person

    def live(
        self, app: App, *steps: str, scope: str = SCOPE, extra: dict[str, str] | None = None, decision: str = "allow"
    ) -> Any:
        """What the library has at the end. `extra` is what its authorization request has besides the usual."""
        plan = {"redirect": REDIRECT, "scope": scope, "steps": steps, "extra": extra or {}, "bye": BYE}
        with started(self._library, self._tls) as script:
            script.say(app.settings(self._issuer) | plan)
            while isinstance(heard := script.hear(), str):
                script.say(self._person.visit(heard, decision=decision)._asdict())
            return heard


@pytest.fixture(params=["openid-client", "oauth4webapi"])
def life(request: pytest.FixtureRequest, issuer: str, tls: Tls, person: Person) -> Life:
    return Life(request.param, issuer, tls, person)


@pytest.mark.parametrize("app", [BY_BASIC, BY_POST, ODD_BY_BASIC], ids=["basic", "post", "odd"])
def test_a_confidential_app_lives_its_whole_life(life: Life, issuer: str, app: App) -> None:
    end = life.live(app, "login", "userinfo", "refresh", "introspect", "revoke", "introspect")
    assert (end["claims"]["iss"], end["claims"]["aud"]) == (issuer, app.client_id)
    assert end["userinfo"]["email"] == "owner@demo.test"
    assert end["refresh_token"] != end["replaced"]
    assert end["seen"] == {"active": False}


def test_what_an_app_introspects_is_its_own_token(life: Life, issuer: str) -> None:
    seen = life.live(BY_BASIC, "login", "introspect")["seen"]
    assert seen["active"] is True
    assert (seen["client_id"], seen["iss"], seen["token_type"]) == ("web", issuer, "Bearer")


def test_a_public_app_logs_in_and_refreshes(life: Life) -> None:
    end = life.live(PUBLIC, "login", "refresh", "userinfo")
    assert end["userinfo"]["sub"] == end["claims"]["sub"]


@pytest.mark.parametrize(
    ("step", "extra"),
    [
        ("par", {}),
        ("login", {"response_mode": "form_post"}),
        ("par", {"response_mode": "form_post", "prompt": "login"}),
        ("login", {"prompt": "consent", "max_age": "300", "ui_locales": "ar"}),
    ],
    ids=["par", "form_post", "both", "prompted"],
)
def test_a_request_goes_and_an_answer_comes_in_every_way(life: Life, step: str, extra: dict[str, str]) -> None:
    assert life.live(BY_BASIC, step, extra=extra)["claims"]["aud"] == "web"


def test_a_device_is_connected_and_goes_on_by_itself(life: Life) -> None:
    end = life.live(DEVICE, "device", "userinfo", "refresh", decision="connect")
    assert end["userinfo"]["email"] == "owner@demo.test"
    assert end["claims"]["aud"] == "tv"


def test_an_app_signs_its_person_out(issuer: str, tls: Tls, person: Person) -> None:
    end = Life("openid-client", issuer, tls, person).live(BY_BASIC, "login", "logout")
    assert end["left"] == f"{BYE}?state=a%20state"
    assert not person.is_signed_in()


def test_a_service_gets_a_token_for_itself(life: Life) -> None:
    tokens = life.live(SERVICE, "service", scope="read")
    assert tokens["scope"] == "read"
    assert tokens["token_type"].lower() == "bearer"
    assert "refresh_token" not in tokens


def test_a_library_understands_that_the_person_said_no(life: Life) -> None:
    with pytest.raises(AssertionError, match="access_denied"):
        life.live(BY_BASIC, "login", extra={"prompt": "consent"}, decision="deny")


def test_an_api_that_others_wrote_accepts_our_access_tokens(issuer: str, tls: Tls, person: Person) -> None:
    judged = Life("oauth4webapi", issuer, tls, person).live(BY_BASIC, "login", "judge")["judged"]
    assert (judged["iss"], judged["client_id"]) == (issuer, "web")
