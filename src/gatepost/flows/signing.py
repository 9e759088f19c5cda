"""The signing keys at work: loaded once, looked at again twice a second, rotated without a failed verification.

A key is published as `next` for at least the time that verifiers may keep the JWKS, so when it becomes active they have
it; it stays published as `retired` until the last token it signed has expired, whatever life any app gave its tokens.
Other processes rotate too: the ring notices within half a second, and until then signs with a key that is still published.

# Why access tokens are signed in rows

An ES256 signature reads a table of 150 KB from end to end. Whatever else the processor's caches held is gone behind it, and
the table is gone again until the next one, if the rest of an answer is made between the two. So what is to be signed waits
for the end of the turn of the event loop, in which all that a commit has answered is resumed, and is signed one right after
the other. A token that is alone waits for nothing. RS256, which takes twenty times as long, gains nothing by it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from gatepost.errors import GatepostError
from gatepost.flows.roles import Actor, Deed
from gatepost.jose import ACCESS_TOKEN_TYPE, ALGORITHMS, ES256, SigningKey, VerifyingKey
from gatepost.records import MAX_ACCESS_TTL, SigningKeyRecord
from gatepost.secrets import Keyring
from gatepost.store.events import Act
from gatepost.store.question import INSTANCE, Store
from gatepost.store.signing_keys import list_signing_keys, make_first_keys, rotate_keys

LOOK_AGAIN_SECONDS = 0.5
NOTICED_SECONDS = 2
"""When every server surely serves a key that was published: it looks twice a second, and instants are whole seconds."""

BRIEF_SECONDS = 0.25
"""How long those who have keys wait for a store that hangs."""

SKEW = 60
"""How much longer than its last token a retired key stays published."""

_WRAP = b"signing key"


_Unsigned: TypeAlias = "tuple[SigningKey, bytes, asyncio.Future[str]]"
"""What is to be signed, with which key, and who waits for it."""


class SigningRing:
    """The instance's signing keys, opened."""

    def __init__(self, store: Store, keyring: Keyring, clock: Callable[[], int]) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._opened: dict[str, SigningKey] = {}
        self._active: dict[str, SigningKey] = {}
        self._by_head: dict[bytes, tuple[VerifyingKey, str]] = {}
        self._jwks: tuple[dict[str, str], ...] = ()
        self._look_at = 0.0
        self._looking: asyncio.Future[None] | None = None
        self._row: list[_Unsigned] = []

    def mint(self, claims: dict[str, Any], typ: str = ACCESS_TOKEN_TYPE, alg: str = ES256) -> Awaitable[str]:
        """A signed JWT of this type with these claims."""
        if alg != ES256 or time.monotonic() >= self._look_at:
            return self._look_and_mint(claims, typ, alg)
        return self._enqueue(self._active[alg], claims, typ)

    async def _look_and_mint(self, claims: dict[str, Any], typ: str, alg: str) -> str:
        key = await self.active(alg)
        return await self._enqueue(key, claims, typ) if alg == ES256 else key.mint(claims, typ)

    def _enqueue(self, key: SigningKey, claims: dict[str, Any], typ: str) -> "asyncio.Future[str]":
        if not self._row:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._sign_row)
        future: asyncio.Future[str] = self._loop.create_future()
        self._row.append((key, key.render(claims, typ), future))
        return future

    def _sign_row(self) -> None:
        row, self._row = self._row, []
        for key, text, future in row:
            # One whose request was given up is signed for nobody.
            if not future.done():
                future.set_result(key.sign(text))

    async def active(self, alg: str = ES256) -> SigningKey:
        """The key to sign with now."""
        if time.monotonic() >= self._look_at:
            await self.look()
        return self._active[alg]

    async def published(self) -> tuple[dict[str, str], ...]:
        """The JWKs that verifiers should know now, the same object until they change; without the store, those it told last."""
        if time.monotonic() >= self._look_at:
            await (self._look_briefly() if self._jwks else self.look())
        return self._jwks

    async def open(self, token: str, typ: str = ACCESS_TOKEN_TYPE) -> dict[str, Any] | None:
        """The claims of a token of this type that a published key of ours signed; None for any other text.

        Judges no claim.
        """
        if time.monotonic() >= self._look_at:
            await self.look()
        raw = token.encode("ascii", "replace")
        key, found = self._by_head.get(raw.partition(b".")[0], (None, ""))
        if key is None or found != typ:
            return None
        try:
            return key.open(raw)
        except ValueError:
            return None

    async def look(self) -> None:
        """Read the keys again; only ones never seen before are opened."""
        records = await self._store.read(list_signing_keys())
        now = self._clock()
        published = [record for record in records if record.remove_at is None or record.remove_at > now]
        keys = {record.kid: self._opened.get(record.kid) or self._open(record) for record in published}
        if keys.keys() != self._opened.keys():
            self._opened = keys
            self._by_head = {head: (key.public, typ) for key in keys.values() for typ, head in key.public.heads.items()}
            self._jwks = tuple(key.public.jwk for key in keys.values())
        self._active = {record.alg: keys[record.kid] for record in published if record.state == "active"}
        self._look_at = time.monotonic() + LOOK_AGAIN_SECONDS

    async def _look_briefly(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self.look())
            # Whoever needs more than what is known looks as well, and is told.
            self._looking.add_done_callback(lambda looking: looking.cancelled() or looking.exception())
        await asyncio.wait((self._looking,), timeout=BRIEF_SECONDS)

    def _open(self, record: SigningKeyRecord) -> SigningKey:
        return SigningKey.load(_unwrapped(self._keyring, record))


def check_opens(keyring: Keyring, records: list[SigningKeyRecord]) -> None:
    """Raises `invalid_configuration` when the instance key does not open one of these signing keys."""
    for record in records:
        _unwrapped(keyring, record)


def _unwrapped(keyring: Keyring, record: SigningKeyRecord) -> bytes:
    der = keyring.unseal(_WRAP, record.wrapped, record.kid.encode())
    if der is None:
        raise GatepostError(
            "invalid_configuration",
            "The instance key does not open this database's signing keys: it is another instance's, or a version is missing.",
            fix="use the instance key that belongs to this database, from its data directory or backup",
        )
    return der


async def make_keys_once(store: Store, keyring: Keyring, act: Act) -> None:
    """Give a new instance its first two keys of each algorithm; one that has keys keeps them.

    Raises `invalid_configuration` when the instance key does not open them: then nothing else would fit either.
    """
    records = await store.read(list_signing_keys())
    check_opens(keyring, records)
    for alg in ALGORITHMS:
        if alg not in {record.alg for record in records}:
            await store.ask(make_first_keys(_wrapped(keyring, alg), _wrapped(keyring, alg), act, alg))


async def signing_keys(store: Store, actor: Actor) -> list[SigningKeyRecord]:
    """All signing keys, oldest first. They are the instance's, so everybody's to see who may see any. Raises as `Actor.check`."""
    actor.check(Deed.SIGNING_READ, actor.org or INSTANCE)
    return await store.read(list_signing_keys())


async def rotate(store: Store, keyring: Keyring, actor: Actor, *, max_age: int, force: bool) -> list[SigningKeyRecord]:
    """Activate the next key of each algorithm and publish a new one.

    Raises `conflict` while verifiers may not have seen a next key, and as `Actor.check` does. `max_age` is how long
    verifiers may keep the JWKS.
    """
    act = actor.check(Deed.SIGNING_ROTATE, actor.org or INSTANCE)
    coming = [record for record in await store.read(list_signing_keys()) if record.state == "next"]
    youngest = max(coming, key=lambda record: record.published_at)
    safe_at = safe_to_activate_at(youngest, max_age)
    if act.at < safe_at and not force:
        raise GatepostError(
            "conflict",
            f"The next key was published {act.at - youngest.published_at} s ago; verifiers may keep the JWKS for {max_age} s"
            " and would refuse its tokens.",
            fix=f"wait {safe_at - act.at} s, or use --force if no verifier keeps the JWKS",
        )
    for each in coming:
        fresh, remove_at = _wrapped(keyring, each.alg), act.at + MAX_ACCESS_TTL + SKEW
        if not await store.ask(rotate_keys(each.kid, fresh, remove_at, act, each.alg)):
            raise GatepostError("conflict", "Somebody else rotated the keys just now.", fix="gatepost signing-key list")
    return await store.read(list_signing_keys())


def safe_to_activate_at(coming: SigningKeyRecord, max_age: int) -> int:
    """When every verifier knows the next key, if verifiers keep the JWKS for `max_age`."""
    return coming.published_at + NOTICED_SECONDS + max_age


def _wrapped(keyring: Keyring, alg: str) -> tuple[str, bytes]:
    key = SigningKey.generate(alg)
    return key.kid, keyring.seal(_WRAP, key.dump(), key.kid.encode())
