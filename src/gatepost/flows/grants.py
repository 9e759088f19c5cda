"""Grants as an operator sees and ends them: one, or all of an app, a person, an organization."""

from collections.abc import AsyncIterator
from functools import partial
from typing import TypeAlias

from gatepost.flows.instance import Instance
from gatepost.flows.missing import get_by_id, missing
from gatepost.flows.owned_apps import check_apps
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.gate import why_dead
from gatepost.records import Grant
from gatepost.secrets import parse_id
from gatepost.store.apps import find_app
from gatepost.store.consents import take_back_consents
from gatepost.store.events import Act
from gatepost.store.grants import find_grant, list_grants
from gatepost.store.question import Question
from gatepost.store.revocations import revoke_app_grants, revoke_grant, revoke_org_grants, revoke_user_grants

Place: TypeAlias = tuple[bytes, bytes | None]
"""An organization, and the person in it that is meant; None for all."""


async def each_grant(
    instance: Instance, org: bytes, client_id: str | None = None, user_id: bytes | None = None
) -> AsyncIterator[Grant]:
    """All grants of an organization, oldest first: those of an app, of a person, or all. Read page by page."""
    after = b""
    while page := await instance.store.read(list_grants(org, client_id=client_id, user_id=user_id, after=after)):
        for grant in page:
            yield grant
        after = page[-1].id


async def grants_of(
    instance: Instance, org: bytes, actor: Actor, app: str | None, user_id: bytes | None, after: bytes, limit: int
) -> list[Grant]:
    """Up to `limit` grants behind the id `after`: of one app, of one person, or all. Raises as `Actor.check` does."""
    await check_apps(instance, actor, Deed.GRANTS_READ, org, app)
    question = list_grants(org, client_id=app, user_id=user_id, after=after, limit=limit)
    return await instance.store.read(question)


async def get_grant(instance: Instance, org: bytes, text: str, actor: Actor) -> Grant:
    """One grant of an organization. Raises `not_found`, and as `Actor.check` does."""
    actor.check_own(Deed.GRANTS_READ, org)
    grant = await get_by_id(instance.store, partial(find_grant, org), "gnt", text)
    await check_apps(instance, actor, Deed.GRANTS_READ, org, grant.client_id)
    return grant


async def end_grant(instance: Instance, text: str, places: list[Place], client_id: str | None, actor: Actor) -> None:
    """End one grant in one of these places, and of this app if it is named.

    Raises `not_found` when none such is live, and as `Actor.check` does.
    """
    raw = parse_id("gnt", text) or b""
    for org, user_id in places:
        actor.check_own(Deed.GRANTS_REVOKE, org)
        grant = await instance.store.read(find_grant(org, raw))
        if grant and client_id in (None, grant.client_id) and user_id in (None, grant.user_id):
            act = await check_apps(instance, actor, Deed.GRANTS_REVOKE, org, grant.client_id)
            ended = await instance.store.ask(revoke_grant(org, raw, act))
            if ended:
                return
    raise missing("gnt", text, what="live grant")


async def end_grants(instance: Instance, org: bytes, client_id: str | None, user_id: bytes | None, actor: Actor) -> int:
    """End all grants of an app, of a person, of both together, or of the organization. Answers how many were live.

    Each but the third is one write, however many grants it covers; but for an app that does not belong there, it is one each.
    Raises as `Actor.check` does.
    """
    await check_apps(instance, actor, Deed.GRANTS_REVOKE, org, client_id)
    live = [grant async for grant in each_grant(instance, org, client_id, user_id) if not why_dead(grant, actor.act.at)]
    await end_all(instance, org, client_id, user_id, actor)
    return len(live)


async def end_all(instance: Instance, org: bytes, client_id: str | None, user_id: bytes | None, actor: Actor) -> None:
    """The same without counting them, so that it takes no longer for an app with a million. Raises as `Actor.check` does.

    Where grants end one by one, consents are taken back first: a code that was approved before makes no grant meanwhile.
    """
    act = await check_apps(instance, actor, Deed.GRANTS_REVOKE, org, client_id)
    if client_id and (user_id or await instance.store.read(find_app(org, client_id)) is None):
        await instance.store.ask(take_back_consents(org, client_id, user_id))
        async for grant in each_grant(instance, org, client_id, user_id):
            await instance.store.ask(revoke_grant(org, grant.id, act))
    else:
        await instance.store.ask(_revocation(org, client_id, user_id, act))


def _revocation(org: bytes, client_id: str | None, user_id: bytes | None, act: Act) -> Question[bool]:
    if client_id:
        return revoke_app_grants(org, client_id, act)
    return revoke_user_grants(org, user_id, act) if user_id else revoke_org_grants(org, act)
