"""What a command does that the API does too: roles, members, and one thing of a list."""

from cli.conftest import Gatepost, Shop
from gatepost.flows.roles import ROLES


def member(gatepost: Gatepost, org: str, email: str, role: str) -> str:
    id: str = gatepost.json("user", "create", email, "--org", org, "--role", role)["id"]
    return id


def test_roles_are_listed_with_what_they_let_people_do(gatepost: Gatepost) -> None:
    listed = {each["role"]: each for each in gatepost.json("role", "list")}
    assert list(listed) == list(ROLES)
    assert "owners_write" in listed["owner"]["may"]
    assert "owners_write" not in listed["admin"]["may"]
    assert "apps_write" in listed["developer"]["may_own"]
    assert listed["member"] == {"role": "member", "may": [], "may_own": []}


def test_a_member_gets_another_role(gatepost: Gatepost, acme: str) -> None:
    member(gatepost, acme, "ana@acme.dev", "developer")
    changed = gatepost.json("user", "role", "ana@acme.dev", "auditor", "--org", acme)
    assert changed["role"] == "auditor"
    assert gatepost.json("user", "show", "ana@acme.dev", "--org", acme).items() >= changed.items()
    gatepost.refused(2, "user", "role", "ana@acme.dev", "emperor", "--org", acme)


def test_a_member_is_removed_but_not_the_last_owner(gatepost: Gatepost, acme: str) -> None:
    owner = member(gatepost, acme, "ana@acme.dev", "owner")
    assert "last one" in gatepost.refused(5, "user", "remove", owner, "--org", acme)["message"]
    assert "last one" in gatepost.refused(5, "user", "role", owner, "admin", "--org", acme)["message"]
    member(gatepost, acme, "bea@acme.dev", "owner")
    assert gatepost.json("user", "remove", owner, "--org", acme)["removed"]
    assert [each["email"] for each in gatepost.json("user", "list", "--org", acme)] == ["bea@acme.dev"]
    gatepost.refused(4, "user", "remove", owner, "--org", acme)


def test_an_organization_is_renamed(gatepost: Gatepost, acme: str) -> None:
    assert gatepost.json("org", "edit", "Acme", "--name", "Acme Ltd")["name"] == "Acme Ltd"
    assert gatepost.json("org", "show", "Acme Ltd")["id"] == acme
    gatepost.refused(2, "org", "edit", acme, "--name", " ")


def test_one_of_a_list_is_shown(gatepost: Gatepost, shop: Shop) -> None:
    (grant,) = gatepost.json("grant", "list", "--org", shop.org)
    assert gatepost.json("grant", "show", grant["id"], "--org", shop.org) == grant
    (key,) = gatepost.json("key", "list", "--org", shop.org)
    assert gatepost.json("key", "show", shop.key_id) == key
    event = gatepost.json("events", "list", "--org", shop.org)[-1]
    assert gatepost.json("events", "show", event["id"], "--org", shop.org) == event
    for noun in ("grant", "events"):
        gatepost.refused(4, noun, "show", shop.key_id, "--org", shop.org)
    gatepost.refused(4, "key", "show", grant["id"])
