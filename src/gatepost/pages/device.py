"""`/device`: a person types the code that a device shows, sees what asks, and answers. RFC 8628 §3.3.

A link that brings the code, as §3.3.1 has it, saves the typing and nothing else: the page still asks, and only a form of
ours answers.
"""

from urllib.parse import urlencode

from gatepost.errors import too_many
from gatepost.flows.app_requests import ask_admins, list_under_review
from gatepost.flows.device import Waiting, answer_device, find_waiting, issue_of, view_device
from gatepost.flows.instance import Instance
from gatepost.flows.places import list_places, what_lacks
from gatepost.oauth.device import parse_user_code, render_user_code
from gatepost.oauth.form import parse_form
from gatepost.records import Session
from gatepost.secrets import parse_id
from gatepost.ui.faults import page_over
from gatepost.ui.visit import PROVING, Visit, Visits, see_other, show
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import Reply, Request

DEVICE = "/device"
CONNECTED = "/device/connected"
CANCELLED = "/device/cancelled"

_EVERYBODY = "everybody"


class Device:
    """The handlers of connecting a device."""

    def __init__(self, instance: Instance, visits: Visits, by_address: Buckets, in_all: Buckets) -> None:
        self._instance = instance
        self._visits = visits
        self._by_address = by_address
        self._in_all = in_all

    async def page(self, request: Request) -> Reply:
        """The page that asks for the code; or, with a code, what asks."""
        visit = await self._visits.read(request)
        text = parse_form(request.query).get("user_code", "")
        if not text:
            return _ask_for_code(visit)
        if visit.session is None:
            return self._to_sign_in(visit, text)
        waiting = await self._find(visit, text)
        if waiting is None:
            return _ask_for_code(visit, text, is_wrong=True)
        lacking = await self._lacking(waiting, visit.session)
        if lacking:
            return see_other(self._visits.keep_device(visit, waiting.request.user_code), PROVING[lacking])
        session = visit.session
        visit = await self._visits.led_to(visit, waiting.known.app.org)
        return show(
            visit,
            "device_confirm.html",
            view=await view_device(self._instance, waiting, session),
            may_connect=bool(waiting.places),
            places=await list_under_review(self._instance, waiting.known, session, issue_of(waiting.request)),
            now=self._instance.clock(),
        )

    async def answer(self, request: Request) -> Reply:
        """A code was typed; or, with a decision, the person's answer."""
        visit, fields = await self._visits.read_form(request)
        text = fields.get("user_code", "")
        if visit.session is None:
            return self._to_sign_in(visit, text)
        waiting = await self._find(visit, text)
        decision = None if "ask" in fields else fields.get("decision")
        if waiting is None:
            if decision:
                raise page_over(visit, visit.base + DEVICE)
            return _ask_for_code(visit, text, is_wrong=True)
        if "ask" in fields:
            await self._ask(visit, waiting, fields["ask"])
        if not decision or (decision == "connect" and await self._lacking(waiting, visit.session)):
            return see_other(visit, place_of(waiting.request.user_code))
        org = parse_id("org", fields.get("org", "")) or b""
        allowed = decision == "connect"
        if not await answer_device(
            self._instance, waiting, visit.session, org, allowed=allowed, address=request.address
        ):
            raise page_over(visit, visit.base + DEVICE)
        return see_other(visit, CONNECTED if allowed else CANCELLED)

    async def connected(self, request: Request) -> Reply:
        """It is done, and goes on at the device."""
        return show(await self._visits.read(request), "device_done.html", is_connected=True)

    async def cancelled(self, request: Request) -> Reply:
        """The person said no."""
        return show(await self._visits.read(request), "device_done.html", is_connected=False)

    async def _ask(self, visit: Visit, waiting: Waiting, text: str) -> None:
        """Ask an organization's admins for the app; the device does not wait for them."""
        assert visit.session is not None
        org, issue = parse_id("org", text) or b"", issue_of(waiting.request)
        await ask_admins(self._instance, waiting.known, org, visit.session, issue, visit.request.address)

    def _to_sign_in(self, visit: Visit, text: str) -> Reply:
        code = parse_user_code(text)
        if code is None:
            return _ask_for_code(visit, text, is_wrong=True)
        return see_other(self._visits.keep_device(visit, code), "/login")

    async def _lacking(self, waiting: Waiting, session: Session) -> str:
        """What the person's sign-in lacks, where nothing else keeps them from connecting the device."""
        if waiting.places:
            return ""
        places = await list_places(self._instance, waiting.known, session, issue_of(waiting.request))
        return what_lacks(each.why_not for each in places)

    async def _find(self, visit: Visit, text: str) -> Waiting | None:
        """The device that shows this code. Whoever guesses is slowed down, and so are all who guess together."""
        assert visit.session is not None
        buckets = ((self._by_address, bucket_of(visit.request.address)), (self._in_all, _EVERYBODY))
        wait = max(bucket.is_empty(key) for bucket, key in buckets)
        if wait:
            raise too_many("tries", wait)
        # Counted before it is looked at: many at once must be no way around.
        for bucket, key in buckets:
            bucket.take(key)
        code = parse_user_code(text)
        waiting = await find_waiting(self._instance, code, visit.session) if code else None
        if waiting is not None:
            for bucket, key in buckets:
                bucket.give_back(key)
        return waiting


def place_of(user_code: str) -> str:
    """Where a person answers the device with this code."""
    return f"{DEVICE}?{urlencode({'user_code': render_user_code(user_code)})}"


def _ask_for_code(visit: Visit, text: str = "", *, is_wrong: bool = False) -> Reply:
    return show(visit, "device.html", 400 if is_wrong else 200, user_code=text[:100], is_wrong=is_wrong)
