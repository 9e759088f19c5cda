"""Mails, decided when they are sent: what a page asks for is kept as asked, so nobody learns from its answer who is known.

A page that takes an e-mail address does the same for every address, in the same time: it keeps a letter. Only whoever
sends the letter looks the address up, and what comes of it reaches the owner of the mailbox and nobody else.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.links import create_link
from gatepost.flows.mail_links import INVITE, RESET, SIGN_UP, VERIFY, make_mail_link
from gatepost.flows.outbox import Content, UndeliveredError, write_letter
from gatepost.flows.people import check_email
from gatepost.mail import RefusedMailError
from gatepost.records import AGREED, WAITING, AppRequest, Invitation, Letter, Org, User
from gatepost.secrets import parse_id, render_id
from gatepost.store.app_requests import get_app_request
from gatepost.store.invitations import find_invitation
from gatepost.store.orgs import find_org, find_owner
from gatepost.store.outbox import put_letter
from gatepost.store.people import find_user, list_memberships

KIND = "mail"


class Words(NamedTuple):
    """Which mail it becomes, and what stands in it."""

    template: str
    view: dict[str, Any]


Compose: TypeAlias = Callable[[Instance, str, Content], Awaitable[Words | None]]
"""What to tell the owner of this address; None when there is nobody, or nothing to tell."""


async def order_mail(instance: Instance, purpose: str, email: str, locale: str, **more: str) -> None:
    """Have a mail sent to an address, whoever's it is. What is no address is forgotten in silence.

    Raises `not_found` when this server has no way to send mails.
    """
    if instance.mailer is None:
        raise GatepostError("not_found", "This server sends no mails. Ask whoever runs it.", fix="set mail.url")
    try:
        target = check_email(email)
    except GatepostError:
        return
    await instance.store.ask(put_letter(write_mail(instance, purpose, target, locale, **more)))


def write_mail(instance: Instance, purpose: str, email: str, locale: str, **more: str) -> Letter:
    """The letter of a mail, for the question that it belongs to."""
    return write_letter(instance, KIND, email, {"purpose": purpose, "locale": locale, **more})


async def send_mail(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """Send one mail of the outbox."""
    if instance.mailer is None:
        raise UndeliveredError("this server has no mail.url", final=True)
    words = await MAILS[content["purpose"]](instance, target, content)
    if words is not None:
        try:
            await instance.mailer.send(target, words.template, content["locale"], words.view)
        except RefusedMailError as error:
            raise UndeliveredError(error.why, final=error.final) from None
    return ()


async def _reset(instance: Instance, email: str, content: Content) -> Words | None:
    user = await find_active(instance, email)
    if user is None:
        return None
    return Words("reset", {"link": make_mail_link(instance, RESET, user.id.hex(), str(user.epoch)) + _onward(content)})


async def _sign_in(instance: Instance, email: str, content: Content) -> Words | None:
    user = await find_active(instance, email)
    places = await instance.store.read(list_memberships(user.id)) if user else []
    live = [org for org, _, disabled_at in places if disabled_at is None]
    if user is None or not live:
        return None
    link = create_link(instance, live[0], user.id, is_mailed=True).reveal()
    return Words("sign_in", {"link": link + _onward(content)})


def _onward(content: Content, joint: str = "&") -> str:
    """What a link has besides: whoever began a flow goes on with it; in another browser it is not theirs, and leads nowhere."""
    flow = content.get("flow")
    return f"{joint}flow={quote(flow)}" if flow else ""


async def _verify(instance: Instance, email: str, content: Content) -> Words | None:
    user = await find_active(instance, email)
    return Words("verify", {"link": make_mail_link(instance, VERIFY, user.id.hex(), email)}) if user else None


async def _sign_up(instance: Instance, email: str, content: Content) -> Words | None:
    """A link to go on with; for whoever has an account already, a word about that."""
    if await instance.store.read(find_owner("email", email)) is not None:
        return Words("known", {"link": instance.issuer.rstrip("/") + "/reset" + _onward(content, "?")})
    return Words("sign_up", {"link": make_mail_link(instance, SIGN_UP, email) + _onward(content)})


async def _invite(instance: Instance, email: str, content: Content) -> Words | None:
    org_id, id = bytes.fromhex(content["org"]), parse_id("inv", content["invitation"]) or b""
    found = await find_open_invitation(instance, org_id, id)
    if found is None:
        return None
    org, _ = found
    link = make_mail_link(instance, INVITE, f"{org_id.hex()} {id.hex()}", "mail")
    return Words("invite", {"link": link, "organization": org.name})


async def _password_changed(instance: Instance, email: str, content: Content) -> Words | None:
    return Words("password_changed", {"link": instance.issuer.rstrip("/") + "/reset"})


async def _app_asked(instance: Instance, email: str, content: Content) -> Words | None:
    """To an admin, while nobody has answered."""
    org, request = await _request(instance, content)
    if org is None or request is None or request.state != WAITING:
        return None
    asker = await instance.store.read(find_user(request.asked_by))
    path = f"/console/{render_id('org', org.id)}/requests/{content['request']}"
    view = {"app": request.name, "organization": org.name, "person": asker.email if asker else ""}
    return Words("app_asked", {"link": instance.issuer.rstrip("/") + path, **view})


async def _app_decided(instance: Instance, email: str, content: Content) -> Words | None:
    """To whoever asked for an app."""
    org, request = await _request(instance, content)
    if org is None or request is None or request.state == WAITING:
        return None
    view = {"app": request.name, "organization": org.name, "reason": request.reason}
    link = instance.issuer.rstrip("/") + "/account/apps"
    return Words("app_approved" if request.state == AGREED else "app_refused", {"link": link, **view})


async def _request(instance: Instance, content: Content) -> tuple[Org | None, AppRequest | None]:
    org_id, id = bytes.fromhex(content["org"]), parse_id("req", content["request"]) or b""
    return await instance.store.read(find_org(org_id)), await instance.store.read(get_app_request(org_id, id))


MAILS: dict[str, Compose] = {
    "reset": _reset,
    "sign_in": _sign_in,
    "verify": _verify,
    "sign_up": _sign_up,
    "invite": _invite,
    "password_changed": _password_changed,
    "app_asked": _app_asked,
    "app_decided": _app_decided,
}


async def find_active(instance: Instance, email: str) -> User | None:
    """The person with this e-mail, unless they are disabled."""
    user_id = await instance.store.read(find_owner("email", email))
    user = await instance.store.read(find_user(user_id)) if user_id else None
    return user if user and user.disabled_at is None else None


async def find_open_invitation(instance: Instance, org_id: bytes, id: bytes) -> tuple[Org, Invitation] | None:
    """An invitation and the organization it leads into, while both are there for whoever comes."""
    org = await instance.store.read(find_org(org_id))
    invitation = await instance.store.read(find_invitation(org_id, id))
    if org is None or org.disabled_at is not None or invitation is None or invitation.ended_at is not None:
        return None
    return org, invitation
