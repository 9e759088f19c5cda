"""Limits of tokens: how many requests a minute an organization, an app or a grant may make at the APIs.

A limit holds at `/check` from the next request on. Verifiers that ask nobody read it in the token, so there it holds from the
next token on.
"""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.missing import missing
from gatepost.flows.roles import Actor, Deed
from gatepost.light import replace
from gatepost.records import App, Grant, Org
from gatepost.secrets import parse_id
from gatepost.store.grants import find_grant
from gatepost.store.limits import limit_app, limit_grant, limit_org

MAX_RATE = 60_000_000
"""A million a second, and no gate gets there."""


async def set_org_limit(instance: Instance, org: Org, rate: int | None, actor: Actor) -> None:
    """Limit an organization to so many requests a minute, or not any more: the operator limits it, not its own people.

    Raises `invalid_request`, and as `Actor.check` does; so do the two below, and `overtaken` when somebody else was faster.
    """
    act = actor.check(Deed.INSTANCE_WRITE, org.id)
    await instance.store.ask(limit_org(org.id, _checked(rate), act))


async def set_app_limit(instance: Instance, app: App, rate: int | None, actor: Actor) -> None:
    """Limit an app, all its connections together. It is the organization's to say, not the developer's who made the app."""
    act = actor.check(Deed.ORG_WRITE, app.org)
    if not await instance.store.ask(limit_app(app.org, app.client_id, app.rate_limit, _checked(rate), act)):
        raise _overtaken()


async def set_grant_limit(instance: Instance, text: str, orgs: list[bytes], rate: int | None, actor: Actor) -> Grant:
    """Limit one grant, of one of these organizations. Raises `not_found` too."""
    raw = parse_id("gnt", text) or b""
    for org in orgs:
        act = actor.check(Deed.ORG_WRITE, org)
        grant = await instance.store.read(find_grant(org, raw))
        if grant:
            if not await instance.store.ask(limit_grant(org, raw, grant.rate_limit, _checked(rate), act)):
                raise _overtaken()
            return replace(grant, rate_limit=rate)
    raise missing("gnt", text)


def _overtaken() -> GatepostError:
    return GatepostError("overtaken", "Somebody else changed the limit just now.", fix="look again")


def _checked(rate: int | None) -> int | None:
    if rate is not None and not 1 <= rate <= MAX_RATE:
        raise GatepostError(
            "invalid_request", f"A limit is from 1 to {MAX_RATE:,} requests a minute.", field="rate_limit"
        )
    return rate
