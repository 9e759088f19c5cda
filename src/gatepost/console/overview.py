"""The overview: figures, what there is to do, and what happened last."""

from typing import Any, NamedTuple

from gatepost.console.charts import Chart, draw
from gatepost.console.desk import Desk
from gatepost.console.sentences import Told, tell_events
from gatepost.flows.browsing import browse_events
from gatepost.flows.counting import ISSUED, PASSED, REFUSED
from gatepost.flows.health import PROBLEM, WORDS, examine, retiring
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.flows.usage import latency_of, period_of, usage_of
from gatepost.store.apps import list_apps
from gatepost.store.signing_keys import list_signing_keys
from gatepost.web.message import Reply

RECENT = 8
SPANS = {"24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
TOKEN = "/token"  # the route


class Figures(NamedTuple):
    """What happened over a while, of one app or of all."""

    issued: Chart
    refused: Chart
    passed: int
    p95_ms: int | None

    @property
    def refused_share(self) -> str:
        """How many of a hundred were refused."""
        asked = self.issued.total + self.refused.total
        return f"{100 * self.refused.total / asked:.1f}" if asked else "0"


class Overview:
    """The handler of the page where everybody begins."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        query = desk.query
        span = query.get("span", "24h") if query.get("span") in SPANS else "24h"
        app = query.get("app", "")
        return desk.show(
            "overview.html",
            section="overview",
            cli=desk.cli("usage", "--since", span, *(("--app", app) if app else ())),
            span=span,
            spans=tuple(SPANS),
            chosen_app=app,
            figures=await self._figures(desk, SPANS[span], app or None),
            recent=await self._recent(desk),
            **await self._health(desk),
            has_apps=bool(await self._instance.store.read(list_apps(desk.org.id, limit=1))),
            may_write=desk.actor.may_own(Deed.APPS_WRITE),
            now=self._instance.clock(),
        )

    async def _health(self, desk: Desk) -> dict[str, Any]:
        """What there is to look after, as on the page Health, and the keys that are about to go."""
        examined = await examine(self._instance, desk.org.id, desk.actor)
        keys = await self._instance.store.read(list_signing_keys())
        return {
            "findings": [finding for each in examined for finding in each.findings],
            "weights": WORDS,
            "problems": sum(each.status == PROBLEM for each in examined),
            "retiring": retiring(keys, self._instance.clock()),
        }

    async def _figures(self, desk: Desk, seconds: int, client_id: str | None) -> Figures:
        period = period_of(seconds, self._instance.clock())
        points = await usage_of(self._instance, desk.org.id, period, desk.actor, client_id)
        issued, refused = [
            draw(period.starts, period.step, [(each.at, each.name, each.times) for each in points if each.kind == kind])
            for kind in (ISSUED, REFUSED)
        ]
        passed = sum(each.times for each in points if each.kind == PASSED)
        latency = await latency_of(self._instance, TOKEN, period)
        return Figures(issued, refused, passed, round(latency.p95 * 1000) if latency else None)

    async def _recent(self, desk: Desk) -> list[Told]:
        if not desk.actor.may(Deed.EVENTS_READ):
            return []
        page = await browse_events(self._instance, desk.actor, desk.org.id, None, RECENT)
        return await tell_events(self._instance, desk.org.id, page.rows)
