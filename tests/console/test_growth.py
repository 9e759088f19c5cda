"""What a page costs does not grow with what an organization has: the work of its statements is counted, not timed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from scale.multitude import BIG, CROWDED, RARE, Multitude, write

from .office import Office

APPS, MORE = 1000, 2500
"""With ten times as many connections and events, each more than a page looks at."""

PAGES = (
    *("", "?span=7d", "?span=30d", f"?app={BIG}", f"?span=7d&app={BIG}", f"?span=30d&app={BIG}"),
    *(
        "/apps",
        "/apps?name=app+5",
        "/apps/{app}",
        "/people",
        f"/people?email={CROWDED}",
        "/people/{user}",
    ),
    *(f"/apps/{BIG}/connections", f"/apps/{BIG}/events", "/connections", f"/connections?app={BIG}"),
    *(f"/connections?user={CROWDED}", f"/connections?app={BIG}&user={CROWDED}", "/connections/{grant}"),
    *("/events", f"/events?app={BIG}", f"/events?user={CROWDED}", f"/events?app={BIG}&user={CROWDED}"),
    *("/events?type=webhook", f"/events?type={RARE}", f"/events?app={BIG}&type={RARE}", "/events?result=refused"),
    *("/events/{event}", "/search?q=app-000007", "/api-keys", "/scopes", "/seed", "/health"),
)


class Meter:
    """Counts the steps that SQLite's machine takes."""

    def __init__(self) -> None:
        self.steps = 0

    def attach(self, connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._note, id=self)

    def _note(self, event: dict[str, Any]) -> None:
        self.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]


@pytest.fixture
def meter() -> Iterator[Meter]:
    """It counts on every connection that is opened after it."""
    meter = Meter()
    apsw.connection_hooks.append(meter.attach)
    yield meter
    apsw.connection_hooks.remove(meter.attach)


async def test_no_page_does_more_where_there_is_more(meter: Meter, office: Office, tmp_path: Path) -> None:
    url, org, now = f"sqlite:///{tmp_path}/world-0/gatepost.db", office.world.acme.org, office.world.clock()
    write(url, Multitude(org, APPS, now))
    before = {page: await _steps(meter, office, page) for page in PAGES}
    write(url, Multitude(org, MORE, now, start=APPS))
    after = {page: await _steps(meter, office, page) for page in PAGES}
    more = {page: (before[page], after[page]) for page in PAGES if after[page] > 1.1 * before[page] + 100}
    assert more == {}


async def _steps(meter: Meter, office: Office, page: str) -> int:
    before = meter.steps
    answer = await office.get(office.path(page))
    assert answer.status_code in (200, 303), answer.text
    return meter.steps - before
