"""What apps are told of a person. OpenID Connect Core §5.1.

No organization has a say in it: a person may belong to several, and what one says would be told to the apps of the others.
"""

from typing import Any

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.claims import change_claims
from gatepost.records import User
from gatepost.store.events import Act
from gatepost.store.people import replace_profile
from gatepost.store.question import INSTANCE


async def set_claims(instance: Instance, user: User, claims: dict[str, Any], actor: Actor) -> User:
    """Change what is said of a person, by `parse_claims`; answers them as they are then. For the operator alone.

    Raises `overtaken` when somebody else was faster.
    """
    return await _change(instance, user, claims, actor.check(Deed.INSTANCE_WRITE, INSTANCE))


async def _change(instance: Instance, user: User, claims: dict[str, Any], act: Act) -> User:
    changed = change_claims(user, claims, act.at)
    if changed != user and not await instance.store.ask(replace_profile(user, changed, act)):
        raise GatepostError("overtaken", f"Somebody else changed {user.email} just now.", fix="look again")
    return changed
