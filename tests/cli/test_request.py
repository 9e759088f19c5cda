"""The approval queue from the command line."""

import asyncio
import re
from typing import Any

from cli.conftest import Gatepost
from gatepost.flows.instance import Instance
from gatepost.records import WAITING, AppRequest
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.app_requests import ask_for_app
from gatepost.store.events import Act

APP = "https://app.example/client.json"


def asked(gatepost: Gatepost, acme: str) -> str:
    """A request of Ana's; its id."""
    ana = parse_id("usr", gatepost.json("user", "create", "ana@acme.dev", "--org", acme)["id"]) or b""
    request = AppRequest(new_id(), APP, "Wanderer", "app.example", "read", b"d" * 32, WAITING, ana, 1_800_000_000)
    org = parse_id("org", acme) or b""
    assert gatepost.serve(lambda instance: instance.store.ask(ask_for_app(org, request, (), Act(1, "user"))))
    return render_id("req", request.id)


def test_an_organization_has_apps_need_approval(gatepost: Gatepost, acme: str) -> None:
    assert gatepost.json("org", "show", acme)["apps_need_approval"] is False
    assert gatepost.json("org", "edit", acme, "--apps-need-approval")["apps_need_approval"] is True
    assert re.search(r"apps need approval +yes", gatepost("org", "edit", acme, "--name", "Acme Ltd").out)
    assert gatepost.json("org", "edit", acme, "--no-apps-need-approval")["apps_need_approval"] is False
    assert gatepost.json("org", "show", acme)["name"] == "Acme Ltd"
    gatepost.refused(2, "org", "edit", acme)
    gatepost.refused(2, "org", "edit", acme, "--apps-need-approval=maybe")


def test_a_request_is_listed_shown_approved_and_refused(gatepost: Gatepost, acme: str) -> None:
    assert gatepost.json("request", "list", "--org", acme) == []
    assert "No app is waiting." in gatepost("request", "list", "--org", acme).err
    id = asked(gatepost, acme)
    (row,) = gatepost.json("request", "list", "--org", acme)
    assert row == gatepost.json("request", "show", id, "--org", acme)
    assert (row["id"], row["client_id"], row["hosts"], row["scope"]) == (id, APP, ["app.example"], "read")
    approved: dict[str, Any] = gatepost.json("request", "approve", id, "--org", acme)
    assert (approved["state"], approved["approved_scope"], approved["decided_by"]) == ("approved", "read", "cli")
    gatepost.refused(5, "request", "approve", id, "--org", acme)
    refused = gatepost.json("request", "refuse", id, "--org", acme, "--reason", "We have our own")
    assert (refused["state"], refused["approved_scope"], refused["reason"]) == ("refused", None, "We have our own")
    assert gatepost.json("request", "list", "--org", acme, "--state", "refused") == [refused]
    assert "Wanderer is approved." in gatepost("request", "approve", id, "--org", acme).out


def test_all_are_listed_however_many_there_are(gatepost: Gatepost, acme: str) -> None:
    org, ana = parse_id("org", acme) or b"", new_id()

    async def ask_for_many(instance: Instance) -> None:
        urls = [f"https://app.example/{number}.json" for number in range(1001)]
        some = [AppRequest(new_id(), url, "One", "app.example", "", b"d" * 32, WAITING, ana, 1) for url in urls]
        await asyncio.gather(*(instance.store.ask(ask_for_app(org, each, (), Act(1, "user"))) for each in some))

    gatepost.serve(ask_for_many)
    rows = gatepost.json("request", "list", "--org", acme)
    assert len({row["id"] for row in rows}) == len(rows) == 1001


def test_what_is_not_there_or_would_not_show_is_refused(gatepost: Gatepost, acme: str) -> None:
    gatepost.refused(4, "request", "show", "req_" + "0" * 32, "--org", acme)
    gatepost.refused(4, "request", "approve", acme, "--org", acme)
    gatepost.refused(2, "request", "refuse", asked(gatepost, acme), "--org", acme, "--reason", "a\u202eb")
    gatepost.refused(4, "request", "list", "--org", "Beta")
