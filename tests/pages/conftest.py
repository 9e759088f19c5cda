"""One server and one browser for the whole folder; each test has visitors of its own."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, sync_playwright

from gatepost.oauth.client_metadata import DEVICE_CODE
from programs import find
from servers import UNLIMITED, Server, command, running
from wire.world import Client

from .visitor import BETA, BYE, HOME, LOCAL, NATIVE, SCOPE, TV, WEB, Kept, Visitor, Who

OpenVisitor: TypeAlias = Callable[..., Visitor]

PASSWORD = "a long enough password"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("pages") / "data"
    with running("dev", data, "--host", "localhost", settings=UNLIMITED | {"GATEPOST_SIGN_UP": "open"}) as server:
        _run(server, "org", "create", "Beta")
        _run(server, "org", "edit", "Beta", "--accent", "#7c3aed")
        _bring(server, server.ready["org"], WEB, NATIVE, LOCAL, TV)
        _bring(server, "Beta", BETA)
        _run(server, "org", "edit", "Beta", "--apps-need-approval")
        yield server


def _run(server: Server, *arguments: str, stdin: str = "") -> None:
    done = command(server.data, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr


def _bring(server: Server, org: str, *apps: Client) -> None:
    file = server.data.with_name("apps.json")
    file.write_text(json.dumps([_metadata(app) for app in apps]))
    _run(server, "app", "import", str(file), "--org", org)


def _metadata(app: Client) -> dict[str, Any]:
    known = {"client_id": app.client_id, "client_name": f"The {app.client_id} app", "redirect_uris": [app.redirect]}
    public = {"application_type": "native", "token_endpoint_auth_method": "none"}
    if app is TV:
        return known | public | {"scope": SCOPE, "grant_types": [DEVICE_CODE, "refresh_token"]}
    bye = {"client_secret": app.secret, "post_logout_redirect_uris": [BYE], "client_uri": HOME}
    return known | {"scope": SCOPE} | (bye if app.secret else public)


@pytest.fixture(scope="package")
def owner(server: Server) -> Who:
    """The owner of the demo organization, who signs in with a password."""
    return Who(server.ready["user"]["email"], server.ready["user"]["password"])


@pytest.fixture(scope="package")
def of_beta(server: Server) -> Who:
    """The owner of an organization that approves apps of others first."""
    who = Who("owner@beta.test", PASSWORD)
    _run(server, "user", "create", who.email, "--org", "Beta", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    return who


@pytest.fixture(scope="package")
def of_two(server: Server) -> Who:
    """The owner of two organizations."""
    who = Who("owner@gamma.test", PASSWORD)
    for org in ("Gamma", "Delta"):
        _run(server, "org", "create", org)
        _run(server, "user", "create", who.email, "--org", org, "--role", "owner", "--password-stdin", stdin=PASSWORD)
    return who


@pytest.fixture
def somebody(server: Server, request: pytest.FixtureRequest) -> Who:
    """A person of this test alone."""
    email = f"{abs(hash(request.node.nodeid))}@demo.test"
    _run(server, "user", "create", email, "--org", server.ready["org"], "--password-stdin", stdin=PASSWORD)
    return Who(email, PASSWORD)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """It is gone before other folders' tests begin: while it is there, no event loop of theirs could run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find("chromium-headless-shell"))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def kept() -> Kept:
    """What browsers kept of people who signed in, so that not every visit has to begin with that."""
    return {}


@pytest.fixture
def open_visitor(browser: Browser, server: Server, owner: Who, kept: Kept) -> Iterator[OpenVisitor]:
    """Opens a visitor, with options of the browser's. None of them may have had anything to complain about."""
    opened: list[Visitor] = []

    def open_one(who: Who = owner, **options: Any) -> Visitor:
        opened.append(Visitor(browser.new_context(**options), server.ready, who, kept))
        return opened[-1]

    yield open_one
    for visitor in opened:
        visitor.close()
    assert [visitor.complaints for visitor in opened] == [[]] * len(opened)


@pytest.fixture
def visitor(open_visitor: OpenVisitor) -> Visitor:
    return open_visitor()
