"""`/account`: who the person is here, where they are signed in, and their password."""

from gatepost.errors import GatepostError
from gatepost.flows.account import act_of, change_password, end_own_session, needs_password, view_account
from gatepost.flows.instance import Instance
from gatepost.flows.sessions import end_sessions
from gatepost.flows.sign_in import Passwords
from gatepost.pages.agents import name_agent
from gatepost.pages.guesses import Guesses
from gatepost.pages.logout import SIGNED_OUT
from gatepost.records import Session
from gatepost.secrets import Secret, render_id
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply

ACCOUNT = "/account"


class Account:
    """The handlers of a signed-in person's own pages."""

    def __init__(self, instance: Instance, visits: Visits, passwords: Passwords, guesses: Guesses) -> None:
        self._instance = instance
        self._visits = visits
        self._passwords = passwords
        self._guesses = guesses

    async def page(self, visit: Visit, session: Session) -> Reply:
        account = await view_account(self._instance, session)
        sessions = [(render_id("ses", each.id), each, name_agent(each.agent)) for each in account.sessions]
        return show(
            visit,
            "account.html",
            places=account.places,
            sessions=sessions,
            now=self._instance.clock(),
            is_verified=account.is_verified,
            sends_mail=self._instance.mailer is not None,
        )

    async def end_session(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """End one session: of another browser, or this one's."""
        chosen = fields.get("session", "")
        await end_own_session(self._instance, session, chosen, visit.request.address)
        if chosen == render_id("ses", session.id):
            return see_other(self._visits.sign_out(visit), SIGNED_OUT)
        return see_other(visit, ACCOUNT)

    async def ask_everywhere(self, visit: Visit, session: Session) -> Reply:
        return show(visit, "sign_out_everywhere.html")

    async def end_everywhere(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """End all sessions, this one too."""
        await end_sessions(self._instance, session.user_id, act_of(self._instance, session, visit.request.address))
        return see_other(self._visits.sign_out(visit), SIGNED_OUT)

    async def ask_password(self, visit: Visit, session: Session) -> Reply:
        return await self._show_password(visit, session)

    async def change_password(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """A new password was sent."""
        old, new = Secret(fields.get("password", "")), Secret(fields.get("new_password", ""))
        address = visit.request.address
        self._guesses.take(session.email, address)
        try:
            done = await change_password(self._instance, self._passwords, session, old, new, address)
        except GatepostError as error:
            self._guesses.give_back(session.email, address)
            if error.code != "invalid_request":
                raise
            return await self._show_password(visit, session, "unfit")
        if not done:
            return await self._show_password(visit, session, "wrong")
        self._guesses.give_back(session.email, address)
        return see_other(visit, ACCOUNT)

    async def _show_password(self, visit: Visit, session: Session, fault: str = "") -> Reply:
        needs_old = await needs_password(self._instance, session)
        return show(visit, "password.html", 400 if fault else 200, fault=fault, needs_old=needs_old)
