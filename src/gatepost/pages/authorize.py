"""`/authorize` and `/consent/…`: an authorization as the person sees it. OAuth 2.1 §4.1, RFC 9207."""

from collections.abc import Callable
from urllib.parse import urlencode

from gatepost.errors import OAuthError
from gatepost.flows.authorize import (
    Leave,
    NeedsApproval,
    NeedsChoice,
    NeedsConsent,
    NeedsSecondStep,
    NeedsSignIn,
    NoPlace,
    Step,
    allow,
    begin,
    deny,
    go_on,
    say_no,
    seal_flow,
)
from gatepost.flows.client_documents import DocumentError
from gatepost.flows.consent import ConsentView, view_consent
from gatepost.flows.instance import Instance
from gatepost.flows.misdirected import look_into
from gatepost.oauth.authorize import parse_authorize
from gatepost.oauth.flow import Flow
from gatepost.oauth.form import parse_pairs
from gatepost.oauth.newcomers import CLIENT_IDS
from gatepost.pages.carried import flow_over, open_carried
from gatepost.pages.leaving import Leaving
from gatepost.secrets import parse_id
from gatepost.ui.faults import PageError, misdirected, undocumented
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import FORM, Reply, Request

AUTHORIZE = "/authorize"
CONSENT = "/consent/"
APPROVAL = "/approval/"
CHOICE = "/login/account"
VERIFY = "/login/verify"
CANCEL = "/login/cancel"

MAX_FORM = 12 * 1024
"""Bytes of a form that goes on as a link: what is longer no server takes in a URL, nor do we."""


class Authorize:
    """The handlers of an authorization."""

    def __init__(self, instance: Instance, visits: Visits, leaving: Leaving) -> None:
        self._instance = instance
        self._visits = visits
        self._leaving = leaving

    async def authorize(self, request: Request) -> Reply:
        """Begin. A GET goes on at once; a good POST does so as a GET, which brings the cookies that a foreign form does not."""
        visit = await self._visits.read(request)
        ask = parse_authorize(_parameters(request))
        try:
            begun = await begin(self._instance, ask, visit.browser)
        except DocumentError as error:
            raise undocumented(visit, error) from None
        except OAuthError as error:
            raise misdirected(visit, error, await look_into(self._instance, ask, visit.session)) from None
        if isinstance(begun, Leave):
            return self._leave(visit, ask.fields["client_id"], begun, self._leaving.from_link)
        if request.method == "POST":
            return see_other(visit, f"{AUTHORIZE}?{urlencode(parse_pairs(request.body))}")
        step = await go_on(self._instance, begun, visit.session)
        if isinstance(step, Leave):
            return self._leave(visit, begun.client_id, step, self._leaving.from_link)
        return self._show(visit, step)

    def _leave(self, visit: Visit, client_id: str, leave: Leave, go: Callable[[Visit, Leave], Reply]) -> Reply:
        """Leave; but nobody is led away, without a word of theirs, to an app that nobody here registered."""
        is_stranger = "error" in leave.params and client_id.startswith(CLIENT_IDS)
        return self._leaving.by_hand(visit, leave) if is_stranger else go(visit, leave)

    async def consent(self, request: Request) -> Reply:
        """Where a flow goes on: after sign-in, and when the page is loaded again."""
        visit = await self._visits.read(request)
        flow = await self._flow(visit, request)
        visit = await self._visits.led_by(visit, flow)
        step = await go_on(self._instance, flow, visit.session)
        if isinstance(step, NeedsConsent):
            return await self._ask(visit, step)
        if isinstance(step, Leave):
            return self._leave(visit, flow.client_id, step, self._leaving.from_page)
        return self._show(visit, step)

    async def decide(self, request: Request) -> Reply:
        """The person's answer."""
        visit, fields = await self._visits.read_form(request)
        flow = await self._flow(visit, request)
        if visit.session is None:
            return see_other(visit, CONSENT + seal_flow(self._instance, flow))
        if fields.get("decision") != "allow":
            return await self._answered(visit, flow, await deny(self._instance, flow))
        # Asked anew, whatever was consented to before; and still in need of the sign-in or the choice that the app asks for.
        prompt = (*flow.asked.prompt, "consent")
        step = await go_on(self._instance, flow._replace(asked=flow.asked._replace(prompt=prompt)), visit.session)
        if not isinstance(step, NeedsConsent):
            return see_other(visit, CONSENT + seal_flow(self._instance, flow))
        view = await view_consent(self._instance, step, visit.session)
        if fields.get("shown") != view.shown:
            # The app has changed since the page was shown: what the person said yes to is gone.
            return see_other(visit, CONSENT + seal_flow(self._instance, flow))
        org = parse_id("org", fields.get("org", view.places[0].id)) or b""
        kept = [each.name for each in view.required]
        kept += [each.name for each in view.optional if f"scope {each.name}" in fields]
        scope = " ".join(token for token in flow.asked.scope.split() if token in kept)
        left = await allow(self._instance, flow, visit.session, org, scope, request.address)
        return await self._answered(visit, flow, left)

    async def _answered(self, visit: Visit, flow: Flow, leave: Leave | None) -> Reply:
        """Leave with an answer, if it is the first one of its page."""
        if leave is None:
            raise await flow_over(self._instance, visit, flow)
        return self._leaving.from_form(visit, leave)

    async def cancel(self, request: Request) -> Reply:
        """The person turns back before there was anything to say yes to. Nobody may be signed in, so nothing is written."""
        visit, fields = await self._visits.read_form(request, signs_in=True)
        flow = await open_carried(self._instance, visit, fields.get("flow", ""))
        return self._leave(visit, flow.client_id, say_no(self._instance, flow), self._leaving.from_form)

    async def _flow(self, visit: Visit, request: Request) -> Flow:
        return await open_carried(self._instance, visit, request.path.rpartition("/")[2])

    def _show(self, visit: Visit, step: Step) -> Reply:
        """A step that is no way back to the app."""
        if isinstance(step, NeedsSignIn | NoPlace):
            visit = self._visits.keep_flow(visit, seal_flow(self._instance, step.flow))
        if isinstance(step, NeedsSignIn):
            return see_other(visit, "/login?flow=" + seal_flow(self._instance, step.flow))
        if isinstance(step, NeedsSecondStep):
            return see_other(visit, f"{VERIFY}?flow={seal_flow(self._instance, step.flow)}")
        if isinstance(step, NeedsChoice):
            return see_other(visit, f"{CHOICE}?flow={seal_flow(self._instance, step.flow)}")
        if isinstance(step, NeedsApproval):
            return see_other(visit, APPROVAL + seal_flow(self._instance, step.flow))
        assert not isinstance(step, Leave)
        if isinstance(step, NeedsConsent):
            return see_other(visit, CONSENT + seal_flow(self._instance, step.flow))
        raise PageError(
            "access_denied",
            "The person belongs to no organization in which this app may be connected.",
            visit,
            "no_place.html",
            org=step.known.app.org,
            app=step.known.app.name,
            flow=seal_flow(self._instance, step.flow),
        )

    async def _ask(self, visit: Visit, step: NeedsConsent) -> Reply:
        assert visit.session is not None
        view: ConsentView = await view_consent(self._instance, step, visit.session)
        if step.known.app.is_free and len(step.places) == 1:
            visit = await self._visits.led_to(visit, step.places[0][0])
        return show(visit, "consent.html", view=view, flow=seal_flow(self._instance, step.flow))


def _parameters(request: Request) -> bytes:
    """Where the parameters are: in the query of a GET, in the body of a POST, never in both."""
    if request.method != "POST":
        return request.query
    request.check_media_type(FORM)
    if request.query:
        raise OAuthError("invalid_request", "Send the parameters in the form, not in the URL too.")
    if len(request.body) > MAX_FORM:
        raise OAuthError("invalid_request", f"The form is longer than {MAX_FORM:,} bytes.")
    return request.body
