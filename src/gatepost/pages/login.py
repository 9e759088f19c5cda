"""`/login`: who are you? And `/logged-out`'s opposite: back to what the person was doing. OWASP ASVS V2, V3."""

from gatepost.errors import GatepostError
from gatepost.flows.authorize import open_flow, seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.sessions import start_session
from gatepost.flows.sign_in import Passwords, check_password
from gatepost.oauth.flow import Flow
from gatepost.oauth.form import parse_form
from gatepost.pages.authorize import CONSENT
from gatepost.pages.visit import Visit, Visits, see_other, show
from gatepost.secrets import Secret
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import Reply, Request

HOME = "/account"


class Login:
    """The handlers of signing in."""

    def __init__(
        self, instance: Instance, visits: Visits, passwords: Passwords, by_account: Buckets, by_address: Buckets
    ) -> None:
        self._instance = instance
        self._visits = visits
        self._passwords = passwords
        self._by_account = by_account
        self._by_address = by_address

    async def page(self, request: Request) -> Reply:
        """The page, for the flow that led here or for none."""
        visit = await self._visits.read(request)
        flow = self._flow(visit, parse_form(request.query).get("flow"))
        if flow is None and visit.session is not None:
            return see_other(visit, HOME)
        return self._show(visit, flow)

    async def sign_in(self, request: Request) -> Reply:
        """A password was sent."""
        visit, fields = await self._visits.read_form(request)
        flow = self._flow(visit, fields.get("flow"))
        email, password = fields.get("email", ""), Secret(fields.get("password", ""))
        buckets = (
            (self._by_account, (email.strip().lower(), bucket_of(request.address))),
            (self._by_address, bucket_of(request.address)),
        )
        wait = max(bucket.is_empty(key) for bucket, key in buckets)
        if wait:
            raise GatepostError("too_many_requests", f"Too many tries. Try again in {wait} seconds.", retry_after=wait)
        user = await check_password(self._instance, self._passwords, email, password)
        if user is None:
            for bucket, key in buckets:
                bucket.take(key)
            return self._show(visit, flow, email=email, is_wrong=True)
        agent = request.headers.get(b"user-agent", b"").decode("latin-1")
        signed_in = await start_session(self._instance, user.id, "pwd", request.address, agent)
        visit = self._visits.sign_in(visit, signed_in)
        if flow is None:
            return see_other(visit, HOME)
        return see_other(
            visit, CONSENT + seal_flow(self._instance, flow._replace(session_id=signed_in.session.id.hex()))
        )

    def _flow(self, visit: Visit, text: str | None) -> Flow | None:
        if not text:
            return None
        flow = open_flow(self._instance, text, visit.browser)
        if flow is None:
            raise GatepostError(
                "invalid_request", "This page is too old, or belongs to another browser. Start again in the app."
            )
        return flow

    def _show(self, visit: Visit, flow: Flow | None, *, email: str = "", is_wrong: bool = False) -> Reply:
        return show(
            visit,
            "login.html",
            400 if is_wrong else 200,
            flow=seal_flow(self._instance, flow) if flow else "",
            email=email or (flow.asked.login_hint if flow else None) or "",
            is_wrong=is_wrong,
        )
