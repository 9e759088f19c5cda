"""`gatepost events verify`: the operator's and the auditor's proof, of the database and of an export."""

import asyncio
import json

import pytest

from gatepost.flows import sealing
from gatepost.flows.instance import Instance
from gatepost.flows.sealing import SETTLE_SECONDS, Sealer
from gatepost.secrets import parse_id
from gatepost.store.question import SQL, Steps, question
from gatepost.store.seals import newest_seal
from patience import until

from .conftest import Gatepost
from .test_events import tell


@question
def change(text: str) -> Steps[None]:
    yield SQL(text)


def seal(gatepost: Gatepost) -> None:
    async def work(instance: Instance) -> int:
        return await Sealer(instance).seal_settled()

    gatepost.serve(work, later=SETTLE_SECONDS + 2)


def run_sql(gatepost: Gatepost, text: str) -> None:
    async def work(instance: Instance) -> None:
        await instance.store.ask(change(text))

    gatepost.serve(work)


@pytest.fixture
def sealed(gatepost: Gatepost, acme: str) -> str:
    """Acme with ten sealed events."""
    tell(gatepost, acme, count=9)
    seal(gatepost)
    return acme


def test_untouched_events_are_proved_and_the_newest_are_named(gatepost: Gatepost, sealed: str) -> None:
    tell(gatepost, sealed)
    found = gatepost.json("events", "verify", "--org", "Acme")
    [org] = found["orgs"]
    assert (found["ok"], org["org"], org["name"], org["events"], org["faults"]) == (True, sealed, "Acme", 10, [])
    assert (org["unsealed"], org["unsealed_since"][:2]) == (1, "20")
    assert {each["name"]: each["events"] for each in gatepost.json("events", "verify")["orgs"]}["Acme"] == 10
    said = gatepost("events", "verify", "--org", "Acme").out
    assert said.startswith("Acme: 10 events in 1 seals: nothing was changed, 1 newer not sealed yet. Head 1:")


def test_what_was_changed_is_said_and_the_command_fails(gatepost: Gatepost, sealed: str) -> None:
    victim = gatepost.json("events", "list", "--org", sealed)[4]["id"]
    run_sql(gatepost, f"update events set actor = 'nobody' where id = x'{victim.removeprefix('evt_')}'")
    found = gatepost.json("events", "verify", code=1)
    assert found["ok"] is False
    [fault] = [fault for org in found["orgs"] for fault in org["faults"]]
    assert fault == {"fault": "changed", "seal": 1, "event": victim, "message": f"the event {victim} was changed"}
    ran = gatepost("events", "verify")
    assert (ran.code, f"fault: Acme: the event {victim} was changed\n" in ran.err) == (1, True)
    run_sql(gatepost, "delete from events")
    assert gatepost("events", "verify").err.count("fault: Acme: the event") == 10


def test_a_noted_head_shows_that_the_end_was_cut_off(gatepost: Gatepost, sealed: str) -> None:
    head = gatepost.json("events", "verify", "--org", sealed)["orgs"][0]["head"]
    assert gatepost.json("events", "verify", "--org", sealed, "--head", head)["ok"]
    tell(gatepost, sealed)
    seal(gatepost)
    assert gatepost.json("events", "verify", "--org", sealed, "--head", head)["ok"], "an older head is still its"
    run_sql(gatepost, "delete from event_seals")
    run_sql(gatepost, "delete from events")
    assert gatepost.json("events", "verify", "--org", sealed)["ok"]
    found = gatepost.json("events", "verify", "--org", sealed, "--head", head, code=1)
    assert [fault["fault"] for fault in found["orgs"][0]["faults"]] == ["cut_off"]


def test_an_export_is_held_against_the_seals(gatepost: Gatepost, sealed: str) -> None:
    file = gatepost.data.parent / "july.jsonl"
    gatepost("events", "export", str(file))
    assert gatepost.json("events", "verify", "--file", str(file))["ok"]
    lines = file.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    # A part of it, without its ends, is the truth as well.
    file.write_text("\n".join(lines[3:7]))
    assert gatepost.json("events", "verify", "--file", str(file))["ok"]
    file.write_text("\n".join([*lines[3:5], json.dumps(events[5] | {"actor": "nobody"}), *lines[7:]]))
    found = gatepost.json("events", "verify", "--file", str(file), code=1)["orgs"][0]["faults"]
    assert [(fault["fault"], fault["event"]) for fault in found] == [
        ("changed", events[5]["id"]),
        ("removed", events[6]["id"]),
    ]


def test_what_is_no_export_or_head_is_refused(gatepost: Gatepost, sealed: str) -> None:
    file = gatepost.data.parent / "file"
    file.write_text('{"id":"evt_1"}\n')
    assert "Line 1" in gatepost.refused(2, "events", "verify", "--file", str(file))["message"]
    for text in ("not json", "[]", '{"id":1,"org":null}'):
        file.write_text(text)
        gatepost.refused(2, "events", "verify", "--file", str(file))
    gatepost.refused(4, "events", "verify", "--file", str(file.parent / "nothing"))
    gatepost.refused(4, "events", "verify", "--org", "Nobody")
    gatepost.refused(2, "events", "verify", "--head", "1:" + 64 * "0")
    for head in ("1", "1:abc", ":" + 64 * "0", "x:" + 64 * "0"):
        gatepost.refused(2, "events", "verify", "--org", "Acme", "--head", head)


def test_an_organization_without_seals_has_nothing_wrong(gatepost: Gatepost, acme: str) -> None:
    [org] = gatepost.json("events", "verify", "--org", acme)["orgs"]
    assert (org["events"], org["unsealed"], org["head"][:2]) == (0, 1, "0:")
    assert gatepost.json("events", "verify", "--org", acme, "--head", org["head"])["ok"]


def test_a_running_server_seals(gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEAL_SECONDS", 0.01)
    org = parse_id("org", acme) or b""

    async def work(instance: Instance) -> None:
        async def is_sealed() -> bool:
            return await instance.store.read(newest_seal(org)) is not None

        running = asyncio.create_task(Sealer(instance).run())
        await until(is_sealed)
        running.cancel()
        await asyncio.wait([running])

    gatepost.serve(work, later=SETTLE_SECONDS + 2)
    assert gatepost.json("events", "verify", "--org", acme)["orgs"][0]["unsealed"] == 0
