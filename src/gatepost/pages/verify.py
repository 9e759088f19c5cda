"""`/login/verify`: the second step, on the way in or when an app asks for it later. OpenID Connect Core §5.5.1.1."""

from typing import NamedTuple

from gatepost.flows.authorize import seal_flow
from gatepost.flows.instance import Instance
from gatepost.flows.passkeys import begin_sign_in, can_have_passkeys, passkeys_of
from gatepost.flows.second_step import check_code, has_second_step, open_half
from gatepost.oauth.assurance import SECOND_STEP, add_methods
from gatepost.oauth.form import parse_form
from gatepost.pages.guesses import CodeTries
from gatepost.pages.sign_ins import SignIns
from gatepost.records import User
from gatepost.store.people import find_user
from gatepost.ui.faults import PageError
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request


class _Person(NamedTuple):
    """Whom the page is for, what they have shown so far, and whether they are signed in with that."""

    user: User
    amr: str
    is_signed_in: bool


class Verify:
    """The handlers of the second step."""

    def __init__(self, instance: Instance, visits: Visits, sign_ins: SignIns, tries: CodeTries) -> None:
        self._instance = instance
        self._visits = visits
        self._sign_ins = sign_ins
        self._tries = tries

    async def page(self, request: Request) -> Reply:
        """The page that asks for a code; without a first step, the page of the first."""
        visit = await self._visits.read(request)
        return await self._show(visit, parse_form(request.query))

    async def verify(self, request: Request) -> Reply:
        """A code was sent."""
        visit, fields = await self._visits.read_form(request, signs_in=True)
        person = await self._person(visit, fields)
        if person is None:
            return await self._show(visit, fields)
        self._tries.take(person.user.id)
        if not await check_code(self._instance, person.user.id, fields.get("code", ""), request.address):
            return await self._show(visit, fields, is_wrong=True)
        flow = await self._sign_ins.flow(visit, fields.get("flow"))
        amr = add_methods(person.amr, SECOND_STEP)
        return await self._sign_ins.finish(visit, person.user, amr, flow, is_whole=not person.is_signed_in)

    async def _person(self, visit: Visit, fields: dict[str, str]) -> _Person | None:
        """Who did the first step: just now, as the page says; or when they signed in."""
        if "half" in fields:
            half = await open_half(self._instance, fields["half"], visit.browser)
            return _Person(*half, is_signed_in=False) if half else None
        session = visit.session
        user = await self._instance.store.read(find_user(session.user_id)) if session else None
        return _Person(user, session.amr, is_signed_in=True) if session and user else None

    async def _show(self, visit: Visit, fields: dict[str, str], *, is_wrong: bool = False) -> Reply:
        person = await self._person(visit, fields)
        flow = await self._sign_ins.flow(visit, fields.get("flow"))
        visit = await self._visits.led_by(visit, flow)
        sealed = seal_flow(self._instance, flow) if flow else ""
        if person is None:
            return see_other(visit, f"/login?flow={sealed}")
        takes_codes = await has_second_step(self._instance, person.user.id)
        has_passkeys = can_have_passkeys(self._instance) and bool(await passkeys_of(self._instance, person.user.id))
        if not (takes_codes or has_passkeys):
            raise PageError(
                "unmet_authentication_requirements",
                "The person has no second step.",
                visit,
                "no_second_step.html",
                status=403,
                flow=sealed,
            )
        return show(
            visit,
            "verify.html",
            400 if is_wrong else 200,
            email=person.user.email,
            half=fields.get("half", ""),
            flow=sealed,
            is_wrong=is_wrong,
            takes_codes=takes_codes,
            ceremony=begin_sign_in(self._instance, visit.browser) if has_passkeys else None,
        )
