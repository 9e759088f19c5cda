"""What people do at the console, form by form: done, done twice, refused with a reason, and never to another organization.

That no form is taken without its page, and none from a role that may not, is in `test_desk`, for every form there is.
"""

import html
from collections.abc import MutableMapping
from typing import Any, NamedTuple

from gatepost.flows.joining import invite
from gatepost.flows.resources import create_resource
from gatepost.flows.webhooks import create_webhook
from gatepost.records import WAITING, AppRequest
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.app_requests import ask_for_app
from wire.world import NOW, Tenant, World

from .office import Office
from .test_desk import FORMS, csrf_of

SECRET = 'id="secret"'


class Deed(NamedTuple):
    """A form and what it is sent with; where it leads, and what can be seen there, or no more if it `ends` something.

    `again` is the status of the same form sent once more: 303 does no harm, anything else says that it is done already.
    """

    path: str
    fields: dict[str, str]
    leads: str
    seen: str
    again: int = 303
    ends: bool = False


DEEDS = (
    Deed("/connections/{grant}", {}, "/connections/{grant}", ">Over<", again=404),
    Deed("/connections/end", {"app": "web-acme"}, "/connections", ">Over<"),
    Deed("/connections/end", {"user": "member@acme.test"}, "/connections", ">Over<"),
    Deed("/people", {"email": "new@acme.test", "role": "member"}, "/secret", SECRET),
    Deed("/people/withdraw", {"invitation": "{invitation}"}, "/people", "late@acme.test", again=404, ends=True),
    Deed("/people/{user}", {"role": "auditor"}, "/people/{user}", "<dd>auditor</dd>"),
    Deed("/people/{user}/remove", {}, "/people", "member@acme.test", again=404, ends=True),
    Deed("/scope", {"name": "write", "text_en": "Change things"}, "/scopes", "Change things"),
    Deed("/scope", {"name": "read", "text_en": ""}, "/scopes", "See things", ends=True),
    Deed("/resources", {"uri": "https://new.test", "scopes": "a b"}, "/scopes", "https://new.test", again=409),
    Deed("/resources/delete", {"uri": "https://api.test/v1"}, "/scopes", "https://api.test/v1", again=404, ends=True),
    Deed("/api-keys", {"name": "Nightly", "scope apps:read": "on", "days": "30"}, "/secret", SECRET),
    Deed("/api-keys/{key}/end", {}, "/api-keys", "{key}", again=404, ends=True),
    Deed("/webhooks", {"name": "Second", "url": "https://93.184.215.14/x", "types": "app"}, "/secret", SECRET),
    Deed("/webhooks/{webhook}", {"deed": "disable"}, "/webhooks/{webhook}", ">Disabled<"),
    Deed("/webhooks/{webhook}", {"deed": "enable"}, "/webhooks/{webhook}", ">Active<"),
    Deed("/webhooks/{webhook}", {"deed": "secret"}, "/secret", SECRET),
    Deed("/webhooks/{webhook}/delete", {}, "/webhooks", "Hooks", again=404, ends=True),
    Deed("/apps/{app}/disable", {"deed": "disable"}, "/apps/{app}/danger", ">Enable<"),
    Deed("/apps/{app}/disable", {"deed": "enable"}, "/apps/{app}/danger", ">Disable<"),
    Deed("/settings", {"name": "Another name"}, "/settings", "Another name"),
    Deed("/seed", {}, "/seed", "auth_token"),
)

REFUSED: tuple[tuple[str, dict[str, str], int, str], ...] = (
    ("/connections/end", {}, 400, "Name an app or a person."),
    ("/connections/end", {"user": "nobody@acme.test"}, 400, "Name an app or a person."),
    ("/people", {"email": "x", "role": "member"}, 400, "This is not an e-mail address"),
    ("/people", {"email": "a@evil.test,b@acme.test", "role": "member"}, 400, "This is not an e-mail address"),
    ("/people", {"email": "member@acme.test", "role": "member"}, 409, "member@acme.test is a member already."),
    ("/people", {"email": "new@acme.test", "role": "king"}, 400, "role king is none of"),
    ("/people/{user}", {"role": "king"}, 400, "role king is none of"),
    ("/people/{owner}", {"role": "admin"}, 409, "this is the last one"),
    ("/people/{owner}/remove", {}, 409, "this is the last one"),
    ("/people/withdraw", {"invitation": "inv_" + "0" * 32}, 404, "There is no open invitation"),
    ("/scope", {"name": "two words", "text_en": "x"}, 400, "Name one scope."),
    ("/scope", {"name": "gatepost", "text_en": "x"}, 400, "is said by this server alone"),
    ("/scope", {"name": "read", "text_en": "x\u202e"}, 400, "control or invisible characters"),
    ("/resources", {"uri": "nonsense", "scopes": "a"}, 400, "A resource is an absolute URI"),
    ("/resources", {"uri": "HTTPS://API.test/v1"}, 409, "is registered already, in this spelling or another"),
    ("/resources", {"uri": "https://new.test", "served_by": "web-beta"}, 404, "This organization has no app web-beta."),
    ("/api-keys", {"name": "Nightly"}, 400, "no scope at all"),
    ("/api-keys", {"name": "", "scope apps:read": "on"}, 400, "name has 1 to 200 characters"),
    ("/api-keys", {"name": "Nightly", "scope apps:read": "on", "days": "7"}, 400, "Choose how long it lives."),
    ("/webhooks", {"name": "w", "url": "http://93.184.215.14/x"}, 400, "The URL must be https, on a public host"),
    ("/webhooks", {"name": "w", "url": "https://127.0.0.1/"}, 400, "The URL must be https, on a public host"),
    ("/webhooks", {"name": "w", "url": "https://169.254.169.254/"}, 400, "The URL must be https, on a public host"),
    (
        "/webhooks",
        {"name": "w", "url": "https://93.184.215.14/x", "types": "no.such"},
        400,
        "There is no event type no.such",
    ),
    ("/webhooks", {"name": " ", "url": "https://93.184.215.14/x"}, 400, "name has 1 to 200 characters"),
    ("/webhooks/{webhook}", {}, 400, "Say whether it is to be disabled or enabled."),
    ("/webhooks/{webhook}", {"deed": "resend", "event": "{event}"}, 404, "There is no delivery of the event"),
    ("/apps/{app}/disable", {}, 400, "Say whether it is to be disabled or enabled."),
    ("/apps/{app}/redirects", {"add": "http://evil.test/cb"}, 400, "cannot be registered"),
    ("/settings", {"name": "a\u202eb"}, 400, "control or invisible characters"),
)
"""What cannot be, with the status and the words that say why."""


async def test_each_deed_is_done_once_and_does_no_harm_twice(office: Office) -> None:
    browser, csrf = await office.browser("owner"), await csrf_of(office, "owner")
    invitation, _ = await invite(
        office.world.instance, office.world.acme.org, "late@acme.test", "member", office.world.operator
    )
    office.names["invitation"] = render_id("inv", invitation.id)
    for deed in DEEDS:
        path, seen = office.path(office.root + deed.path), office.path(deed.seen)
        fields = {name: office.path(value) for name, value in deed.fields.items()}
        leads = office.path(office.root + deed.leads)
        assert not deed.ends or seen in (await browser.get(leads)).text, deed
        done = await browser.post(path, {"csrf": csrf, **fields})
        assert (done.status_code, done.headers.get("location")) == (303, leads), (deed, done.text)
        assert (seen in (await browser.get(leads)).text) is not deed.ends, deed
        assert (await browser.post(path, {"csrf": csrf, **fields})).status_code == deed.again, deed


async def test_what_cannot_be_is_refused_in_words_and_changes_nothing(office: Office) -> None:
    browser, csrf = await office.browser("owner"), await csrf_of(office, "owner")
    office.names["owner"] = await office.id_of("owner@acme.test")
    for path, wanted, status, why in REFUSED:
        known = {event.id for event in await office.world.all_events()}
        fields = {name: office.path(value) for name, value in wanted.items()}
        refused = await browser.post(office.path(office.root + path), {"csrf": csrf, **fields})
        assert refused.status_code == status, (path, wanted, refused.text)
        assert why in html.unescape(refused.text), (path, wanted)
        types = {event.type for event in await office.world.all_events() if event.id not in known}
        assert types <= {"request.refused"}, (path, wanted)


async def test_nothing_is_done_to_another_organization(office: Office) -> None:
    """Every form, below one's own organization, with the ids of another's things."""
    world = office.world
    theirs = await things_of(world, world.beta)
    browser, csrf = await office.browser("owner"), await csrf_of(office, "owner")
    before = await world.events(world.beta.org)
    forms = [(path, fields) for path, (_, fields) in FORMS.items() if "{" in path]
    forms += [
        ("/people/withdraw", {"invitation": theirs["invitation"]}),
        ("/resources/delete", {"uri": "https://beta.test"}),
        ("/apps/web-acme/credentials/{secret}/delete", {}),
    ]
    for path, fields in forms:
        answer = await browser.post(office.path(office.root + path, theirs), {"csrf": csrf, **fields})
        assert answer.status_code == 404, (path, answer.text)
    for fields in ({"app": theirs["app"]}, {"user": theirs["user"]}):
        await browser.post(office.root + "/connections/end", {"csrf": csrf, **fields})
    for path in ("/connections/{grant}", "/events/{event}", "/webhooks/{webhook}", "/apps/{app}/playground"):
        assert (await office.get(office.path(path, theirs))).status_code == 404, path
    assert await world.events(world.beta.org) == before


async def things_of(world: World, tenant: Tenant) -> dict[str, str]:
    """The ids of a thing of each kind, by the names that stand for them in paths."""
    await world.tokens(tenant.web, tenant)
    grant = (await world.events(tenant.org, "grant.made"))[0]
    secret = (await world.events(tenant.org, "app.secret_added"))[0]
    webhook, text = await create_webhook(
        world.instance, tenant.org, "https://93.184.215.14/in", (), "W", world.operator
    )
    world.canary.watch(text.reveal())
    invitation, _ = await invite(world.instance, tenant.org, "late@beta.test", "member", world.operator)
    await create_resource(world.instance, tenant.org, "https://beta.test", "a", None, world.operator)
    ask = AppRequest(
        new_id(), "app", "App", "app.test", "read", b"digest", WAITING, parse_id("usr", tenant.bob) or b"", NOW
    )
    assert await world.instance.store.ask(ask_for_app(tenant.org, ask, (), world.act))
    return {
        "request": render_id("req", ask.id),
        "app": tenant.web.client_id,
        "user": tenant.bob,
        "key": tenant.key_id,
        "grant": render_id("gnt", grant.grant_id or b""),
        "event": render_id("evt", grant.id),
        "secret": secret.detail.split('"')[3],
        "webhook": render_id("whk", webhook.id),
        "invitation": render_id("inv", invitation.id),
    }


async def test_nobody_rotates_the_servers_keys_at_an_organizations_console(office: Office) -> None:
    browser, csrf = await office.browser("owner"), await csrf_of(office, "owner")
    page = await office.get("/keys")
    assert "gatepost signing-key rotate" in page.text
    assert 'action="' + office.root + "/keys" not in page.text
    assert (await browser.post(office.root + "/keys", {"csrf": csrf})).status_code == 405


async def test_an_admin_makes_no_owner_and_unmakes_none(office: Office) -> None:
    owner, somebody = await office.id_of("owner@acme.test"), office.names["user"]
    browser, csrf = await office.browser("admin"), await csrf_of(office, "admin")
    for path, fields in (
        ("/people", {"email": "new@acme.test", "role": "owner"}),
        (f"/people/{somebody}", {"role": "owner"}),
        (f"/people/{owner}", {"role": "member"}),
        (f"/people/{owner}/remove", {}),
        (f"/people/{await office.id_of('admin@acme.test')}", {"role": "owner"}),
    ):
        answer = await browser.post(office.root + path, {"csrf": csrf, **fields})
        assert answer.status_code == 403, (path, answer.text)


async def test_no_spelling_of_a_path_leads_into_another_organization(office: Office) -> None:
    world = office.world
    acme, beta = world.acme.id, world.beta.id
    assert (await raw_get(office, f"/console/{acme}/apps"))[0] == 200
    for path in (
        *(
            f"{acme}/../{beta}/apps",
            f"{acme}/%2e%2e/{beta}/apps",
            f"{acme}%2f..%2f{beta}/apps",
            f"{acme}/apps/../../{beta}",
        ),
        *(f"{beta}/apps", f"{beta.upper()}/apps", f"{acme.upper()}/apps", f"%6f{acme[1:]}/apps", f"{acme}%00/apps"),
        *(f"{acme}/apps/", f"{acme}//apps", f"{acme} /apps", f"{acme};{beta}/apps", f"{acme},{beta}/apps"),
        f"{acme}\\..\\{beta}",
    ):
        status, body = await raw_get(office, "/console/" + path)
        assert status in (400, 404), (path, status, body)
        assert world.beta.web.client_id not in body


async def raw_get(office: Office, path: str) -> tuple[int, str]:
    """Ask for a path as it stands there; a client of HTTP would tidy it up."""
    cookies = "; ".join(f"{name}={value}" for name, value in (await office.browser("owner")).cookies.items())
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"gate.test"), (b"cookie", cookies.encode()), (b"accept", b"text/html")],
        "client": ("192.0.2.20", 50_000),
    }
    await office.world.app(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent).decode()
