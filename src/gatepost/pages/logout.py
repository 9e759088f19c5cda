"""`/logout`: signing out, by the person or because an app asks for it. OpenID Connect RP-Initiated Logout 1.0."""

from urllib.parse import urlencode

from gatepost.flows.instance import Instance
from gatepost.flows.logout import Logout as Judged
from gatepost.flows.logout import judge_logout, log_out
from gatepost.oauth.form import parse_form
from gatepost.oauth.logout import LogoutAsk, parse_logout
from gatepost.pages.leaving import Leaving, url_of
from gatepost.ui.visit import CSRF_FIELD, Visit, Visits, see_other, show
from gatepost.web.message import FORM, Reply, Request

LOGOUT = "/logout"
SIGNED_OUT = "/signed-out"


class Logout:
    """The handlers of signing out."""

    def __init__(self, instance: Instance, visits: Visits, leaving: Leaving) -> None:
        self._instance = instance
        self._visits = visits
        self._leaving = leaving

    async def ask(self, request: Request) -> Reply:
        """An app or a link brought the person. Whom nobody vouches for is asked first."""
        ask = parse_logout(request.query)
        visit = (await self._visits.read(request)).speaking(ask.ui_locales)
        judged = await judge_logout(self._instance, ask, visit.session)
        if judged.is_proven:
            visit = await self._sign_out(visit, judged)
            return self._leaving.from_link(visit, judged.leave) if judged.leave else _show_end(visit, judged)
        if visit.session is None:
            return _show_end(visit, judged)
        return _show_question(visit, judged, ask)

    async def confirm(self, request: Request) -> Reply:
        """The person said yes. An app's own form goes on with a GET, which brings the cookies that it does not."""
        request.check_media_type(FORM)
        sent = parse_form(request.body)
        if CSRF_FIELD not in sent:
            return see_other(await self._visits.read(request), f"{LOGOUT}?{urlencode(sent)}")
        visit, _ = await self._visits.read_form(request)
        judged = await judge_logout(self._instance, parse_logout(request.body), visit.session)
        visit = await self._sign_out(visit, judged)
        return self._leaving.from_form(visit, judged.leave) if judged.leave else see_other(visit, SIGNED_OUT)

    async def signed_out(self, request: Request) -> Reply:
        return _show_end(await self._visits.read(request), None)

    async def _sign_out(self, visit: Visit, judged: Judged) -> Visit:
        if visit.session is not None:
            await log_out(self._instance, judged, visit.session, visit.request.address)
        return self._visits.sign_out(visit)


def _show_question(visit: Visit, judged: Judged, ask: LogoutAsk) -> Reply:
    app = judged.known.app.name if judged.known else ""
    carried = {}
    if judged.known and judged.leave:
        carried = {"client_id": judged.known.app.client_id, "post_logout_redirect_uri": judged.leave.redirect_uri}
        carried |= judged.leave.params
    return show(visit, "logout.html", menu=False, app=app, carried=carried)


def _show_end(visit: Visit, judged: Judged | None) -> Reply:
    """Signed out. Nobody is led away by a wish that nobody vouches for; a link may be followed."""
    leave = judged.leave if judged else None
    app = judged.known.app.name if judged and judged.known else ""
    return show(visit, "signed_out.html", menu=judged is None, app=app, url=url_of(leave) if leave else "")
