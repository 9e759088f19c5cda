"""Signing out because an app asks for it: whom it concerns, whether they have to be asked, and where they go afterwards.

OpenID Connect RP-Initiated Logout 1.0. Anybody can send a person here. Only an ID token of ours that speaks of this very
person says that an app they are signed in to did; without one the person is asked, and nothing leads away by itself.
"""

from typing import NamedTuple

from gatepost.flows.account import act_of, end_own_session
from gatepost.flows.authorize import Leave
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.minting import subject_for
from gatepost.flows.sessions import end_session
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.light import replace
from gatepost.oauth.logout import Hint, LogoutAsk, may_return, read_hint
from gatepost.records import Session


class Logout(NamedTuple):
    """What a wish comes to. `is_proven` says that an app this person is signed in to sent them.

    `leave` is the way back to the app, if there is one; `sid` names the session that the app knows.
    """

    is_proven: bool
    known: KnownApp | None
    leave: Leave | None
    sid: str = ""


async def judge_logout(instance: Instance, ask: LogoutAsk, session: Session | None) -> Logout:
    """Look at a wish. Ends nothing. A hint that is no good makes the whole wish one that nobody vouches for."""
    hint = None
    if ask.id_token_hint is not None:
        hint = read_hint(await instance.signing.open(ask.id_token_hint, ID_TOKEN_TYPE), ask, instance.issuer)
        if hint is None:
            return Logout(False, None, None)
    client_id = hint.client_id if hint else ask.client_id
    known = await find_known_app(instance, client_id) if client_id else None
    if known is None or known.is_disabled:
        return Logout(False, None, None)
    leave = _leave(ask) if may_return(ask, known.metadata) else None
    leads_astray = ask.redirect_uri is not None and leave is None
    if hint is None or leads_astray or not await _is_of(instance, hint, known, session):
        return Logout(False, known, leave)
    return Logout(True, known, leave, hint.session)


async def log_out(instance: Instance, logout: Logout, session: Session, address: str) -> None:
    """End the session at this browser; and the one that the app knows, where the same person has that too."""
    act = act_of(instance, session, address)
    await end_session(
        instance, session.id, replace(act, client_id=logout.known.app.client_id if logout.known else None)
    )
    await end_own_session(instance, session, logout.sid, address)


async def _is_of(instance: Instance, hint: Hint, known: KnownApp, session: Session | None) -> bool:
    """Whether the hint speaks of whoever is signed in here; of nobody, it can do no harm."""
    return session is None or hint.subject == await subject_for(instance, session.user_id, known)


def _leave(ask: LogoutAsk) -> Leave:
    return Leave(ask.redirect_uri or "", "query", {"state": ask.state} if ask.state is not None else {})
