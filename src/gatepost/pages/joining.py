"""`/invite` and `/sign-up`: becoming somebody here, by a link that was mailed."""

from gatepost.errors import GatepostError
from gatepost.flows.authorize import open_flow, seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.joining import accept, check_open, find_invited, find_sign_up, sign_up_by_link
from gatepost.flows.known_apps import find_known_app
from gatepost.flows.mails import order_mail
from gatepost.flows.sign_in import Passwords
from gatepost.oauth.flow import Flow
from gatepost.oauth.form import parse_form
from gatepost.pages.account import ACCOUNT
from gatepost.pages.authorize import CONSENT
from gatepost.pages.carried import follow
from gatepost.pages.guesses import MailOrders
from gatepost.pages.sign_ins import SignIns
from gatepost.secrets import Secret
from gatepost.ui.faults import link_over
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request

SIGN_UP = "/sign-up"


class Joining:
    """The handlers of invitations and of signing up."""

    def __init__(
        self, instance: Instance, visits: Visits, sign_ins: SignIns, passwords: Passwords, orders: MailOrders
    ) -> None:
        self._instance = instance
        self._visits = visits
        self._sign_ins = sign_ins
        self._passwords = passwords
        self._orders = orders

    async def ask_invited(self, request: Request) -> Reply:
        """The page of an invitation."""
        visit = await self._visits.read(request)
        return await self._show_invitation(visit, parse_form(request.query).get("link", ""))

    async def accept(self, request: Request) -> Reply:
        """Yes. Somebody new brings a password; whoever has an account here is signed in with it."""
        visit, fields = await self._visits.read_form(request)
        link, password = fields.get("link", ""), Secret(fields.get("new_password", ""))
        invited = await find_invited(self._instance, link)
        if invited is None:
            raise link_over(visit)
        if invited.is_known and not _is_theirs(visit, invited.invitation.email):
            return await self._show_invitation(visit, link)
        try:
            brought = None if invited.is_known else password
            joined = await accept(self._instance, self._passwords, invited, brought, request.address)
        except GatepostError as error:
            if error.code != "invalid_request":
                raise
            return await self._show_invitation(visit, link, is_unfit=True)
        if joined is None:
            raise link_over(visit)
        flow = await self._came_with(visit, invited.org.id)
        if joined.is_new:
            return await self._sign_ins.finish(visit, joined.user, "pwd", flow)
        return see_other(visit, CONSENT + seal_flow(self._instance, flow) if flow else ACCOUNT)

    async def _came_with(self, visit: Visit, org: bytes) -> Flow | None:
        """The flow that an app sent the person with, before they were invited, if they may connect it as a member here."""
        flow = open_flow(self._instance, visit.flow, visit.browser)
        known = await find_known_app(self._instance, flow.client_id) if flow else None
        return flow if known and (known.app.org == org or known.metadata.open_to_others) else None

    async def ask_sign_up(self, request: Request) -> Reply:
        """The page that leads to a mailed link; the link leads back to the flow that this page was reached from."""
        check_open(self._instance)
        visit, flow = await self._follow(await self._visits.read(request), parse_form(request.query))
        return show(visit, "order_mail.html", action=SIGN_UP, flow=flow)

    async def order_sign_up(self, request: Request) -> Reply:
        """An address was sent. The page says the same for one that has an account; its owner is told by mail."""
        check_open(self._instance)
        visit, fields = await self._visits.read_form(request)
        visit, flow = await self._follow(visit, fields)
        email = fields.get("email", "")
        if self._orders.take(email, request.address):
            await order_mail(self._instance, "sign_up", email, visit.locale, flow=flow)
        return show(visit, "mail_ordered.html", action=SIGN_UP, flow=flow)

    async def ask_account(self, request: Request) -> Reply:
        """The page of a sign-up link."""
        visit = await self._visits.read(request)
        return await self._show_sign_up(visit, parse_form(request.query))

    async def sign_up(self, request: Request) -> Reply:
        visit, fields = await self._visits.read_form(request)
        password, organization = Secret(fields.get("new_password", "")), fields.get("organization", "")
        link = fields.get("link", "")
        try:
            user = await sign_up_by_link(self._instance, self._passwords, link, password, organization, request.address)
        except GatepostError as error:
            if error.code != "invalid_request":
                raise
            return await self._show_sign_up(visit, fields, is_unfit=True)
        if user is None:
            raise link_over(visit)
        flow = open_flow(self._instance, fields.get("flow", ""), visit.browser)
        return await self._sign_ins.finish(visit, user, "pwd", flow)

    async def _follow(self, visit: Visit, fields: dict[str, str]) -> tuple[Visit, str]:
        return await follow(self._instance, self._visits, visit, fields.get("flow", ""))

    async def _show_sign_up(self, visit: Visit, fields: dict[str, str], *, is_unfit: bool = False) -> Reply:
        link, organization = fields.get("link", ""), fields.get("organization", "")
        email = find_sign_up(self._instance, link)
        if email is None:
            raise link_over(visit)
        visit, flow = await self._follow(visit, fields)
        return show(
            visit,
            "sign_up.html",
            400 if is_unfit else 200,
            email=email,
            link=link,
            flow=flow,
            organization=organization,
            is_unfit=is_unfit,
        )

    async def _show_invitation(self, visit: Visit, link: str, *, is_unfit: bool = False) -> Reply:
        invited = await find_invited(self._instance, link)
        if invited is None:
            raise link_over(visit)
        is_theirs = _is_theirs(visit, invited.invitation.email)
        status = 400 if is_unfit else 200
        return show(
            visit, "invitation.html", status, invited=invited, is_theirs=is_theirs, link=link, is_unfit=is_unfit
        )


def _is_theirs(visit: Visit, email: str) -> bool:
    """Whether the invited person is signed in here."""
    return visit.session is not None and visit.session.email == email
