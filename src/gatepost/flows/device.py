"""The device grant: a device asks, a person answers in a browser, the device polls. RFC 8628.

What the person approves waits in the request's row, in the form of an authorization code's content, until the device
comes for it; the grant is made then. So whatever happens in between, to the person or the app, is seen.
"""

import os
from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.consent import Choice, list_choices
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.places import places_for
from gatepost.flows.scopes import Permission, describe_scopes
from gatepost.oauth import device
from gatepost.oauth.approval import approve, dump_approval
from gatepost.oauth.client_metadata import DEVICE_CODE as GRANT_TYPE
from gatepost.oauth.client_metadata import grant_types_of
from gatepost.oauth.device import APPROVED, DENIED, DEVICE_TTL, INTERVAL, PENDING, DeviceCode
from gatepost.oauth.narrow import Issue, narrow
from gatepost.records import App, DeviceRequest, Session
from gatepost.secrets import DEVICE_CODE, Secret, new_id
from gatepost.store.device_requests import answer_device_request, find_device_request, make_device_request, note_poll
from gatepost.store.events import Act
from gatepost.store.grants import epoch_of
from gatepost.store.orgs import find_org
from gatepost.store.resources import list_resources


class Started(NamedTuple):
    """What a device is told: its own code, and the one that it shows."""

    device_code: Secret
    user_code: str


class Waiting(NamedTuple):
    """A device that waits for an answer, its app, and where the person may connect it: id and name."""

    request: DeviceRequest
    known: KnownApp
    places: list[tuple[bytes, str]]


class DeviceView(NamedTuple):
    """All that the page shows. `user_code` is to be compared with what the device shows."""

    user_code: str
    app: str
    is_agent: bool
    vouches: str
    is_first_party: bool
    asked_at: int
    address: str
    email: str
    places: list[Choice]
    permissions: list[Permission]


async def start_device(
    instance: Instance, app: App, scope: str | None, resources: tuple[str, ...], address: str
) -> Started:
    """A new request of a device. Raises `unauthorized_client`, `invalid_scope`, `invalid_target`. RFC 8628 §3.1."""
    if GRANT_TYPE not in grant_types_of(app):
        raise OAuthError("unauthorized_client", f"This app is not registered for the grant type {GRANT_TYPE}.")
    issue = narrow(app, scope, resources, await instance.store.read(list_resources(app.org)))
    now = instance.clock()
    request = DeviceRequest(
        user_code=device.make_user_code(os.urandom(16)),
        client_id=app.client_id,
        app_org=app.org,
        scope=issue.scope,
        resource=issue.resource,
        address=address,
        created_at=now,
        expires_at=now + DEVICE_TTL,
        state=PENDING,
        approval=None,
    )
    while not await instance.store.ask(make_device_request(request, INTERVAL)):
        request = request._replace(user_code=device.make_user_code(os.urandom(16)))
    code = DeviceCode(request.user_code, app.client_id, now, request.expires_at)
    sealed = instance.keyring.seal_text(DEVICE_CODE, device.dump_device_code(code))
    return Started(Secret(sealed), device.render_user_code(request.user_code))


async def find_waiting(instance: Instance, user_code: str, session: Session) -> Waiting | None:
    """The device that shows this code and has no answer yet, as it concerns this person."""
    request = await instance.store.read(find_device_request(user_code))
    if request is None or request.state != PENDING or instance.clock() >= request.expires_at:
        return None
    known = await find_known_app(instance, request.client_id)
    if known is None or known.is_disabled:
        return None
    return Waiting(request, known, await places_for(instance, known, session, issue_of(request)))


async def view_device(instance: Instance, waiting: Waiting, session: Session) -> DeviceView:
    """The page on which this person answers this device."""
    request, known = waiting.request, waiting.known
    owner = await instance.store.read(find_org(known.app.org))
    return DeviceView(
        user_code=device.render_user_code(request.user_code),
        app=known.app.name,
        is_agent=known.metadata.agent,
        vouches=owner.name if owner else "",
        is_first_party=known.metadata.first_party,
        asked_at=request.created_at,
        address=request.address or "",
        email=session.email,
        places=await list_choices(instance, known, session, issue_of(request)),
        permissions=await describe_scopes(instance, known.app.org, request.scope),
    )


async def answer_device(
    instance: Instance, waiting: Waiting, session: Session, org: bytes, *, allowed: bool, address: str
) -> bool:
    """What the person said. False when somebody answered before. Raises `access_denied` where they may not say yes."""
    request = waiting.request
    act = Act(instance.clock(), "user", address, request.client_id, session.user_id)
    may = org in [place for place, _ in waiting.places]
    if not (allowed and may):
        answered = await instance.store.ask(answer_device_request(request.app_org, request, DENIED, None, act))
        if allowed:
            raise OAuthError("access_denied", "You may not connect this app there.")
        return answered
    epoch = await instance.store.read(epoch_of(org, request.app_org, request.client_id, session.user_id))
    app = request.app_org, request.client_id
    approval = approve(new_id().hex(), request.expires_at, app, session, org, issue_of(request), epoch)
    answer = dump_approval(approval).decode()
    return await instance.store.ask(answer_device_request(org, request, APPROVED, answer, act))


async def get_approved(instance: Instance, device_code: str, app: App) -> DeviceRequest:
    """The approved request of a device that polls. Raises a code of RFC 8628 §3.5, or `invalid_grant`.

    An answer that is there is given however early the device asks: only waiting is to be done slowly.
    """
    now = instance.clock()
    plain = instance.keyring.unseal_text(DEVICE_CODE, device_code)
    code = device.check_device_code(device.load_device_code(plain) if plain else None, app, now)
    request = await instance.store.read(find_device_request(code.user_code))
    if request is None or request.created_at != code.created_at:
        raise device.refused("it was used")
    if request.state == PENDING and not await instance.store.ask(note_poll(request, now)):
        raise OAuthError("slow_down", "Wait 5 seconds longer between two requests, from now on.")
    device.check_answer(request)
    return request


def issue_of(request: DeviceRequest) -> Issue:
    """What a device asks for."""
    return Issue(request.scope, request.resource)
