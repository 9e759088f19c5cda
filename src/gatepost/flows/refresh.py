"""Refreshing: from a refresh token to the next tokens. RFC 6749 §6, RFC 9700 §4.14.

The order is possession, policy, liveness, then the one write: whoever does not hold an authentic token learns nothing
and moves nothing, and a refused refresh leaves the generation where it was.

All of it but the signature is one question to the store. So the grant is looked up in the transaction that rotates it, where
the row that is judged is the one at hand to be changed; looked up before it, it would be read twice.
"""

from collections.abc import Callable

from gatepost.errors import OAuthError
from gatepost.flows.counting import ISSUED
from gatepost.flows.dpop import spend_of, used_before
from gatepost.flows.instance import Instance
from gatepost.flows.minting import Issued, mint
from gatepost.light import Light
from gatepost.oauth.dpop import Proof
from gatepost.oauth.gate import may_mint, retry_window
from gatepost.oauth.narrow import Issue
from gatepost.oauth.refresh_token import RefreshClaim, is_authentic, parse_refresh_token
from gatepost.records import Grant
from gatepost.store.events import Act
from gatepost.store.grants import Gone, Replayed, Retried, Rotated, find_grant, rotate
from gatepost.store.question import Steps, question

_NO_SALT = bytes(16)


async def refresh(instance: Instance, refresh_token: str, address: str) -> Issued:
    """The next tokens for a refresh token, whoever holds it. Raises `invalid_grant` in one way for every reason."""
    issued, grant = await refresh_checked(instance, refresh_token, address, _whole)
    instance.counts.count(grant.org, grant.client_id, ISSUED, "refresh_token")
    return issued


def _whole(grant: Grant) -> Issue:
    if grant.jkt is not None:
        raise refused("it is bound to a key, and no proof comes this way")
    return Issue(grant.scope, grant.resource)


async def refresh_checked(
    instance: Instance,
    refresh_token: str,
    address: str,
    check: Callable[[Grant], Issue],
    proof: Proof | None = None,
) -> tuple[Issued, Grant]:
    """The next tokens for a refresh token, once the rotation is durable, and the grant they are of.

    `check` answers the part of the grant that is asked for; it may run again. Raises `invalid_grant` in one way for every
    reason, `invalid_dpop_proof`, and what `check` raises.
    """
    asked = _Asked(instance, parse_refresh_token(refresh_token), address, instance.clock(), check, proof)
    answer = await instance.store.ask(_look_and_move(asked))
    assert not isinstance(answer, OAuthError), "the store raises it"
    grant = answer.grant
    match answer.outcome:
        case Rotated(generation) | Retried(generation):
            return await mint(instance, grant, generation, asked.now, answer.narrowed), grant
        case Replayed(event):
            raise refused("an older generation was presented: the grant is revoked", grant, event)
        case _:
            raise refused("the grant was revoked just now", grant)


class _Asked(Light, frozen=True):
    """A refresh that is asked for."""

    instance: Instance
    claim: RefreshClaim
    address: str
    now: int
    check: Callable[[Grant], Issue]
    proof: Proof | None


class _Moved(Light, frozen=True):
    """A grant as it was found, the part of it that is asked for, and what its rotation came to."""

    grant: Grant
    narrowed: Issue
    outcome: Rotated | Retried | Replayed | Gone


@question
def _look_and_move(asked: _Asked) -> Steps[_Moved | OAuthError]:
    """Find the grant, judge it, and move it.

    A refusal is an outcome here. Raised, it would undo what neighbours in the same transaction did, and have them ask again.
    """
    instance, claim, now = asked.instance, asked.claim, asked.now
    try:
        grant, narrowed = _judge(asked, (yield from find_grant(claim.org, claim.grant)))
    except OAuthError as refusal:
        return refusal
    if asked.proof and not (yield from spend_of(instance, asked.proof)):
        return used_before()
    window = retry_window(grant, instance.tokens.retry_window)
    act = Act(now, f"app:{grant.client_id}", asked.address, grant.client_id, grant.user_id, grant.id)
    return _Moved(grant, narrowed, (yield from rotate(grant.org, grant.id, claim.generation, window, act)))


def _judge(asked: _Asked, found: Grant | None) -> tuple[Grant, Issue]:
    """The grant, if it may move, and the part of it that is asked for. Possession, policy, liveness, in this order."""
    if not is_authentic(asked.claim, found.salt if found else _NO_SALT, asked.instance.keyring):
        raise refused("it is not a token of ours")
    try:
        narrowed = asked.check(found) if found else Issue("", None)
        return may_mint(found, asked.now), narrowed
    except OAuthError as error:
        raise (refused(error.detail, found) if error.code == "invalid_grant" else error) from None


def refused(why: str, grant: Grant | None = None, event: bytes = b"") -> OAuthError:
    """The one refusal, whatever the reason."""
    return OAuthError(
        "invalid_grant",
        "The refresh token is invalid, expired or revoked. Sign in or verify again.",
        detail=why,
        org=grant.org if grant else b"",
        event=event,
    )
