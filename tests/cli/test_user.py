"""People from the command line: one e-mail is one person, whatever its case."""

import json

import pytest

from cli.conftest import Gatepost, Shop, is_refused
from gatepost.flows.instance import Instance
from gatepost.flows.people import get_user
from gatepost.flows.sessions import SignedIn, find_signed_in, start_session
from gatepost.secrets import parse_id
from gatepost.store.events import Act
from gatepost.store.recovery import prove_email

ANA = ("user", "create", "ana@acme.dev", "--org", "Acme")


@pytest.fixture
def ana(gatepost: Gatepost, acme: str) -> str:
    """A person in Acme; their id."""
    user: str = gatepost.json(*ANA)["id"]
    return user


def test_a_person_is_made_with_a_role(gatepost: Gatepost, acme: str) -> None:
    made = gatepost.json(*ANA, "--role", "developer", "--password-stdin", stdin="correct horse\n")
    assert parse_id("usr", made["id"])
    assert {name: made[name] for name in ("email", "org", "role", "is_new")} == {
        "email": "ana@acme.dev",
        "org": acme,
        "role": "developer",
        "is_new": True,
    }
    listed = gatepost.json("user", "list", "--org", acme)
    assert [(each["id"], each["role"], each["disabled"]) for each in listed] == [(made["id"], "developer", False)]


def test_a_known_email_joins_one_organization_more(gatepost: Gatepost, ana: str) -> None:
    gatepost.json("org", "create", "Beta")
    joined = gatepost.json("user", "create", "Ana@ACME.dev", "--org", "Beta", "--role", "auditor")
    assert (joined["id"], joined["is_new"], joined["role"]) == (ana, False, "auditor")
    ran = gatepost(*ANA)
    assert ran.code == 0
    assert "known already" in ran.out


def test_who_took_an_address_unproved_is_told_of(gatepost: Gatepost, ana: str) -> None:
    """Somebody may have set the account up who is not its owner: the operator hears of it."""
    gatepost.json("org", "create", "Beta")
    again = ("user", "create", "ana@acme.dev", "--org", "Beta")
    assert gatepost.json(*again)["email_verified"] is False
    assert "Nobody has shown so far" in gatepost(*again).out
    gatepost.serve(lambda instance: instance.store.ask(prove_email(parse_id("usr", ana) or b"", Act(1, "user"))))
    assert gatepost.json(*again)["email_verified"] is True
    assert "Nobody has shown so far" not in gatepost(*again).out


def test_a_member_keeps_their_role_unless_one_is_named(gatepost: Gatepost, acme: str) -> None:
    assert gatepost.json(*ANA, "--role", "owner")["role"] == "owner"
    assert gatepost.json(*ANA)["role"] == "owner"
    assert gatepost.json(*ANA, "--role", "admin")["role"] == "admin"
    assert [each["role"] for each in gatepost.json("user", "list", "--org", acme)] == ["admin"]


@pytest.mark.parametrize("email", ["Ana@Acme.DEV", " ana@acme.dev ", "\uff41na@acme.dev"])
def test_an_email_has_one_form(gatepost: Gatepost, ana: str, email: str) -> None:
    again = gatepost.json("user", "create", email, "--org", "Acme")
    assert (again["id"], again["email"], again["is_new"]) == (ana, "ana@acme.dev", False)
    assert gatepost.json("user", "disable", email)["id"] == ana


@pytest.mark.parametrize(
    "email", ["", "ana", "ana@", "@acme.dev", "a b@acme.dev", "ana@acme..dev", "ana@acme.dev\nx", "a" * 65 + "@b.c"]
)
def test_what_is_no_email_is_refused(gatepost: Gatepost, acme: str, email: str) -> None:
    assert gatepost.refused(2, "user", "create", email, "--org", acme)["field"] == "email"
    assert gatepost.json("user", "list", "--org", acme) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("p" * 7, 2),
        ("p" * 8, 0),
        ("p" * 1000, 0),
        ("p" * 1001, 2),
        ("", 2),
        ("пароль-на-русском", 0),
        ("\udcff" * 9, 2),
    ],
    ids=["7", "8", "1000", "1001", "empty", "cyrillic", "bytes"],
)
def test_a_password_has_8_to_1000_characters(gatepost: Gatepost, acme: str, password: str, code: int) -> None:
    ran = gatepost(*ANA, "--password-stdin", stdin=password + "\n")
    assert ran.code == code
    assert not password or password not in ran.out + ran.err
    assert gatepost("user", "reset", "ana@acme.dev", stdin=password + "\n").code == (4 if code else 0)


def test_a_new_password_signs_out_whoever_knew_the_old_one(gatepost: Gatepost, ana: str) -> None:
    async def sign_in(instance: Instance) -> SignedIn | None:
        return await start_session(instance, await get_user(instance, ana, None), "pwd", "", "")

    async def find(instance: Instance) -> SignedIn | None:
        assert before
        assert before.token
        return await find_signed_in(instance, before.token.reveal(), "")

    before = gatepost.serve(sign_in)
    assert gatepost.serve(find)
    assert gatepost("user", "reset", "ana@acme.dev", stdin="a new password\n").code == 0
    assert not gatepost.serve(find)


@pytest.mark.parametrize("password", ["password", "PassWord1", "qwertyuiop", "1234567890"])
def test_a_common_password_is_for_dev_alone(
    gatepost: Gatepost, ana: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = ("user", "create", "bo@acme.dev", "--org", "Acme", "--password-stdin")
    for arguments in (bo, ("user", "reset", "ana@acme.dev")):
        assert "everybody tries first" in gatepost.refused(2, *arguments, stdin=password)["message"]
    assert len(gatepost.json("user", "list", "--org", "Acme")) == 1
    (gatepost.data / "dev.json").write_text("{}")
    assert gatepost.json(*bo, stdin=password)["is_new"] is True
    monkeypatch.setenv("GATEPOST_PASSWORDS__ALLOW_COMMON", "false")
    gatepost.refused(2, "user", "reset", "ana@acme.dev", stdin=password)


def test_a_password_is_never_an_argument(gatepost: Gatepost, acme: str) -> None:
    assert "--password" not in gatepost(*ANA[:2], "--help").out.replace("--password-stdin", "")
    assert gatepost(*ANA, "--password", "correct horse").code == 2


def test_a_disabled_person_is_refused_until_enabled(gatepost: Gatepost, shop: Shop) -> None:
    key = gatepost.json("key", "create", "--org", shop.org, "--scope", "users:act tokens:issue")["api_key"]
    ana = gatepost.json(*ANA)["id"]
    tokens = gatepost.verify(key, shop.client_id, user_id=ana)
    assert gatepost.json("user", "disable", "ana@acme.dev")["disabled"] is True
    assert is_refused(lambda: gatepost.refresh(tokens.refresh_token))
    assert is_refused(lambda: gatepost.verify(key, shop.client_id, user_id=ana))
    assert gatepost.json("user", "enable", ana)["disabled"] is False
    gatepost.refresh(tokens.refresh_token)
    gatepost.refresh(shop.tokens.refresh_token)


@pytest.mark.parametrize("verb", ["disable", "enable", "reset"])
def test_whoever_is_not_there_is_not_found(gatepost: Gatepost, ana: str, verb: str) -> None:
    gatepost.json("org", "create", "Beta")
    for arguments in (["bo@acme.dev"], ["usr_" + "0" * 32], ["ana@acme.dev", "--org", "Beta"], [""]):
        document = gatepost.refused(4, "user", verb, *arguments, stdin="a new password\n")
        assert document["fix"] == "gatepost user list --org ORG"
    assert gatepost.json("user", "list", "--org", "Acme")[0]["disabled"] is False


def test_the_organization_must_be_there(gatepost: Gatepost, acme: str) -> None:
    gatepost.refused(4, "user", "create", "ana@acme.dev", "--org", "Beta")
    gatepost.refused(4, "user", "list", "--org", "Beta")
    gatepost.refused(2, "user", "list")


def test_somebody_is_invited_and_the_invitation_withdrawn(
    gatepost: Gatepost, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = ("user", "invite", "Eve@new.dev", "--org", "Acme", "--role", "admin")
    assert "GATEPOST_ISSUER" in gatepost.refused(3, *eve)["fix"]
    monkeypatch.setenv("GATEPOST_ISSUER", "https://auth.example")
    made = gatepost.json(*eve)
    assert (made["email"], made["role"], made["mailed"]) == ("eve@new.dev", "admin", False)
    assert made["link"].startswith("https://auth.example/invite?link=gp_mail_")
    (listed,) = gatepost.json("user", "invitations", "--org", "Acme")
    assert listed["id"] == made["id"]
    gatepost.refused(5, "user", "invite", "ana@acme.dev", "--org", "Acme")
    monkeypatch.setattr("gatepost.cli.user.PAGE", 1)
    joe = gatepost.json("user", "invite", "joe@new.dev", "--org", "Acme", "--role", "member")["id"]
    assert [each["id"] for each in gatepost.json("user", "invitations", "--org", "Acme")] == [made["id"], joe]
    gatepost.json("user", "withdraw", joe, "--org", "Acme")
    gatepost.json("user", "withdraw", made["id"], "--org", "Acme")
    assert gatepost.json("user", "invitations", "--org", "Acme") == []
    gatepost.refused(4, "user", "withdraw", made["id"], "--org", "Acme")
    monkeypatch.setenv("GATEPOST_SIGN_UP", "closed")
    gatepost.refused(6, *eve)


def test_a_mail_server_is_told_what_was_asked_for(
    gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_ISSUER", "https://auth.example")
    monkeypatch.setenv("GATEPOST_MAIL__URL", "smtp://127.0.0.1:2525")
    assert "mail.sender" in gatepost.refused(3, "user", "invite", "eve@new.dev", "--org", "Acme")["message"]
    monkeypatch.setenv("GATEPOST_MAIL__SENDER", "auth@auth.example")
    assert gatepost.json("user", "invite", "eve@new.dev", "--org", "Acme")["mailed"] is True


def test_what_apps_are_told_of_a_person(gatepost: Gatepost, acme: str) -> None:
    gatepost.json(*ANA, "--claim", "name=Ana Ruiz", "--claim", "locale=es")
    told = {"name": "Ana Ruiz", "locale": "es", "email": "ana@acme.dev", "email_verified": False}
    show = ("user", "show", "ana@acme.dev", "--org", acme)
    assert gatepost.json(*show)["claims"].items() >= told.items()
    address = json.dumps({"address": {"locality": "Berlin", "country": "DE"}, "locale": None})
    edited = gatepost.json("user", "edit", "ANA@acme.dev", "--claims", "-", "--claim", "nickname=a=b", stdin=address)
    assert edited == {"id": edited["id"], "claims": gatepost.json(*show)["claims"]}
    del told["locale"], edited["claims"]["updated_at"]
    assert edited["claims"] == {**told, "nickname": "a=b", "address": {"locality": "Berlin", "country": "DE"}}
    assert "Berlin, DE" in gatepost(*show).out
    gatepost.json("user", "edit", "ana@acme.dev", "--claim", "name=", "--claim", "nickname=")
    assert gatepost.json(*show)["claims"].keys() == {"email", "email_verified", "address", "updated_at"}


def test_a_change_of_what_is_told_is_an_event_that_does_not_tell_it(gatepost: Gatepost, ana: str) -> None:
    for claim in ("name=Ana Ruiz", "name=Ana Ruiz", "phone_number=+34 600 000 000"):
        gatepost.json("user", "edit", ana, "--claim", claim)
    events = gatepost.json("events", "list", "--type", "user.profile_changed")
    assert [(each["user_id"], each["actor"], each["detail"]) for each in events] == [(ana, "cli", {})] * 2
    assert not [word for word in ("Ruiz", "600") if word in gatepost("events", "list").out]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ([], None),
        (["--claim", "nickname"], None),
        (["--claim", "nickname=x", "--claim", "nikname=x"], "nikname"),
        (["--claim", "email_verified=true"], "email_verified"),
        (["--claim", "phone_number_verified=true"], "phone_number_verified"),
        (["--claim", "sub=usr_1"], "sub"),
        (["--claim", "address=Berlin"], "address"),
        (["--claims", "-"], None),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_refused_and_nothing_changes(
    gatepost: Gatepost, ana: str, options: list[str], field: str | None
) -> None:
    before = gatepost.json("user", "show", ana, "--org", "Acme")
    assert gatepost.refused(2, "user", "edit", ana, *options, stdin="[]").get("field") in (field, "claims")
    assert gatepost.json("user", "show", ana, "--org", "Acme") == before
    gatepost.refused(4, "user", "edit", "nobody@acme.dev", "--claim", "name=x")
    gatepost.json("org", "create", "Beta")
    gatepost.refused(4, "user", "edit", ana, "--org", "Beta", "--claim", "name=x")


def test_a_fault_in_what_is_piped_names_standard_input(gatepost: Gatepost, ana: str) -> None:
    refusal = gatepost.refused(2, "user", "edit", ana, "--claims", "-", stdin="{")
    assert refusal["message"].startswith("standard input is not JSON")
    assert refusal["fix"] == "mend what is in standard input"
