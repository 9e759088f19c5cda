"""Paths with names in them lead to their routes, and to no other."""

import pytest

from gatepost.web.places import Places

PLACES = Places({path: path for path in ("/o/{org}", "/o/{org}/apps", "/o/{org}/apps/{app}", "/o/help")})


@pytest.mark.parametrize(
    ("path", "place", "names"),
    [
        (b"/o/acme", "/o/{org}", {"org": "acme"}),
        (b"/o/acme/apps", "/o/{org}/apps", {"org": "acme"}),
        (b"/o/acme/apps/a.b~c-d_e", "/o/{org}/apps/{app}", {"org": "acme", "app": "a.b~c-d_e"}),
        (b"/o/help", "/o/help", {}),
    ],
)
def test_a_path_leads_to_its_place(path: bytes, place: str, names: dict[str, str]) -> None:
    assert PLACES.find(path) == (place, names)


@pytest.mark.parametrize(
    "path",
    [
        *(b"", b"/", b"/o", b"/o/", b"/o//apps", b"/o/acme/", b"/o/acme/other", b"/o/help/apps", b"/o/{}/apps"),
        *(b"/o/a%2Fb", b"/o/" + b"a" * 201, b"o/acme", b"/o/acme/apps/x/y", b"//o/acme"),
    ],
)
def test_anything_else_leads_nowhere(path: bytes) -> None:
    assert PLACES.find(path) is None
