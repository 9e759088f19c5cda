"""What apps are told of a person, and who has the say: the person, and the operator.

No organization: a person may belong to several, and what one says would be told to the apps of the others.
OpenID Connect Core §5.1.
"""

from typing import Any

from gatepost.errors import GatepostError
from gatepost.flows.account import act_of
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.claims import change_claims
from gatepost.records import Session, User
from gatepost.store.events import Act
from gatepost.store.people import find_user, replace_profile
from gatepost.store.question import INSTANCE


async def set_claims(instance: Instance, user: User, claims: dict[str, Any], actor: Actor) -> User:
    """Change what is said of a person, by `parse_claims`; answers them as they are then. For the operator alone.

    Raises `overtaken` when somebody else was faster.
    """
    return await _change(instance, user, claims, actor.check(Deed.INSTANCE_WRITE, INSTANCE))


async def set_own_claims(instance: Instance, session: Session, claims: dict[str, Any], address: str) -> None:
    """Change what is said of oneself. Raises as `set_claims` does."""
    user = await get_own(instance, session)
    await _change(instance, user, claims, act_of(instance, session, address), session.user_epoch)


async def get_own(instance: Instance, session: Session) -> User:
    """Whose session it is. Raises `not_found` when they are gone."""
    user = await instance.store.read(find_user(session.user_id))
    if user is None:
        raise GatepostError("not_found", "There is no such person any more.")
    return user


async def _change(
    instance: Instance, user: User, claims: dict[str, Any], act: Act, own_epoch: int | None = None
) -> User:
    changed = change_claims(user, claims, act.at)
    if changed != user and not await instance.store.ask(replace_profile(user, changed, act, own_epoch)):
        raise GatepostError("overtaken", f"Somebody else changed {user.email} just now.", fix="look again")
    return changed
