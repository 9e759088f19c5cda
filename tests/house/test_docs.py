"""The documents say what is so: what can be written from the code is, and what they name exists."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from gatepost import flows
from gatepost.api.endpoints import ENDPOINTS, PREFIX
from gatepost.opening import open_instance
from gatepost.settings import load_settings
from gatepost.web.app import App
from gatepost.web.message import Request
from gatepost.wiring import build_app

from .source import PACKAGE, ROOT, assert_none, assert_same, definitions, modules, sdk, suite
from .write_docs import DOCUMENTS, written

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
MENTION = re.compile(r"\b(docs/[a-z_]+\.md|[A-Z]+\.md)\b")
ROUTE = re.compile(r"^\| `(/[^`]*)` \| ([A-Z ]+|\*) \|", re.MULTILINE)
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)
REQUIREMENT = re.compile(r"[a-z0-9-]+")
MAP_MARGIN = 28
"""Where the names begin in the map at the head of `flows`."""


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_what_the_code_knows_is_written_from_it(name: str) -> None:
    assert (ROOT / name).read_text() == written(name), "run `make docs`"


def test_links_lead_somewhere() -> None:
    assert_none(
        f"{page.relative_to(ROOT)} links to {path}#{anchor}"
        for page in PAGES
        for path, anchor in LINK.findall(page.read_text())
        if not _leads(page, path, anchor)
    )


def test_the_code_names_documents_that_exist() -> None:
    assert_none(
        f"{module.path.relative_to(ROOT)} names {name}"
        for module in (*modules(), *sdk(), *suite())
        for name in MENTION.findall(module.text)
        if not (ROOT / name).exists()
    )


def test_the_tour_names_what_exists() -> None:
    assert_none(_unknown_in_tour((ROOT / "docs" / "tour.md").read_text()))


def test_the_map_of_the_verbs_has_all_of_them() -> None:
    rows = [line[MAP_MARGIN:] for line in (flows.__doc__ or "").splitlines() if line.startswith("    ")]
    found = {module.name.split(".")[1] for module in modules() if module.name.startswith("flows.")}
    assert_same(found, " ".join(rows).split())


def test_every_dependency_is_accounted_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    accounted = ROW.findall((ROOT / "docs" / "dependencies.md").read_text())
    assert_same((_package(each) for each in needed), accounted)


async def test_every_route_is_documented_and_the_metadata_leads_to_routes(tmp_path: Path) -> None:
    settings = load_settings({"data": str(tmp_path), "registration.mode": "open", "metrics.token": "t"}, {}, None, {})
    instance = open_instance(settings, "https://auth.example")
    app = build_app(settings, instance)
    routes = {path.decode(): " ".join(sorted(route.methods)) for path, route in app._routes.items()}
    # The endpoints of the API are in its own document.
    routes = {path: methods for path, methods in routes.items() if path.removeprefix(PREFIX) not in ENDPOINTS}
    documented = ROUTE.findall((ROOT / "docs" / "routes.md").read_text())
    assert_same(
        (f"{path} {methods}" for path, methods in routes.items()),
        (f"{path} {' '.join(sorted(methods.split()))}" for path, methods in documented),
    )
    for name in ("oauth-authorization-server", "openid-configuration"):
        assert_none(f"{url} in {name}" for url in await _endpoints(app, name) if url not in routes)
    instance.store.close()


def _leads(page: Path, path: str, anchor: str) -> bool:
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in {_slug(heading) for heading in HEADING.findall(target.read_text())}


def _slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and GitLab make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _unknown_in_tour(tour: str) -> Iterator[str]:
    """Files that are not there, and functions that the file named before them does not define."""
    here: set[str] = set()
    for span in SPAN.findall(tour):
        if span.endswith(".py"):
            if not (PACKAGE / span).exists():
                yield f"{span} is no file"
            here = {node.name for each in modules() if each.path == PACKAGE / span for node in definitions(each)}
        elif span.endswith("()") and span.removesuffix("()") not in here:
            yield f"{span} is not in the file named before it"


def _package(requirement: str) -> str:
    found = REQUIREMENT.match(requirement)
    assert found
    return found[0]


async def _endpoints(app: App, name: str) -> list[str]:
    """The paths that a document of metadata leads to."""
    reply = await app.answer(Request("GET", b"/.well-known/" + name.encode(), b"", {}, "", b""))
    document = orjson.loads(reply.body)
    urls = [url for key, url in document.items() if key.endswith(("_endpoint", "_uri"))]
    assert urls
    return [url.removeprefix(document["issuer"]) for url in urls]
