"""The approval queue: a person asks for an app of others, and an admin approves or refuses it, for the whole organization.

What is approved is the app as it was when somebody asked, with the scopes that were asked for. Connections that exist already
go on, whether an app was never approved or is refused later: they end as all connections do, see `flows.revoke`.
"""

import unicodedata
from functools import partial
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp
from gatepost.flows.mails import write_mail
from gatepost.flows.missing import get_by_id
from gatepost.flows.places import list_places
from gatepost.flows.roles import MATRIX, Actor, Deed
from gatepost.flows.scopes import Permission, describe_scopes
from gatepost.oauth.client_document import is_url
from gatepost.oauth.client_metadata import is_hidden
from gatepost.oauth.consent import UNAPPROVED, UNASKED, host_of
from gatepost.oauth.narrow import Issue
from gatepost.records import AGREED, REFUSED, WAITING, AppRequest, Letter, Session
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.app_requests import (
    ask_for_app,
    browse_app_requests,
    count_waiting,
    decide_app_request,
    find_app_request,
    get_app_request,
)
from gatepost.store.browsing import Page
from gatepost.store.events import Act
from gatepost.store.orgs import find_org, find_owner
from gatepost.store.people import find_member, list_active_as
from gatepost.store.question import INSTANCE

STATES = (WAITING, AGREED, REFUSED)
MAX_WAITING = 20
"""How many of one person's requests may wait for an answer in an organization."""

MAX_COUNT = 100
"""As far as the queue is counted."""

MAX_MAILS = 20
"""How many admins hear of a request."""

MAX_REASON = 500


class UnderReview(NamedTuple):
    """An organization of the person's whose admins have not approved an app, or not for this. `reason` is of a refusal.

    `request` is the id of what they may decide themselves; empty where they may not.
    """

    org: str
    name: str
    why_not: str
    reason: str
    request: str


class RequestView(NamedTuple):
    """A request as an admin reads it: who vouches for the app, who asks, and what is asked in plain words.

    `vouches` is the organization that registered it, if one did; else `published_at` the host at which it publishes itself.
    `added` are the permissions that nobody has agreed to yet, `agreed` those that somebody has.
    """

    request: AppRequest
    vouches: str
    published_at: str
    asker: str
    decider: str
    added: list[Permission]
    agreed: list[Permission]


async def view_request(instance: Instance, org: bytes, request: AppRequest) -> RequestView:
    """What there is to know of a request that the actor may see."""
    home = await instance.store.read(find_owner("client_id", request.client_id)) or INSTANCE
    owner = await instance.store.read(find_org(home)) if home != INSTANCE else None
    permissions = await describe_scopes(instance, home if owner else org, request.scope)
    agreed = (request.agreed_scope or "").split() if request.agreed_digest == request.digest else []
    return RequestView(
        request,
        vouches=owner.name if owner else "",
        published_at=host_of(request.client_id) if is_url(request.client_id) else "",
        asker=await _email(instance, org, request.asked_by),
        decider=await _email(instance, org, parse_id("usr", request.decided_by or "")) or (request.decided_by or ""),
        added=[each for each in permissions if each.name not in agreed],
        agreed=[each for each in permissions if each.name in agreed],
    )


async def _email(instance: Instance, org: bytes, user_id: bytes | None) -> str:
    """The e-mail of a member; of somebody who is none any more, the id."""
    member = await instance.store.read(find_member(org, user_id)) if user_id else None
    return member.email if member else render_id("usr", user_id) if user_id else ""


async def list_under_review(instance: Instance, known: KnownApp, session: Session, issue: Issue) -> list[UnderReview]:
    """Where the person could connect the app for this, once an admin approves it."""
    places = await list_places(instance, known, session, issue)
    found = []
    for place in places:
        if place.why_not in UNAPPROVED:
            _, request = await instance.store.read(find_app_request(place.org, known.app.client_id))
            member = await instance.store.read(find_member(place.org, session.user_id))
            may_decide = member is not None and member.role in MATRIX[Deed.REQUESTS_WRITE].roles
            reason = request.reason if request and place.why_not == REFUSED else ""
            id = render_id("req", request.id) if request and may_decide and place.why_not != UNASKED else ""
            found.append(UnderReview(render_id("org", place.org), place.name, place.why_not, reason, id))
    return found


async def ask_admins(
    instance: Instance, known: KnownApp, org: bytes, session: Session, issue: Issue, address: str | None
) -> None:
    """Ask an organization's admins for an app. To ask again, or for one that was refused, changes nothing.

    Raises `access_denied` where the person could not connect it anyway, `conflict` for whoever asks for everything.
    """
    places = {each.org: each for each in await list_places(instance, known, session, issue)}
    if org not in places or places[org].why_not not in ("", *UNAPPROVED):
        raise GatepostError("access_denied", "You may not connect this app there.")
    if places[org].why_not != UNASKED:
        return
    if await instance.store.read(count_waiting(org, MAX_WAITING, session.user_id)) >= MAX_WAITING:
        raise GatepostError("conflict", "You have asked for many apps. Wait until an admin has answered.")
    now = instance.clock()
    _, before = await instance.store.read(find_app_request(org, known.app.client_id))
    asked = AppRequest(
        id=before.id if before else new_id(),
        client_id=known.app.client_id,
        name=known.app.name,
        hosts=" ".join(dict.fromkeys(map(host_of, known.redirect_uris))),
        scope=issue.scope,
        digest=known.digest,
        state=WAITING,
        asked_by=session.user_id,
        asked_at=now,
    )
    act = Act(now, render_id("usr", session.user_id), address, asked.client_id, session.user_id)
    letters = await _letters_to_admins(instance, org, asked)
    await instance.store.ask(ask_for_app(org, asked, letters, act))


async def requests_of(
    instance: Instance, org: bytes, actor: Actor, state: str, before: bytes | None, limit: int
) -> Page[AppRequest]:
    """The requests in a state, the newest first. Raises `invalid_request`, and as `Actor.check` does."""
    actor.check(Deed.REQUESTS_READ, org)
    if state not in STATES:
        raise GatepostError("invalid_request", f"The state is one of: {', '.join(STATES)}.", field="state")
    return await instance.store.read(browse_app_requests(org, state, before, limit))


async def request_of(instance: Instance, org: bytes, text: str, actor: Actor) -> AppRequest:
    """The request with this id. Raises `not_found`, and as `Actor.check` does."""
    actor.check(Deed.REQUESTS_READ, org)
    return await get_by_id(instance.store, partial(get_app_request, org), "req", text)


async def count_requests(instance: Instance, org: bytes, actor: Actor) -> int:
    """How many requests wait for an answer, up to MAX_COUNT; none for whoever may not see them."""
    if not actor.may(Deed.REQUESTS_READ):
        return 0
    return await instance.store.read(count_waiting(org, MAX_COUNT))


async def decide(
    instance: Instance, org: bytes, shown: AppRequest, state: str, reason: str, actor: Actor
) -> AppRequest:
    """Approve (AGREED) or refuse (REFUSED) an app as it was shown, for everybody in the organization.

    Raises `conflict` when that is so already, `overtaken` when it changed since, and as `Actor.check` does.
    """
    act = actor.check(Deed.REQUESTS_WRITE, org)
    if shown.state == state:
        raise GatepostError("conflict", f"The app is {state} already.")
    letters = await _letters_to_asker(instance, org, shown)
    said = _check_reason(reason) if state == REFUSED else ""
    if not await instance.store.ask(decide_app_request(org, shown, state, said, letters, act)):
        raise GatepostError(
            "overtaken", "Somebody else decided just now, or more is asked than was shown.", fix="look again"
        )
    return await request_of(instance, org, render_id("req", shown.id), actor)


def _check_reason(reason: str) -> str:
    """Words that show as they are, or none. Raises `invalid_request`."""
    if len(reason) > MAX_REASON or any(map(is_hidden, reason)):
        raise GatepostError(
            "invalid_request",
            f"A reason has up to {MAX_REASON} characters, none of them control or invisible ones.",
            field="reason",
        )
    return unicodedata.normalize("NFC", reason.strip())


async def _letters_to_admins(instance: Instance, org: bytes, asked: AppRequest) -> tuple[Letter, ...]:
    if instance.mailer is None:
        return ()
    roles = tuple(sorted(MATRIX[Deed.REQUESTS_WRITE].roles))
    admins = await instance.store.read(list_active_as(org, roles, MAX_MAILS))
    return tuple(_letter(instance, "app_asked", org, asked, admin.email) for admin in admins)


async def _letters_to_asker(instance: Instance, org: bytes, shown: AppRequest) -> tuple[Letter, ...]:
    asker = await instance.store.read(find_member(org, shown.asked_by)) if instance.mailer else None
    return (_letter(instance, "app_decided", org, shown, asker.email),) if asker else ()


def _letter(instance: Instance, purpose: str, org: bytes, request: AppRequest, email: str) -> Letter:
    return write_mail(instance, purpose, email, "en", org=org.hex(), request=render_id("req", request.id))
