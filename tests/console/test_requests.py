"""The approval queue in the console: what an admin reads, decides, and may not decide unseen."""

import httpx

from gatepost.records import AGREED, REFUSED
from wire.asking import answer, ask, bob_of_acme, of_others, queue
from wire.browser import form_of, forms_of

from .office import Office, rows_of


def shown_on(page: httpx.Response) -> dict[str, str]:
    """The fields of the first form by which a request is answered."""
    return next(form.fields for form in forms_of(page) if "shown" in form.fields)


async def test_the_queue_is_in_the_menu_on_the_overview_and_in_the_list(office: Office) -> None:
    overview = await office.get("")
    assert 'id="waiting"><span class="unseen">waiting: </span>1</span>' in overview.text
    assert "An app waits for approval" in overview.text
    assert "Wanderer app.test" in rows_of(await office.get("/requests", "auditor"))
    await answer(office.world)
    overview = await office.get("")
    assert 'id="waiting"' not in overview.text
    assert "waits for approval" not in overview.text
    assert "Nobody waits." in (await office.get("/requests")).text
    assert "Wanderer" in rows_of(await office.get("/requests?state=approved"))


async def test_an_admin_reads_who_asks_for_what_and_approves(office: Office) -> None:
    path = office.path("/requests/{request}")
    page = await office.get(path)
    for said in ("bob@acme.test", "app.test", "Registered by", "It wants to be able to", "<code>read</code>"):
        assert said in page.text, said
    done = await office.follow(await office.send(path))
    assert "People may let it" in done.text
    assert "owner@acme.test" in done.text
    assert (await queue(office.world, AGREED))[0].scope == "read write"


async def test_an_admin_refuses_with_a_reason_and_the_event_says_who(office: Office) -> None:
    path = office.path("/requests/{request}")
    browser = await office.browser("admin")
    fields = shown_on(await office.get(path, "admin")) | {"deed": "refuse", "reason": "We have <our> own."}
    assert (await browser.post(office.root + path, fields)).status_code == 303
    assert "We have &lt;our&gt; own." in (await office.get(path)).text
    events = rows_of(await office.get("/events"))
    assert "admin@acme.test refused the app Wanderer" in events
    assert "bob@acme.test asked the admins to approve the app Wanderer" in events
    assert (await queue(office.world, REFUSED))[0].reason == "We have <our> own."


async def test_nothing_is_decided_that_was_not_shown(office: Office) -> None:
    path = office.path("/requests/{request}")
    seen = shown_on(await office.get(path))
    await answer(office.world, REFUSED)
    browser = await office.browser("owner")
    late = await browser.post(office.root + path, seen)
    assert late.status_code == 409
    assert "It has changed since you looked." in late.text
    assert await queue(office.world, AGREED) == []
    fresh = shown_on(await office.get(path))
    for wrong in ({"deed": "maybe"}, {"deed": ""}):
        assert (await browser.post(office.root + path, fresh | wrong)).status_code == 400
    await browser.post(office.root + path, fresh)
    long = shown_on(await office.get(path)) | {"deed": "refuse", "reason": "x" * 501}
    assert (await browser.post(office.root + path, long)).status_code == 400


async def test_whoever_asks_and_may_decide_is_led_to_the_request(office: Office) -> None:
    world = office.world
    await bob_of_acme(world)
    for role, led in (("admin", True), ("developer", False)):
        page = await ask(await office.browser(role), await of_others(world))
        assert ("/requests/req_" in page.text) is led, role


async def test_the_policy_is_a_setting(office: Office) -> None:
    assert 'value="yes" checked' in (await office.get("/settings")).text
    browser, csrf = await office.browser("owner"), form_of(await office.get("/settings")).fields["csrf"]
    await browser.post(office.root + "/settings/approval", {"csrf": csrf})
    assert 'value="yes" checked' not in (await office.get("/settings")).text
    assert "People connect them without an admin" in (await office.get("/settings", "auditor")).text
    assert "Wanderer" in (await office.get("/requests")).text, "who asked before is not forgotten"


async def test_the_list_is_exported(office: Office) -> None:
    lines = (await office.get("/requests.csv")).text.splitlines()
    assert lines[0].startswith("id,app,client_id,hosts,scope,state,asked_by")
    assert len(lines) == 2
    assert "Wanderer" in lines[1]
