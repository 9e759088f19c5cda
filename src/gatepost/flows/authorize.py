"""An authorization, step by step: begun by an app, led through sign-in and consent, left with a code or a refusal.

Nothing of a flow is stored. Each step looks at the live state again, so signing in as somebody else, a change of the app,
or a consent given meanwhile in another tab is seen by the next step. OAuth 2.1 §4.1, OpenID Connect Core §3.1.2.
"""

from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.known_apps import KnownApp, find_known_app, get_known_app
from gatepost.flows.minting import subject_for
from gatepost.flows.places import check_scope_somewhere, issue_in, list_places, places_for, what_lacks
from gatepost.flows.playground import own_redirect
from gatepost.flows.pushed import PUSHED, check_ask, open_pushed
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.light import replace
from gatepost.oauth.approval import CODE_TTL, approve, dump_approval
from gatepost.oauth.assurance import is_enough
from gatepost.oauth.authorize import AuthorizeAsk, VerifiedAsk, verify_redirect
from gatepost.oauth.consent import ADMIN, UNAPPROVED, UNASKED, covers, may_pass_silently
from gatepost.oauth.flow import FLOW_TTL, Flow, dump_flow, load_flow, start_flow
from gatepost.oauth.narrow import Issue
from gatepost.oauth.org_settings import SIGN_IN
from gatepost.records import WAITING, Consent, Session
from gatepost.secrets import AUTHORIZATION_CODE, FLOW, MAX_SEALED_TEXT, new_id
from gatepost.store.consents import ANSWER, find_consent, give_consent
from gatepost.store.events import Act
from gatepost.store.grants import epoch_of, find_grant
from gatepost.store.spent import spend

_FRAME = 512
"""Bytes, and more than enough, of what sealing and our own words add."""


class Leave(NamedTuple):
    """The way back to the app, with its answer."""

    redirect_uri: str
    response_mode: str
    params: dict[str, str]


class NeedsSignIn(NamedTuple):
    """Somebody has to sign in first: anybody, or again."""

    flow: Flow


class NeedsSecondStep(NamedTuple):
    """The person has to prove themselves with a second factor too, as the app wants it."""

    flow: Flow


class NeedsChoice(NamedTuple):
    """Somebody is signed in, and the app wants them to say whether it is to be them."""

    flow: Flow


class NeedsConsent(NamedTuple):
    """The person has to be asked. `places` are the organizations that the grant may be for: id and name."""

    flow: Flow
    known: KnownApp
    places: list[tuple[bytes, str]]


class NoPlace(NamedTuple):
    """The person belongs to no organization in which this app may be connected."""

    flow: Flow
    known: KnownApp


class NeedsApproval(NamedTuple):
    """Wherever the person could connect the app, an admin has to approve it first."""

    flow: Flow


Step = Leave | NeedsSignIn | NeedsChoice | NeedsSecondStep | NeedsConsent | NeedsApproval | NoPlace


async def begin(instance: Instance, ask: AuthorizeAsk, browser: bytes) -> Flow | Leave:
    """Check a request. Raises what a page of ours has to say, as long as the redirect URI is not known good."""
    client_id = ask.fields.get("client_id")
    if client_id is None:
        raise OAuthError("invalid_client", "The request does not say which app it is from: client_id.")
    flow_id, pushed = new_id(), False
    if ask.fields.get("request_uri", "").startswith(PUSHED):
        flow_id, ask = open_pushed(instance, client_id, ask.fields["request_uri"])
        pushed = True
    known = await get_known_app(instance, client_id)
    if known.is_disabled:
        raise OAuthError("invalid_client", "The app is unknown here, or disabled.", detail="disabled")
    own = own_redirect(instance, known.app, ask.fields, browser)
    verified = verify_redirect(ask, known.app, known.metadata, (*known.redirect_uris, *own))
    try:
        if known.metadata.require_pushed_authorization_requests and not pushed:
            raise OAuthError("invalid_request", "This app has to push its requests to /par.")
        asked = await check_ask(instance, verified)
        flow = start_flow(verified, asked, flow_id, browser, instance.clock(), is_pushed=pushed)
        if not _fits(flow):
            raise OAuthError("invalid_request", "The request is too long: send less in its parameters.")
        return flow
    except OAuthError as error:
        return refuse(instance, verified, error)


async def go_on(instance: Instance, flow: Flow, session: Session | None) -> Step:
    """The next step of a flow: what is missing, or the way back to the app."""
    try:
        return await _go_on(instance, flow, session)
    except OAuthError as error:
        return refuse(instance, flow, error)


async def _go_on(instance: Instance, flow: Flow, session: Session | None) -> Step:
    known = await _live_app(instance, flow)
    silent = "none" in flow.asked.prompt
    if session is None or await _must_sign_in(instance, flow, session, known):
        if silent:
            raise OAuthError("login_required", "Nobody is signed in as this request needs it.")
        return NeedsSignIn(flow)
    if "select_account" in flow.asked.prompt and session.id.hex() not in (flow.session_id, flow.chosen_id):
        return NeedsChoice(flow)
    if not is_enough(session.amr, flow.asked):
        if silent:
            raise OAuthError("login_required", "The person has not signed in with a second factor.")
        return NeedsSecondStep(flow)
    all_places = await list_places(instance, known, session, issue_of(flow))
    places = [(each.org, each.name) for each in all_places if not each.why_not]
    if not places:
        return await _no_place(instance, flow, known, session, [each.why_not for each in all_places])
    org = await _consented_place(instance, flow, known, session, [org for org, _ in places])
    if org is None:
        if silent:
            raise OAuthError("consent_required", "The person has to be asked.")
        return NeedsConsent(flow, known, places)
    issue = await issue_in(instance, known, org, issue_of(flow))
    return await _approve(instance, flow, known, session, org, issue)


async def _no_place(instance: Instance, flow: Flow, known: KnownApp, session: Session, why_not: list[str]) -> Step:
    """What to say to a person who may connect the app nowhere. Raises what the app is told instead, if it wants no page."""
    silent = "none" in flow.asked.prompt
    lacking = what_lacks(why_not)
    if lacking and silent:
        raise OAuthError("login_required", "The person has to sign in as the organization asks for it.")
    if lacking:
        return NeedsSignIn(flow) if lacking == SIGN_IN else NeedsSecondStep(flow)
    if not set(why_not).isdisjoint(UNAPPROVED):
        # With a page the person may ask for it, unless it was refused.
        if silent and not {UNASKED, WAITING}.isdisjoint(why_not):
            raise OAuthError("interaction_required", "An admin of the person's organization has to approve this app.")
        if silent:
            raise OAuthError("access_denied", "An admin of the person's organization refused this app.")
        return NeedsApproval(flow)
    await check_scope_somewhere(instance, known, session, issue_of(flow))
    if silent:
        raise OAuthError("access_denied", "The person may not connect this app.")
    return NoPlace(flow, known)


async def allow(instance: Instance, flow: Flow, session: Session, org: bytes, scope: str, address: str) -> Leave | None:
    """The person's yes on the consent page. None when the page was answered before."""
    try:
        known = await _live_app(instance, flow)
    except OAuthError as error:
        return refuse(instance, flow, error)
    if org not in [place for place, _ in await places_for(instance, known, session, issue_of(flow))]:
        return refuse(instance, flow, OAuthError("access_denied", "The person may not connect this app there."))
    now = instance.clock()
    issue = await issue_in(instance, known, org, Issue(scope, flow.asked.resource))
    consent = Consent(org, session.user_id, flow.client_id, issue.scope, known.digest, now)
    act = Act(now, "user", address, flow.client_id, session.user_id)
    started_at, expires_at = flow.started_at, flow.started_at + FLOW_TTL
    newcomer = (
        (replace(known.app, created_at=known.app.created_at or now), known.redirect_uris, fresh_epoch())
        if known.app.is_free
        else None
    )
    given = give_consent(org, consent, bytes.fromhex(flow.id), started_at, expires_at, act, newcomer)
    return await _approve(instance, flow, known, session, org, issue) if await instance.store.ask(given) else None


async def deny(instance: Instance, flow: Flow) -> Leave | None:
    """The person's no on the consent page. None when the page was answered before."""
    expires_at = flow.started_at + FLOW_TTL
    spent = spend(ANSWER, bytes.fromhex(flow.id), flow.started_at, expires_at, instance.clock())
    return say_no(instance, flow) if await instance.store.ask(spent) else None


def say_no(instance: Instance, flow: Flow) -> Leave:
    """The way back to the app with the person's no."""
    return refuse(instance, flow, OAuthError("access_denied", "The person said no."))


def refuse(instance: Instance, place: Flow | VerifiedAsk, error: OAuthError) -> Leave:
    """The way back to the app with a refusal."""
    return _leave(instance, place, {"error": error.code, "error_description": error.plain_description})


def issue_of(flow: Flow) -> Issue:
    """What a flow asks for."""
    return Issue(flow.asked.scope, flow.asked.resource)


def seal_flow(instance: Instance, flow: Flow) -> str:
    """The flow as our pages carry it."""
    return instance.keyring.seal_text(FLOW, dump_flow(flow))


def open_flow(instance: Instance, text: str, browser: bytes) -> Flow | None:
    """A flow that this browser began, while it may be answered; None for any other."""
    flow = find_flow(instance, text, browser)
    return flow if flow and not flow.is_over(instance.clock()) else None


def find_flow(instance: Instance, text: str, browser: bytes) -> Flow | None:
    """A flow that this browser began, over or not; None for any other."""
    plain = instance.keyring.unseal_text(FLOW, text)
    flow = load_flow(plain) if plain else None
    return flow if flow and flow.browser == browser.hex() else None


def _fits(flow: Flow) -> bool:
    """Whether the URLs can carry the flow: sealed by itself, and at its end the code that comes of it, sealed once more."""
    whole, state = len(dump_flow(flow)), len((flow.state or "").encode())
    code = (whole - state + _FRAME) * 4 // 3
    leaving = (code + state + len(flow.redirect_uri) + _FRAME) * 4 // 3
    return max((whole + _FRAME) * 4 // 3, leaving) <= MAX_SEALED_TEXT


async def _live_app(instance: Instance, flow: Flow) -> KnownApp:
    known = await find_known_app(instance, flow.client_id)
    if known is None or known.is_disabled:
        raise OAuthError("unauthorized_client", "The app is disabled.")
    return known


async def _must_sign_in(instance: Instance, flow: Flow, session: Session, known: KnownApp) -> bool:
    """Whether this session will not do. One made on this flow's way is fresh, whatever was asked."""
    asked = flow.asked
    subject = await subject_for(instance, session.user_id, known)
    if not asked.is_about(subject):
        return True
    if asked.id_token_hint is not None:
        claims = await instance.signing.open(asked.id_token_hint, ID_TOKEN_TYPE)
        if claims is None or claims["sub"] != subject:
            return True
    if session.id.hex() == flow.session_id:
        return False
    age = flow.started_at - session.auth_time
    is_stale = asked.max_age is not None and (age > asked.max_age or asked.max_age == 0)
    return is_stale or "login" in asked.prompt


async def _consented_place(
    instance: Instance, flow: Flow, known: KnownApp, session: Session, places: list[bytes]
) -> bytes | None:
    """The one organization for which nobody needs to be asked."""
    if "consent" in flow.asked.prompt:
        return None
    # Nobody hands out power over the organization unasked, whoever says so of the app.
    if known.metadata.skip_consent and known.app.org in places and ADMIN not in flow.asked.scope.split():
        return known.app.org
    if not may_pass_silently(known.app, flow.redirect_uri):
        return None
    digest = known.digest
    consented = [
        org
        for org in places
        if covers(
            await instance.store.read(find_consent(org, session.user_id, flow.client_id)), flow.asked.scope, digest
        )
    ]
    return consented[0] if len(consented) == 1 else None


async def _approve(
    instance: Instance, flow: Flow, known: KnownApp, session: Session, org: bytes, issue: Issue
) -> Leave:
    if flow.is_pushed and await instance.store.read(find_grant(org, bytes.fromhex(flow.id))) is not None:
        raise OAuthError("invalid_request_uri", "This request_uri was used.")
    approval = approve(
        # One that was pushed makes one grant. Of any other, whoever goes back and signs in again gets a code that is new.
        flow.id if flow.is_pushed else new_id().hex(),
        instance.clock() + CODE_TTL,
        (known.app.org, flow.client_id),
        session,
        org,
        issue,
        await instance.store.read(epoch_of(org, known.app.org, flow.client_id, session.user_id)),
    )
    approval = replace(
        approval,
        redirect_uri=flow.redirect_uri,
        challenge=flow.asked.challenge,
        nonce=flow.asked.nonce,
        claims=flow.asked.claims,
        dpop_jkt=flow.asked.dpop_jkt,
    )
    return _leave(instance, flow, {"code": instance.keyring.seal_text(AUTHORIZATION_CODE, dump_approval(approval))})


def _leave(instance: Instance, place: Flow | VerifiedAsk, params: dict[str, str]) -> Leave:
    state = {"state": place.state} if place.state is not None else {}
    return Leave(place.redirect_uri, place.response_mode, {**params, **state, "iss": instance.issuer})
