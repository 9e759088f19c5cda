"""`/reset`, `/login/mail`, `/verify-email`: what a person does who reads their mails. OWASP ASVS V2.5.

The pages that take an address answer the same for every address. A link's page only shows a button: mail scanners follow
links, and must not use them up.
"""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.mails import order_mail
from gatepost.flows.recovery import begins_anew, find_reset, find_verification, set_by_link, verify_by_link
from gatepost.flows.sign_in import Passwords
from gatepost.oauth.form import parse_form
from gatepost.pages.carried import follow
from gatepost.pages.guesses import MailOrders
from gatepost.records import Session
from gatepost.secrets import Secret
from gatepost.ui.faults import link_over
from gatepost.ui.visit import Visit, Visits, show
from gatepost.web.message import Reply, Request

RESET = "/reset"
MAIL_SIGN_IN = "/login/mail"


class Recovery:
    """The handlers of mailed links about accounts that there are."""

    def __init__(self, instance: Instance, visits: Visits, passwords: Passwords, orders: MailOrders) -> None:
        self._instance = instance
        self._visits = visits
        self._passwords = passwords
        self._orders = orders

    async def ask_reset(self, request: Request) -> Reply:
        """The page that leads to a mailed link; the link leads back to the flow that this page was reached from."""
        return await self._ask(request, RESET)

    async def order_reset(self, request: Request) -> Reply:
        return await self._order(request, "reset", RESET)

    async def ask_sign_in(self, request: Request) -> Reply:
        """The same for a link that signs in."""
        return await self._ask(request, MAIL_SIGN_IN)

    async def order_sign_in(self, request: Request) -> Reply:
        return await self._order(request, "sign_in", MAIL_SIGN_IN)

    async def _ask(self, request: Request, action: str) -> Reply:
        visit, flow = await self._follow(await self._visits.read(request), parse_form(request.query))
        return show(visit, "order_mail.html", action=action, flow=flow)

    async def _order(self, request: Request, purpose: str, action: str) -> Reply:
        visit, fields = await self._visits.read_form(request)
        visit, flow = await self._follow(visit, fields)
        email = fields.get("email", "")
        if self._orders.take(email, request.address):
            await order_mail(self._instance, purpose, email, visit.locale, flow=flow)
        return show(visit, "mail_ordered.html", action=action, flow=flow)

    async def _follow(self, visit: Visit, fields: dict[str, str]) -> tuple[Visit, str]:
        return await follow(self._instance, self._visits, visit, fields.get("flow", ""))

    async def ask_password(self, request: Request) -> Reply:
        """The page of a reset link."""
        visit = await self._visits.read(request)
        return await self._show_password(visit, parse_form(request.query))

    async def set_password(self, request: Request) -> Reply:
        """A new password was sent. Nobody is signed in by that: whoever has a second step still needs it."""
        visit, fields = await self._visits.read_form(request)
        link, password = fields.get("link", ""), Secret(fields.get("new_password", ""))
        try:
            done = await set_by_link(
                self._instance, self._passwords, link, password, visit.locale, request.address, visit.user_id
            )
        except GatepostError as error:
            if error.code != "invalid_request":
                raise
            return await self._show_password(visit, fields, is_unfit=True)
        if not done:
            raise link_over(visit)
        visit, flow = await self._follow(visit, fields)
        return show(visit, "password_set.html", flow=flow)

    async def order_verification(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """A mail to the address of whoever is signed in."""
        if self._orders.take(session.email, visit.request.address):
            await order_mail(self._instance, "verify", session.email, visit.locale)
        return show(visit, "mail_ordered.html", action="", flow="")

    async def ask_verification(self, request: Request) -> Reply:
        """The page of a link that proves an address."""
        visit = await self._visits.read(request)
        link = parse_form(request.query).get("link", "")
        user = await find_verification(self._instance, link)
        if user is None:
            raise link_over(visit)
        anew = await begins_anew(self._instance, user.id, visit.user_id)
        return show(visit, "verify_email.html", email=user.email, link=link, flow="", begins_anew=anew)

    async def verify(self, request: Request) -> Reply:
        visit, fields = await self._visits.read_form(request)
        done = await verify_by_link(self._instance, fields.get("link", ""), request.address, visit.user_id)
        if not done:
            raise link_over(visit)
        return show(visit, "email_verified.html")

    async def _show_password(self, visit: Visit, fields: dict[str, str], *, is_unfit: bool = False) -> Reply:
        link = fields.get("link", "")
        found = await find_reset(self._instance, link)
        if found is None:
            raise link_over(visit)
        anew = await begins_anew(self._instance, found[1].id, visit.user_id)
        visit, flow = await self._follow(visit, fields)
        return show(
            visit,
            "reset_password.html",
            400 if is_unfit else 200,
            email=found[1].email,
            link=link,
            flow=flow,
            is_unfit=is_unfit,
            begins_anew=anew,
        )
