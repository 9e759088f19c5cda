"""What is done in the console, from the first page to the last, and what comes of it. None of it knows in which way."""

import os
import re
import shlex
from collections.abc import Callable
from typing import TypeAlias

from gatepost_sdk.webhooks import verify
from receiver import receiving

from .gallery import stranger
from .visitor import Who
from .walker import CALLBACK, Firm, Walker

Flow: TypeAlias = Callable[[Walker, Firm], None]

STEPS = ("Get tokens", "Call", "Refresh", "Revoke", "Replay")


def make_app(walker: Walker, firm: Firm) -> None:
    """By saying what it is; a refused address is mended in the form as it was filled in; the secret is shown once."""
    walker.open("/apps")
    walker.go("#new")
    walker.tick("[value=web]")
    walker.go("#submit")
    walker.write("#name", "Shop")
    walker.write("#redirect_uris", "https://shop.test/*")
    walker.go("#submit")
    assert "it has a wildcard" in walker.text("#redirect_uris-why")
    assert walker.value("#name") == "Shop"
    walker.write("#redirect_uris", CALLBACK)
    walker.tick("[name='scope openid']")
    walker.go("#submit")
    assert walker.text("#secret").startswith("gp_sec_")
    walker.go("#stored")
    assert walker.count(".tabs [aria-current]")
    walker.page.go_back()
    assert walker.count("#over"), "a secret is shown once"


def change_secrets(walker: Walker, firm: Firm) -> None:
    """A new one beside the old one, which goes then."""
    app = firm.new_app()
    walker.open(f"/apps/{app.client_id}")
    walker.go(".tabs a[href$='/credentials']")
    walker.choose("#days", "90")
    walker.go("#submit")
    fresh = walker.text("#secret")
    walker.go("#stored")
    assert firm.knows(app, app.secret)
    assert firm.knows(app, fresh)
    walker.go(f"#secrets tr:has-text('{app.secret[-4:]}') a")
    walker.go("#submit")
    assert walker.count("#secrets tr") == 1
    assert not firm.knows(app, app.secret)
    assert firm.knows(app, fresh)


def change_redirects(walker: Walker, firm: Firm) -> None:
    """One more and one less; what cannot be one is refused where it stands."""
    walker.open(f"/apps/{firm.new_app().client_id}/redirects")
    walker.write("#add", "https://shop.test/new#part")
    walker.go("#submit")
    assert "it has a fragment" in walker.text("#add-why")
    assert walker.value("#add") == "https://shop.test/new#part"
    walker.write("#add", "https://shop.test/new")
    walker.go("#submit")
    walker.go(f"#uris tr:has-text('{CALLBACK}') button")
    assert walker.page.locator("#uris code").all_inner_texts() == ["https://shop.test/new"]


def end_app(walker: Walker, firm: Firm) -> None:
    """Disabled, enabled, and deleted by whoever types its name."""
    app = firm.new_app("Doomed")
    walker.open(f"/apps/{app.client_id}/danger")
    walker.go("#switch")
    assert not firm.knows(app, app.secret)
    walker.judge()
    walker.go("#switch")
    assert firm.knows(app, app.secret)
    walker.go("#ask-delete")
    type_its_name(walker, "Shop", "Doomed")
    assert walker.path == "/apps"
    # There is no list at all if it was the only one.
    assert "Doomed" not in "".join(walker.page.locator("#rows").all_inner_texts())


def type_its_name(walker: Walker, wrong: str, right: str) -> None:
    """What has no way back asks for a name; another's changes nothing."""
    walker.write("#name", wrong)
    walker.go("#submit")
    assert "not its name" in walker.text("#name-why")
    walker.judge()
    walker.write("#name", right)
    walker.go("#submit")


def end_connection(walker: Walker, firm: Firm) -> None:
    """Found by its app, and over at once."""
    app = firm.new_app()
    refresh_token = firm.connect(app)
    walker.open("/connections")
    walker.write("#app", app.client_id)
    walker.send()
    walker.go("#rows a.button")
    walker.go("#end")
    assert walker.count("#over")
    walker.judge()
    assert not firm.refreshes(refresh_token)


def care_for_person(walker: Walker, firm: Firm) -> None:
    """Invited by mail, given another role, and removed."""
    email, password = f"{os.urandom(4).hex()}@new.test", "a password that is new"
    guest = walker.beside(Who(email, password))
    walker.open("/people")
    walker.write("#email", email)
    walker.tick("[value=developer]")
    walker.go("#submit")
    assert email in walker.text("#invitations")
    walker.judge()
    guest.visitor.follow_mail(email)
    guest.page.wait_for_selector("#invite")
    guest.judge()
    guest.write("#new-password", password)
    guest.go("#submit")
    guest.visitor.go(guest.root + "/apps")
    assert guest.count("#new"), "a developer makes apps"
    walker.go(".side a[href$='/people']")
    walker.go(f"#rows tr:has-text('{email}') a")
    walker.choose("#role-field", "auditor")
    walker.go("#submit")
    guest.page.reload()
    assert not guest.count("#new"), "an auditor makes none"
    walker.go("a.danger")
    walker.go("#submit")
    assert email not in walker.text("#rows")
    assert guest.page.reload().status == 404  # type: ignore[union-attr]  # it was loaded


def care_for_key(walker: Walker, firm: Firm) -> None:
    """Made, seen once, used, and ended."""
    walker.open("/api-keys")
    walker.write("#name", "Cashier")
    walker.tick("[name='scope webhooks:read']")
    walker.choose("#days", "30")
    walker.go("#submit")
    key = walker.text("#secret")
    assert firm.call("/api/v1/webhooks", key=key).status_code == 200
    walker.go("#stored")
    walker.go("#rows tr:has-text('Cashier') a")
    walker.go("#submit")
    assert "Cashier" not in walker.text("#rows")
    assert firm.call("/api/v1/webhooks", key=key).status_code == 401


def care_for_webhook(walker: Walker, firm: Firm) -> None:
    """Made, tried, made to send again what it sent, and deleted."""
    with receiving() as there:
        walker.open("/webhooks")
        walker.write("#name", "Till")
        walker.write("#url", "ftp://shop.test")
        walker.write("#types", "resource")
        walker.go("#submit")
        assert "must be https" in walker.text("#url-why")
        assert walker.value("#name") == "Till"
        walker.write("#url", there.url)
        walker.go("#submit")
        secret = walker.text("#secret")
        walker.go("#stored")
        walker.go("#test")
        assert "arrived: 204" in walker.text("#tried")
        walker.judge()
        assert verify(*there.sent[0], secret).type == "webhook.tested"
        walker.go("#rows button")
        for _ in range(100):
            if walker.text("#rows summary") == "2":
                break
            walker.page.wait_for_timeout(100)
            walker.page.reload()
        walker.press("#rows summary")
        assert walker.count("#rows li:visible") == 2
        assert [body for body, _ in there.sent] == [there.sent[0][0]] * 2
        walker.go("a.danger")
        walker.go("#submit")
        assert walker.path == "/webhooks"
        assert not walker.count("td:has-text('Till')")


def say_what_scopes_mean(walker: Walker, firm: Firm) -> None:
    """Words for a scope, seen as people will read them; and the API that has it, which goes again."""
    walker.open("/scopes")
    walker.go("#new")
    walker.write("#name", "bills:read")
    walker.write("#text_en", "See your bills")
    walker.go("[name=preview]")
    assert "See your bills" in walker.text(".card[lang=en]")
    walker.judge()
    walker.go("#submit")
    assert "See your bills" in walker.text("#rows")
    walker.write("#uri", "api.shop.test")
    walker.write("#scopes", "bills:read")
    walker.go("#submit")
    assert walker.count("#uri-why")
    assert walker.value("#scopes") == "bills:read"
    walker.judge()
    walker.write("#uri", "https://api.shop.test")
    walker.go("#submit")
    walker.go("#resources tr:has-text('https://api.shop.test') a")
    walker.go("#submit")
    assert "https://api.shop.test" not in walker.text("#resources")


def answer_request(walker: Walker, firm: Firm) -> None:
    """For an app of a stranger: approved, so that people connect it; then refused, and they read why."""
    visitor, app = walker.visitor, stranger(walker.visitor)
    visitor.enter()
    visitor.begin(app, scope="openid email")
    walker.go("#ask button")
    walker.go("a[href*='/requests/']")
    request = walker.page.url
    walker.go("#approve")
    walker.judge()
    visitor.begin(app, scope="openid email")
    assert walker.count("#allow"), "it is approved"
    walker.page.goto(request)
    walker.write("#reason", "Not this one")
    walker.go("#refuse")
    walker.judge()
    visitor.begin(app, scope="openid email")
    assert "Not this one" in walker.text("main")
    assert not walker.count("#allow")


def choose_settings(walker: Walker, firm: Firm) -> None:
    """A colour that cannot be read is refused with one that can be; and a language for whoever has no wish."""
    walker.open("/settings")
    walker.write("#accent", "#ffcc00")
    walker.go("#save-brand")
    assert walker.value("#accent") == "#ffcc00"
    nearest = re.findall("#[0-9a-f]{6}", walker.text("#accent-why"))[-1]
    walker.write("#accent", nearest)
    walker.go("#save-brand")
    assert walker.value("#accent") == nearest
    assert walker.count("#sample")
    walker.judge()
    for language in ("de", "en"):
        walker.choose("#first", language)
        walker.go("#save-languages")
        assert walker.value("#first") == language


def rotate_signing_keys(walker: Walker, firm: Firm) -> None:
    """The page says how, and shows what came of it."""
    walker.open("/keys")
    words = shlex.split(walker.text("#cli"))
    firm.run(*words[1:], "--force")
    walker.go(".side a[href$='/keys']")
    assert walker.count("#rows tr:has-text('Previous')")
    walker.judge()


def look_through_events(walker: Walker, firm: Firm) -> None:
    """Filtered by the form, page by page, down to one."""
    for number in range(60 - firm.call("/api/v1/events?type=app.made&limit=60").text.count('"id"')):
        firm.new_app(f"App {number}")
    walker.open("/events")
    walker.write("#type", "app.made")
    walker.choose("#since", "1h")
    walker.go("form.filters button")
    assert walker.count("#rows tr") == 50
    walker.go("[rel=next]")
    assert walker.value("#type") == "app.made"
    assert walker.value("#since") == "1h"
    assert walker.count("#rows tr") >= 10
    walker.judge()
    walker.go("#rows tr:first-child a")
    assert walker.path.endswith(walker.text("#event-id"))
    assert '"app.made"' in walker.text("#document")


def play(walker: Walker, firm: Firm) -> None:
    """An app's flow to its end, from the request to the replay that is refused, and back to the beginning."""
    walker.open(f"/apps/{firm.new_app().client_id}/playground")
    walker.write("#scope", "openid email")
    walker.go("#go")
    assert walker.count("#asked")
    walker.judge()
    walker.go("#go")
    walker.press("#allow")
    walker.page.wait_for_selector("#came")
    for step in STEPS:
        walker.judge()
        walker.go("#go")
        assert step in walker.text(".steps [aria-current=step]")
    walker.judge()
    assert walker.count("pre:has-text('\"invalid_grant\"')") == 2
    assert walker.count("#refused")
    walker.go("#again")
    assert walker.count("#build")


def find_things(walker: Walker, firm: Firm) -> None:
    """The search leads to what is named, and to the list that may have it."""
    app = firm.new_app()
    walker.open("")
    for text, path in ((app.client_id, f"/apps/{app.client_id}"), (firm.owner.email, "/people"), ("Sho", "/apps")):
        walker.write("#search", text)
        walker.send()
        assert walker.path == path
    assert walker.count("#rows tr:has-text('Shop')")


def change_organization(walker: Walker, firm: Firm) -> None:
    """By the menu, and from where one chooses."""
    walker.open("")
    walker.press("#places summary")
    walker.go("#places a:not([aria-current])")
    assert walker.text("#places bdi >> nth=0") == "Delta"
    walker.visitor.go("/console")
    walker.go("#places a:has-text('Gamma')")
    assert walker.page.url.endswith(walker.root)


def disable_organization(walker: Walker, firm: Firm) -> None:
    """By whoever types its name; whoever runs the server can enable it again."""
    walker.open("")
    walker.press("#places summary")
    walker.go("#places a:not([aria-current])")
    walker.go(".side a[href$='/settings']")
    walker.go("a.danger")
    type_its_name(walker, "Gamma", "Delta")
    assert walker.page.url.endswith(walker.root), "the other one is left"
    firm.run("org", "enable", "Delta")


def come_and_leave(walker: Walker, firm: Firm) -> None:
    """To the page that was asked for; and out, for good."""
    walker.visitor.go(walker.root + "/events")
    walker.write("#email", firm.owner.email)
    walker.write("#password", firm.owner.password)
    walker.go("#submit")
    assert walker.path == "/events"
    walker.press("#me summary")
    walker.go("#me form[action$='/logout'] button")
    assert "You are signed out" in walker.text("h1")
    assert walker.visitor.go(walker.root + "/events").url.endswith("/login")
