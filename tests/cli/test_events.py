"""`gatepost events`: what happened, as sentences for people and as documents for programs."""

import ast
import asyncio
import csv
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatepost.flows.event_words import FIELDS, SENTENCES
from gatepost.flows.events import PAGE
from gatepost.secrets import parse_id
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE
from gatepost.store.sqlite import SqliteStore

from .conftest import Gatepost

SOURCE = Path(sys.modules["gatepost"].__file__ or "").parent
NOW = int(datetime.now(UTC).timestamp())


def tell(gatepost: Gatepost, org: str | None, type: str = "test.told", *, count: int = 1, **about: Any) -> None:
    """Record events in the organization, or in the instance."""
    place = (parse_id("org", org) if org else None) or INSTANCE
    detail, result = about.pop("detail", "{}"), about.pop("result", "ok")
    act = Act(about.pop("at", NOW), about.pop("actor", "cli"), **about)

    async def ask() -> None:
        store = SqliteStore(gatepost.data / "gatepost.db")
        asks: list[Awaitable[bytes]] = [
            store.ask(record(place, type, act, result=result, detail=detail)) for _ in range(count)
        ]
        await asyncio.gather(*asks)
        store.close()

    asyncio.run(ask())


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_every_event_is_listed_newest_last_with_all_its_members(gatepost: Gatepost, acme: str) -> None:
    key = gatepost.json("key", "create", "--org", acme)
    events = gatepost.json("events", "list")
    assert types(events) == ["org.made", "key.made"]
    assert all(tuple(event) == FIELDS for event in events)
    made = events[-1]
    assert (made["org"], made["actor"], made["result"]) == (acme, "cli", "ok")
    assert made["detail"] == {"id": key["id"]}
    assert re.fullmatch(r"evt_[0-9a-f]{32}", made["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["at"])


def test_people_read_a_sentence(gatepost: Gatepost, acme: str) -> None:
    client_id = gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "spa")["client_id"]
    assert gatepost("events", "list", "--limit", "1").out.endswith(
        f"Z  Acme  The command line made the app {client_id}\n"
    )
    assert "Acme" not in gatepost("events", "list", "--limit", "1", "--org", "Acme").out


def test_the_newest_of_all_organizations_are_merged_by_time(gatepost: Gatepost, acme: str) -> None:
    beta = gatepost.json("org", "create", "Beta")["id"]
    for org in (acme, beta, None, acme):
        tell(gatepost, org)
    assert [event["org"] for event in gatepost.json("events", "list", "--limit", "4")] == [acme, beta, None, acme]
    assert [event["org"] for event in gatepost.json("events", "list", "--limit", "2")] == [None, acme]
    assert gatepost.json("events", "list", "--limit", "0") == []


def test_what_belongs_to_no_organization_is_reached(gatepost: Gatepost, acme: str) -> None:
    user = gatepost.json("user", "create", "ana@acme.test", "--org", acme)["id"]
    gatepost.json("user", "disable", user)
    (event,) = gatepost.json("events", "list", "--instance")
    assert (event["type"], event["org"], event["user_id"]) == ("user.disabled", None, user)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--org", "Acme"), ["org.made", "app.made", "user.made", "grant.made", "request.refused"]),
        (("--app", "shop"), ["app.made", "grant.made"]),
        (("--user", "ana@acme.test"), ["user.made", "grant.made", "request.refused", "user.disabled"]),
        (("--type", "grant.made"), ["grant.made"]),
        (("--type", "grant"), ["grant.made"]),
        (("--result", "refused"), ["request.refused"]),
        (("--result", "invalid_grant"), ["request.refused"]),
        (("--result", "ok", "--type", "request"), []),
        (("--since", "1970-01-03"), ["org.made", "app.made", "user.made", "request.refused", "user.disabled"]),
        (("--until", "1970-01-02T00:00:01Z"), ["grant.made"]),
        (("--until", "1970-01-02T00:00:00Z"), []),
        (("--until", "1970-01-02T01:00:01+01:00"), ["grant.made"]),
        (("--since", "365d", "--org", "Acme", "--type", "app"), ["app.made"]),
        (("--until", "365d"), ["grant.made"]),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, tuple) else "",
)
def test_filters(gatepost: Gatepost, acme: str, options: tuple[str, ...], expected: list[str]) -> None:
    gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "spa", "--client-id", "shop")
    user = gatepost.json("user", "create", "ana@acme.test", "--org", acme)["id"]
    tell(gatepost, acme, "grant.made", at=86_400, client_id="shop", user_id=parse_id("usr", user))
    tell(gatepost, acme, "request.refused", result="invalid_grant", actor=user)
    gatepost.json("user", "disable", user)
    found = [type for type in types(gatepost.json("events", "list", *options)) if type != "app.redirect_uri_added"]
    assert sorted(found) == sorted(expected)
    assert sorted(types(lines(gatepost("events", "export", *options).out))) == sorted(expected)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_events_of_a_deleted_app_are_found(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "spa", "--client-id", "shop")
    gatepost.json("app", "delete", "shop")
    assert types(gatepost.json("events", "list", "--app", "shop")) == ["app.made", "app.deleted"]


@pytest.mark.parametrize(
    ("code", "options", "told"),
    [
        (2, ("--type", "grnt.made"), "did you mean grant.made?"),
        (2, ("--type", "zzz"), "the families are app, delivery, grant,"),
        (2, ("--since", "yesterday"), "neither an instant nor a duration"),
        (4, ("--app", "nobodys"), "There never was an app nobodys"),
        (4, ("--org", "Nobody"), "There is no organization Nobody"),
        (4, ("--user", "nobody@acme.test"), "There is no person"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_filter_that_means_nothing_is_refused(
    gatepost: Gatepost, acme: str, code: int, options: tuple[str, ...], told: str
) -> None:
    for verb in ("list", "tail", "export"):
        assert told in gatepost.refused(code, "events", verb, *options)["message"]


@pytest.mark.parametrize("text", ["-1", "x", "1e3", "\u0663"], ids=["negative", "word", "float", "arabic"])
def test_a_limit_is_a_number(gatepost: Gatepost, text: str) -> None:
    assert "a whole number" in gatepost.refused(2, "events", "list", f"--limit={text}")["message"]


def test_without_a_database_there_is_nothing_to_show(gatepost: Gatepost) -> None:
    for verb in ("list", "tail", "export"):
        gatepost.refused(4, "events", verb)
    assert not gatepost.data.exists()


# What others sent


def test_a_terminal_is_not_steered_by_what_was_sent(gatepost: Gatepost, acme: str) -> None:
    sent = {"path": "/\x1b[2J\x07", "why": "no\nsuch\u202epath {actor}", "left_out_before": 7}
    tell(gatepost, acme, "request.refused", actor="anonymous", detail=json.dumps(sent), address="192.0.2.1")
    line = gatepost("events", "list", "--limit", "1").out
    assert line.endswith(
        r"Somebody was refused at /\x1b[2J\x07: no\nsuch\u202epath {actor}, from 192.0.2.1 (and 7 like it before)"
        "\n"
    )


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r"], ids=["equals", "plus", "minus", "at", "tab", "return"]
)
def test_no_cell_of_a_csv_is_a_formula(gatepost: Gatepost, acme: str, start: str) -> None:
    formula = f'{start}cmd|"/c calc"!A1'
    tell(gatepost, acme, "app.made", client_id=formula, actor=f"app:{formula}", address=formula)
    *_, row = csv.DictReader(io.StringIO(gatepost("events", "export", "--format", "csv").out, newline=""))
    assert (row["client_id"], row["address"]) == (f"'{formula}", f"'{formula}")
    assert row["actor"] == f"app:{formula}"


@pytest.mark.parametrize("between", ["", " ", '"'])
def test_no_cell_is_one_where_semicolons_end_cells(gatepost: Gatepost, acme: str, between: str) -> None:
    tell(gatepost, acme, "app.made", client_id=f"an app (X11; Linux);{between}=1+1;2", detail='{"why":";-1"}')
    *_, row = csv.DictReader(io.StringIO(gatepost("events", "export", "--format", "csv").out, newline=""))
    assert (row["client_id"], row["detail"]) == (f"an app (X11; Linux);'{between}=1+1;2", '{"why": ";\'-1"}')


# Exports


def test_the_same_events_come_as_json_lines_and_as_csv(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("key", "create", "--org", acme)
    documents = lines(gatepost("events", "export").out)
    rows = list(csv.DictReader(io.StringIO(gatepost("events", "export", "--format", "csv").out, newline="")))
    assert types(documents) == ["org.made", "key.made"]
    for document, row in zip(documents, rows, strict=True):
        assert tuple(row) == FIELDS
        assert {**row, "detail": json.loads(row["detail"])} == {
            name: "" if value is None else value for name, value in document.items()
        }


def test_an_export_reads_page_by_page_and_leaves_nothing_out(gatepost: Gatepost, acme: str) -> None:
    tell(gatepost, acme, count=2 * PAGE + 1)
    ids = [event["id"] for event in lines(gatepost("events", "export", "--org", acme).out)]
    assert len(ids) == len(set(ids)) == 2 * PAGE + 2
    assert ids == sorted(ids)


def test_an_export_into_a_file_is_whole_private_and_never_replaces_another(gatepost: Gatepost, acme: str) -> None:
    file = gatepost.data.parent / "all.csv"
    assert gatepost.json("events", "export", str(file)) == {"file": str(file), "events": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"id,at,org,type")
    kept = file.read_bytes()
    gatepost.json("key", "create", "--org", acme)
    assert "exists already" in gatepost.refused(5, "events", "export", str(file))["message"]
    assert file.read_bytes() == kept
    assert "2 events are in" in gatepost("events", "export", str(file), "--force").out
    assert [path.name for path in file.parent.iterdir()].count("all.csv") == 1
    assert not list(file.parent.glob(".all.csv*")), "no draft is left"


def test_an_export_that_fails_leaves_no_file(gatepost: Gatepost, acme: str) -> None:
    file = gatepost.data.parent / "all.jsonl"
    gatepost.refused(2, "events", "export", str(file), "--type", "nothing.like_it")
    gatepost.refused(4, "events", "export", str(file / "of" / "nowhere"))
    assert not list(file.parent.glob("*all.jsonl*"))


# Tail


def test_tail_shows_the_newest_and_then_what_comes_until_it_is_stopped(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("key", "create", "--org", acme)
    process = subprocess.Popen(
        [sys.executable, "-m", "gatepost", "events", "tail", "--json", "--limit", "1"],
        cwd=gatepost.data.parent,
        env={name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert json.loads(process.stdout.readline())["type"] == "key.made"
    beta = gatepost.json("org", "create", "Beta")["id"]
    gatepost.json("user", "disable", gatepost.json("user", "create", "bo@beta.test", "--org", beta)["id"])
    came = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert [(event["type"], event["org"]) for event in came] == [
        ("org.made", beta),
        ("user.made", beta),
        ("user.disabled", None),
    ]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest) == (130, "")


# The table of sentences


def test_every_type_that_is_recorded_has_a_sentence() -> None:
    families = {type.partition(".")[0] for type in SENTENCES}
    texts = {
        node.value
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    recorded = {text for text in texts if re.fullmatch(rf"({'|'.join(families)})\.[a-z_]+", text)}
    assert {f"{kind}.grants_revoked" for kind in ("app", "org", "user")} <= set(SENTENCES), "written with the kind"
    files = {text for text in recorded if text.endswith((".html", ".key"))}
    assert recorded - files <= set(SENTENCES)


def test_every_sentence_can_be_said_of_an_event_that_tells_nothing(gatepost: Gatepost, acme: str) -> None:
    for type in SENTENCES:
        tell(gatepost, acme, type)
    tell(gatepost, acme, "newer.than_this_version")
    said = gatepost("events", "list").out
    assert len(said.splitlines()) == len(SENTENCES) + 2
    assert "{" not in said
    assert "The command line: newer.than_this_version" in said
