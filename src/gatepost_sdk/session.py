"""A client's tokens, always good: renewed ahead of time, once for all threads, tasks and processes that need it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from gatepost_sdk.errors import GatepostError
from gatepost_sdk.flight import Flight
from gatepost_sdk.stores import Store, Tokens

RETRY_SECONDS = 5


class Session:
    """Hands out access tokens from a store. `renew` gets new tokens for those that are there, if any are."""

    def __init__(self, store: Store, renew: Callable[[Tokens | None], Tokens], clock: Callable[[], float]) -> None:
        self._store = store
        self._renew = renew
        self._clock = clock
        self._tokens: Tokens | None = None
        self._rejected = ""
        self._flight = Flight(self._refresh)

    def fresh(self) -> Tokens | None:
        """The tokens, if they need not be renewed yet."""
        tokens = self._tokens
        return tokens if tokens and self._is_fresh(tokens) else None

    def renewed(self, rejected: str = "") -> "Future[Tokens]":
        """Tokens of which the access token is not the one that an API rejected."""
        self._rejected = rejected or self._rejected
        return self._flight.join()

    def keep(self, tokens: Tokens | None) -> None:
        """Begin with these tokens, or end."""
        with self._store.lock():
            self._store.save(tokens)
        self._tokens = tokens

    def _is_fresh(self, tokens: Tokens) -> bool:
        return self._clock() < tokens.renew_at and tokens.access_token != self._rejected

    def _refresh(self) -> Tokens:
        with self._store.lock():
            # Another process may have been here since.
            stored = self._store.load()
            if stored is None or not self._is_fresh(stored):
                stored = self._replace(stored)
        self._tokens = stored
        return stored

    def _replace(self, old: Tokens | None) -> Tokens:
        try:
            new = self._renew(old)
        except GatepostError as error:
            if error.code == "invalid_grant":
                self._store.save(None)
            elif old and self._clock() < old.expires_at and old.access_token != self._rejected:
                # It is early: what there is will do until the issuer can be reached.
                return replace(old, renew_at=min(self._clock() + RETRY_SECONDS, old.expires_at))
            raise
        self._store.save(new)
        return new
