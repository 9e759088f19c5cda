"""Proofs of possession as the verbs use them: judged, held against the nonce, and each used once. RFC 9449 §4.3, §8, §11.1.

A proof that gets a token is spent in the store, in the same transaction as whatever the request writes: once on all nodes,
and a refused proof moves nothing. What an API is asked does not write at all; see `SeenProofs`.
"""

from collections.abc import Awaitable
from typing import Any

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.oauth import dpop
from gatepost.oauth.dpop import SKEW, Proof, is_recent, render_nonce
from gatepost.oauth.foreign_jwt import KEY_OF
from gatepost.secrets import Secret
from gatepost.store.question import Question, T
from gatepost.store.spent import Spent, spend, spend_for

ALGORITHMS = tuple(KEY_OF)
REMEMBERED = 100_000

_KIND = "dpop"
_ID_BYTES = 16


class SeenProofs:
    """The proofs that this process has seen lately, in two generations: when one is over or full, the one before it goes.

    So a proof is remembered for as long as it could be sent, unless there come more than REMEMBERED in that time. Other
    processes do not know of it: for whoever has both a proof and its token, it opens the same request once on each. To
    write down every call of every API would cost more than that.
    """

    def __init__(self) -> None:
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turns_at = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, proof: Proof, now: int) -> bool:
        """Whether this proof is new here."""
        if now >= self._turns_at or len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, set()
            self._turns_at = now + 2 * SKEW + 1
        id = proof.id[:_ID_BYTES]
        if id in self._young or id in self._old:
            return False
        self._young.add(id)
        return True


def check_proof(
    instance: Instance,
    header: str,
    method: str,
    uri: str,
    algorithms: tuple[str, ...] = ALGORITHMS,
    token: Secret | None = None,
) -> Proof:
    """The proof in a header, for this request and, at an API, for this token.

    Raises `invalid_dpop_proof`, `use_dpop_nonce`; where there is a token, with the status and the challenge of RFC 9449 §7.1.
    """
    now = instance.clock()
    try:
        proof = dpop.check_proof(header, method, uri, now, algorithms, token.reveal() if token else "")
    except ValueError as fault:
        raise refused(str(fault), at_api=token is not None) from None
    if needs_nonce(instance) and not is_recent(proof.nonce, instance.keyring, now):
        raise OAuthError(
            "use_dpop_nonce",
            "Put the nonce of the header DPoP-Nonce into the proof.",
            nonce=render_nonce(instance.keyring, now),
            **_at_api("use_dpop_nonce", token is not None),
        )
    return proof


def needs_nonce(instance: Instance) -> bool:
    """Whether every proof has to carry a nonce of ours."""
    return instance.dpop.nonce == "required"


def ask_once(instance: Instance, proof: Proof | None, question: Question[T]) -> Awaitable[T]:
    """The outcome of a question, if the proof it comes with was not used before. Raises `invalid_dpop_proof`."""
    return _ask_with(instance, proof, question) if proof else instance.store.ask(question)


async def _ask_with(instance: Instance, proof: Proof, question: Question[T]) -> T:
    outcome = await instance.store.ask(spend_for(question, _KIND, *_once(instance, proof)))
    if isinstance(outcome, Spent):
        raise used_before()
    return outcome


async def spend_proof(instance: Instance, proof: Proof | None, *, at_api: bool = False) -> None:
    """Use up a proof where nothing else is written. Raises `invalid_dpop_proof`."""
    if proof is not None and not await instance.store.ask(spend_of(instance, proof)):
        raise used_before(at_api=at_api)


def spend_of(instance: Instance, proof: Proof) -> Question[bool]:
    """Use up a proof, as a part of a question. False when it was used before."""
    return spend(_KIND, *_once(instance, proof))


def used_before(*, at_api: bool = False) -> OAuthError:
    """The refusal of a proof that somebody sent before."""
    return refused("it was used before", at_api=at_api)


def refused(why: str, *, at_api: bool = False) -> OAuthError:
    """The one refusal, whatever the reason."""
    return OAuthError(
        "invalid_dpop_proof",
        "The DPoP proof is malformed, not for this request or token, not of this minute, or was sent before.",
        detail=why,
        **_at_api("invalid_dpop_proof", at_api),
    )


def challenge(error: str) -> str:
    """The challenge to whoever has to prove a key. RFC 9449 §7.1."""
    return f'DPoP error="{error}", algs="{" ".join(ALGORITHMS)}"'


def _at_api(error: str, at_api: bool) -> dict[str, Any]:
    return {"status": 401, "scheme": challenge(error)} if at_api else {}


def _once(instance: Instance, proof: Proof) -> tuple[bytes, int, int, int]:
    return proof.id, proof.made_at, proof.expires_at, instance.clock()
