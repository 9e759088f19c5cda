"""`/authorize`, `/consent/…` and `/continue/…`: an authorization as the person sees it. OAuth 2.1 §4.1, RFC 9207.

Whatever leaves after a form was posted leaves from a page of ours that answers 200: a redirect of the form itself would be
held to `form-action 'self'`, and cannot lead to an app on the device at all.
"""

from urllib.parse import quote, urlencode, urlsplit

import orjson

from gatepost.errors import GatepostError, OAuthError
from gatepost.flows.authorize import (
    Leave,
    NeedsConsent,
    NeedsSecondStep,
    NeedsSignIn,
    Step,
    answer,
    begin,
    go_on,
    open_flow,
    refuse,
    seal_flow,
)
from gatepost.flows.consent import ConsentView, view_consent
from gatepost.flows.instance import Instance
from gatepost.oauth.authorize import parse_authorize
from gatepost.oauth.flow import Flow
from gatepost.pages.visit import FORM, Visit, Visits, see_other, show
from gatepost.secrets import EXIT, parse_id
from gatepost.web.message import Reply, Request

CONSENT = "/consent/"
CONTINUE = "/continue/"
VERIFY = "/login/verify"


class Authorize:
    """The handlers of an authorization."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    async def authorize(self, request: Request) -> Reply:
        """Begin. A GET goes on at once; a POST goes on with a GET, which brings the cookies that a foreign form does not."""
        visit = await self._visits.read(request)
        begun = await begin(self._instance, parse_authorize(_parameters(request)), visit.browser)
        if isinstance(begun, Leave):
            return self._leave_at_once(visit, begun)
        if request.method == "POST":
            return see_other(visit, CONSENT + seal_flow(self._instance, begun))
        step = await go_on(self._instance, begun, visit.session)
        if isinstance(step, Leave):
            return self._leave_at_once(visit, step)
        return self._show(visit, step)

    async def consent(self, request: Request) -> Reply:
        """Where a flow goes on: after sign-in, and when the page is loaded again."""
        visit = await self._visits.read(request)
        flow = self._flow(visit, request)
        step = await go_on(self._instance, flow, visit.session)
        if isinstance(step, NeedsConsent):
            return await self._ask(visit, step)
        return self._leave(visit, step) if isinstance(step, Leave) else self._show(visit, step)

    async def decide(self, request: Request) -> Reply:
        """The person's answer."""
        visit, fields = await self._visits.read_form(request)
        flow = self._flow(visit, request)
        if visit.session is None:
            return see_other(visit, CONSENT + seal_flow(self._instance, flow))
        if fields.get("decision") != "allow":
            return self._hand_over(
                visit, refuse(self._instance, flow, OAuthError("access_denied", "The person said no."))
            )
        step = await go_on(self._instance, flow._replace(asked=flow.asked._replace(prompt=("consent",))), visit.session)
        if not isinstance(step, NeedsConsent):
            return see_other(visit, CONSENT + seal_flow(self._instance, flow))
        view = await view_consent(self._instance, step, visit.session)
        org = parse_id("org", fields.get("org", view.places[0].id)) or b""
        kept = [each.name for each in view.required]
        kept += [each.name for each in view.optional if f"scope {each.name}" in fields]
        scope = " ".join(token for token in flow.asked.scope.split() if token in kept)
        left = await answer(self._instance, flow, visit.session, org, scope, allowed=True, address=request.address)
        if left is None:
            raise GatepostError(
                "invalid_request", "This page has already been used. Go back to the app and start again."
            )
        return self._hand_over(visit, left)

    async def leave(self, request: Request) -> Reply:
        """The page that leaves: once it is ours to give, it goes by itself, and has a link."""
        visit = await self._visits.read(request)
        text = _last_segment(request)
        plain = self._instance.keyring.unseal_text(EXIT, text)
        browser, leave = _load_leave(plain) if plain else ("", None)
        if leave is None or browser != visit.browser.hex():
            raise GatepostError(
                "invalid_request", "This page has already been used. Go back to the app and start again."
            )
        return self._leave(visit, leave)

    def _flow(self, visit: Visit, request: Request) -> Flow:
        text = _last_segment(request)
        flow = open_flow(self._instance, text, visit.browser)
        if flow is None:
            raise GatepostError(
                "invalid_request", "This page is too old, or belongs to another browser. Start again in the app."
            )
        return flow

    def _show(self, visit: Visit, step: Step) -> Reply:
        """A step that is no way back to the app."""
        if isinstance(step, NeedsSignIn):
            return see_other(visit, "/login?flow=" + seal_flow(self._instance, step.flow))
        if isinstance(step, NeedsSecondStep):
            return see_other(visit, f"{VERIFY}?flow={seal_flow(self._instance, step.flow)}")
        assert not isinstance(step, Leave)
        if isinstance(step, NeedsConsent):
            return see_other(visit, CONSENT + seal_flow(self._instance, step.flow))
        return show(visit, "no_place.html", 403, app=step.known.app.name, flow=seal_flow(self._instance, step.flow))

    async def _ask(self, visit: Visit, step: NeedsConsent) -> Reply:
        assert visit.session is not None
        view: ConsentView = await view_consent(self._instance, step, visit.session)
        return show(visit, "consent.html", view=view, flow=seal_flow(self._instance, step.flow))

    def _hand_over(self, visit: Visit, leave: Leave) -> Reply:
        plain = orjson.dumps([visit.browser.hex(), list(leave)])
        return see_other(visit, CONTINUE + self._instance.keyring.seal_text(EXIT, plain))

    def _leave_at_once(self, visit: Visit, leave: Leave) -> Reply:
        if leave.response_mode == "form_post":
            return self._leave(visit, leave)
        return see_other(visit, _url_of(leave))

    def _leave(self, visit: Visit, leave: Leave) -> Reply:
        if leave.response_mode == "form_post":
            origin = urlsplit(leave.redirect_uri)
            target = f"{origin.scheme}://{origin.netloc}" if origin.netloc else f"{origin.scheme}:"
            return show(visit, "form_post.html", form_action=target, leave=leave)
        return show(visit, "leave.html", url=_url_of(leave), host=_shown_host(leave))


def _parameters(request: Request) -> bytes:
    """Where the parameters are: in the query of a GET, in the body of a POST, never in both."""
    if request.method != "POST":
        return request.query
    request.check_media_type(FORM)
    if request.query:
        raise OAuthError("invalid_request", "Send the parameters in the form, not in the URL too.")
    return request.body


def _last_segment(request: Request) -> str:
    return request.path.rpartition("/")[2]


def _url_of(leave: Leave) -> str:
    """The redirect URI with the answer in its query, every character of it kept. RFC 6749 §4.1.2."""
    joint = "" if leave.redirect_uri.endswith(("?", "&")) else "&" if "?" in leave.redirect_uri else "?"
    return leave.redirect_uri + joint + urlencode(leave.params, quote_via=quote)


def _shown_host(leave: Leave) -> str:
    address = urlsplit(leave.redirect_uri)
    return address.netloc or f"{address.scheme}:"


def _load_leave(plain: bytes) -> tuple[str, Leave]:
    browser, leave = orjson.loads(plain)
    return browser, Leave(*leave)
