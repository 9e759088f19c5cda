"""`/login/account`: is it to be this person? For apps that ask with `prompt=select_account`. OpenID Connect Core §3.1.2.1."""

from gatepost.flows.authorize import seal_flow
from gatepost.flows.instance import Instance
from gatepost.oauth.flow import Flow
from gatepost.oauth.form import parse_form
from gatepost.pages.authorize import CONSENT
from gatepost.pages.carried import open_carried
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request


class Choice:
    """The handlers of choosing an account."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    async def page(self, request: Request) -> Reply:
        """The page: this person, or another one. With nobody signed in there is nothing to choose."""
        visit = await self._visits.read(request)
        flow = await self._flow(visit, parse_form(request.query))
        sealed = seal_flow(self._instance, flow)
        if visit.session is None:
            return see_other(visit, f"/login?flow={sealed}")
        return show(await self._visits.led_by(visit, flow), "choice.html", flow=sealed)

    async def go_on(self, request: Request) -> Reply:
        """The person goes on as who they are. The form is good for their session alone."""
        visit, fields = await self._visits.read_form(request)
        flow = await self._flow(visit, fields)
        chosen = flow._replace(chosen_id=visit.session.id.hex() if visit.session else "")
        return see_other(visit, CONSENT + seal_flow(self._instance, chosen))

    async def _flow(self, visit: Visit, fields: dict[str, str]) -> Flow:
        return await open_carried(self._instance, visit, fields.get("flow", ""))
