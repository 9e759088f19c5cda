"""`/login`: who are you? By password or by one-time link, and then back to what the person was doing. OWASP ASVS V2, V3."""

from gatepost.flows.authorize import open_flow, seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.links import BY_LINK, find_link, open_link
from gatepost.flows.passkeys import begin_sign_in, can_have_passkeys, finish_sign_in
from gatepost.flows.recovery import begins_anew
from gatepost.flows.sign_in import Passwords, check_password
from gatepost.oauth.flow import Flow
from gatepost.oauth.form import parse_form
from gatepost.pages.carried import follow
from gatepost.pages.guesses import Guesses
from gatepost.pages.sign_ins import SignIns
from gatepost.secrets import Secret
from gatepost.ui.faults import link_over
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request


class Login:
    """The handlers of signing in."""

    def __init__(
        self, instance: Instance, visits: Visits, sign_ins: SignIns, passwords: Passwords, guesses: Guesses
    ) -> None:
        self._instance = instance
        self._visits = visits
        self._sign_ins = sign_ins
        self._passwords = passwords
        self._guesses = guesses

    async def page(self, request: Request) -> Reply:
        """The page, for the flow that led here or for none; with a one-time link, the page that spends it."""
        visit = await self._visits.read(request)
        fields = parse_form(request.query)
        if "link" in fields:
            return await self._show_link(visit, fields["link"], fields.get("flow", ""))
        flow = await self._sign_ins.flow(visit, fields.get("flow"))
        if flow is None and visit.session is not None and "again" not in fields:
            return see_other(visit, await self._sign_ins.home_of(visit.session.user_id))
        return await self._show(visit, flow)

    async def spend_link(self, request: Request) -> Reply:
        """The button of a link's page was pressed. Only this spends it: mail scanners and browsers open links by themselves."""
        visit, fields = await self._visits.read_form(request, signs_in=True)
        opened = await open_link(self._instance, fields.get("link", ""), request.address, visit.user_id)
        if opened is None:
            raise link_over(visit)
        # A mailed link may be opened in another browser than the one that asked for it: then the flow stays there.
        flow = open_flow(self._instance, fields.get("flow", ""), visit.browser)
        return await self._sign_ins.go_on(visit, opened.user, BY_LINK, flow)

    async def sign_in(self, request: Request) -> Reply:
        """A password was sent."""
        visit, fields = await self._visits.read_form(request, signs_in=True)
        flow = await self._sign_ins.flow(visit, fields.get("flow"))
        email, password = fields.get("email", ""), Secret(fields.get("password", ""))
        self._guesses.take(email, request.address)
        user = await check_password(self._instance, self._passwords, email, password)
        if user is None:
            return await self._show(visit, flow, email=email, fault="password")
        self._guesses.give_back(email, request.address)
        return await self._sign_ins.go_on(visit, user, "pwd", flow)

    async def use_passkey(self, request: Request) -> Reply:
        """A passkey answered. It is both steps in one."""
        visit, fields = await self._visits.read_form(request)
        flow = await self._sign_ins.flow(visit, fields.get("flow"))
        sealed, answer = fields.get("ceremony", ""), fields.get("answer", "")
        proved = await finish_sign_in(self._instance, visit.browser, sealed, answer, request.address)
        if proved is None:
            return await self._show(visit, flow, fault="passkey")
        return await self._sign_ins.finish(visit, proved.user, proved.amr, flow)

    async def _show_link(self, visit: Visit, link: str, flow: str) -> Reply:
        opened = await find_link(self._instance, link)
        if opened is None:
            raise link_over(visit)
        anew = opened.is_mailed and await begins_anew(self._instance, opened.member.id, visit.user_id)
        visit, flow = await follow(self._instance, self._visits, visit, flow)
        return show(visit, "link.html", email=opened.member.email, link=link, flow=flow, begins_anew=anew)

    async def _show(self, visit: Visit, flow: Flow | None, *, email: str = "", fault: str = "") -> Reply:
        has_passkeys = can_have_passkeys(self._instance)
        return show(
            await self._visits.led_by(visit, flow),
            "login.html",
            400 if fault else 200,
            flow=seal_flow(self._instance, flow) if flow else "",
            email=email or (flow.asked.login_hint if flow else None) or "",
            fault=fault,
            sends_mail=self._instance.mailer is not None,
            is_open=self._instance.sign_up == "open",
            ceremony=begin_sign_in(self._instance, visit.browser) if has_passkeys else None,
        )
