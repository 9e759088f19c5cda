"""What every way to sign in ends with: the second step for who has one, the session, and on to where the person was going."""

from gatepost.flows.authorize import seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.second_step import has_second_step, seal_half
from gatepost.flows.sessions import end_session, prove_again, start_session
from gatepost.oauth.flow import Flow
from gatepost.pages.account import ACCOUNT
from gatepost.pages.authorize import CONSENT, VERIFY
from gatepost.pages.carried import flow_over, open_carried
from gatepost.pages.device import place_of
from gatepost.records import User
from gatepost.store.events import Act
from gatepost.store.people import list_organizations_of
from gatepost.ui.visit import CONSOLE, Visit, Visits, see_other
from gatepost.web.message import Reply


class SignIns:
    """Finishes sign-ins, whichever page began them."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    async def flow(self, visit: Visit, text: str | None) -> Flow | None:
        """The flow that a page carries along, if it does. Raises `page_expired` for one that is not this browser's."""
        return await open_carried(self._instance, visit, text) if text else None

    async def go_on(self, visit: Visit, user: User, amr: str, flow: Flow | None) -> Reply:
        """The person has done one step: to the second, if they have one. Nobody is signed in before that."""
        if not await has_second_step(self._instance, user.id):
            return await self.finish(visit, user, amr, flow)
        half = seal_half(self._instance, visit.browser, user, amr)
        return see_other(visit, f"{VERIFY}?half={half}&flow={seal_flow(self._instance, flow) if flow else ''}")

    async def home_of(self, user_id: bytes) -> str:
        """Where somebody is led who came for nothing in particular: to the console, if it has a place for them."""
        roles = await self._instance.store.read(list_organizations_of(user_id))
        return CONSOLE if any(role != "member" for _, role in roles) else ACCOUNT

    async def finish(self, visit: Visit, user: User, amr: str, flow: Flow | None, *, is_whole: bool = True) -> Reply:
        """Sign in. Who was signed in here already goes on with the same session and a new cookie; anybody else is out.

        `user` is as they were before they showed what they have. Raises `page_expired` when their ways in were ended since.
        """
        request, signed_in = visit.request, None
        if visit.session is not None and visit.session.user_id == user.id:
            signed_in = await prove_again(self._instance, visit.session, amr, request.address, is_whole=is_whole)
        elif visit.session is not None:
            act = Act(self._instance.clock(), "user", request.address)
            await end_session(self._instance, visit.session.id, act)
        if signed_in is None:
            agent = request.headers.get(b"user-agent", b"").decode("latin-1")
            signed_in = await start_session(self._instance, user, amr, request.address, agent)
        if signed_in is None:
            raise await flow_over(self._instance, visit, flow)
        visit = self._visits.sign_in(visit, signed_in)
        if flow is None and visit.device:
            return see_other(self._visits.keep_device(visit, ""), place_of(visit.device))
        if flow is None and visit.onward:
            return see_other(self._visits.keep_onward(visit, ""), visit.onward)
        if flow is None:
            return see_other(visit, await self.home_of(user.id))
        flow = flow._replace(session_id=signed_in.session.id.hex()) if is_whole else flow
        return see_other(visit, CONSENT + seal_flow(self._instance, flow))
