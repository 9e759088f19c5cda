"""`/approval/…`: an organization approves apps before its people connect them, and this person may ask for one."""

from gatepost.flows.app_requests import ask_admins, list_under_review
from gatepost.flows.authorize import NeedsApproval, NeedsConsent, go_on, issue_of, seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import get_known_app
from gatepost.oauth.flow import Flow
from gatepost.pages.authorize import APPROVAL, CONSENT
from gatepost.pages.carried import open_carried
from gatepost.secrets import parse_id
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request


class Approval:
    """The handlers of asking for an app."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    async def page(self, request: Request) -> Reply:
        """Where the person has to ask, has asked, or was refused. Whoever has nothing to wait for any more goes on."""
        visit = await self._visits.read(request)
        flow = await self._flow(visit)
        step = await go_on(self._instance, flow, visit.session)
        if visit.session is None or not isinstance(step, NeedsApproval | NeedsConsent):
            return self._onward(visit, flow)
        known = await get_known_app(self._instance, flow.client_id)
        places = await list_under_review(self._instance, known, visit.session, issue_of(flow))
        if not places:
            return self._onward(visit, flow)
        return show(
            visit.speaking(flow.asked.ui_locales),
            "approval.html",
            app=known.app.name,
            places=places,
            has_others=isinstance(step, NeedsConsent),
            flow=seal_flow(self._instance, flow),
        )

    async def ask(self, request: Request) -> Reply:
        """Ask the admins of one organization."""
        visit, fields = await self._visits.read_form(request)
        flow = await self._flow(visit)
        if visit.session is None:
            return self._onward(visit, flow)
        known = await get_known_app(self._instance, flow.client_id)
        org = parse_id("org", fields.get("org", "")) or b""
        await ask_admins(self._instance, known, org, visit.session, issue_of(flow), request.address)
        return see_other(visit, APPROVAL + seal_flow(self._instance, flow))

    def _onward(self, visit: Visit, flow: Flow) -> Reply:
        return see_other(visit, CONSENT + seal_flow(self._instance, flow))

    async def _flow(self, visit: Visit) -> Flow:
        return await open_carried(self._instance, visit, visit.request.path.rpartition("/")[2])
