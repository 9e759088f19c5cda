"""Requests that may be sent again: under the same `Idempotency-Key` the first is carried out, and its answer told again.

The key is claimed with one insert before anything is done, so of two at once one works and the other is told to wait. A
refusal changed nothing and gives the key back. Where a server died in between nobody knows what was done; then the key stays
taken, for a day, and nothing is done twice.
"""

import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from gatepost.api.call import Call
from gatepost.errors import GatepostError, OAuthError, StoreUnavailableError
from gatepost.store.idempotency import claim_request, forget_request, keep_answer
from gatepost.web.message import JSON, Header, Reply, Request

KEPT_SECONDS = 86_400
MAX_KEY = 255

_SEALED = b"api answer"


class _Answer(msgspec.Struct, frozen=True):
    """An answer as it is kept."""

    status: int
    body: bytes
    extra: list[Header]


def key_of(request: Request) -> str | None:
    """The key that a request was sent with. Raises `invalid_request`."""
    key = request.header(b"idempotency-key") if request.method == "POST" else None
    if key is not None and not (1 <= len(key) <= MAX_KEY and key.isprintable()):
        raise OAuthError("invalid_request", f"Idempotency-Key has 1 to {MAX_KEY} printable characters.")
    return key


async def once(call: Call, request: Request, key: str, work: Callable[[], Awaitable[Reply]]) -> Reply:
    """The answer to a request, worked out once. Raises `key_reused`, and `conflict` while the first is being worked on."""
    store, now = call.instance.store, call.actor.act.at
    name = hashlib.sha256(b"\0".join((call.actor.act.actor.encode(), key.encode()))).digest()
    digest = hashlib.sha256(b"\0".join((request.raw_path, request.query, request.body))).digest()
    kept = await store.ask(claim_request(call.org, name, digest, now, now + KEPT_SECONDS))
    if kept is not None:
        if kept.digest != digest:
            raise GatepostError("key_reused", "This Idempotency-Key came with another request before. Make a new one.")
        return _opened(call, name, kept.sealed)
    try:
        reply = await work()
    except StoreUnavailableError:
        raise
    except GatepostError:
        await store.ask(forget_request(call.org, name))
        raise
    await store.ask(keep_answer(call.org, name, _sealed(call, name, reply)))
    return reply


def _sealed(call: Call, name: bytes, reply: Reply) -> bytes:
    """An answer may hold a secret, which is kept nowhere in the clear."""
    plain = msgspec.msgpack.encode(_Answer(reply.status, reply.body, list(reply.extra)))
    return call.instance.keyring.seal(_SEALED, plain, call.org + name)


def _opened(call: Call, name: bytes, sealed: bytes) -> Reply:
    plain = call.instance.keyring.unseal(_SEALED, sealed, call.org + name)
    if plain is None:
        raise GatepostError(
            "conflict", "The first request with this Idempotency-Key is not answered yet. Try again in a moment."
        )
    kept = msgspec.msgpack.decode(plain, type=_Answer)
    return Reply(kept.status, JSON if kept.body else JSON[1:], kept.body, tuple(kept.extra))
