"""Access tokens for programs that call an API: as `auth` of httpx, httpx2 and requests, gotten, renewed and kept.

from gatepost_sdk.client import ClientCredentials

auth = ClientCredentials("https://auth.acme.dev", "app_job", secret_from="env:ACME_SECRET", scope="agents:run")
with httpx.Client(auth=auth) as api:
    api.get("https://api.acme.dev/agents")
"""

import asyncio
import contextlib
import importlib
import time
import webbrowser
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from gatepost_sdk.dpop import ProofKey
from gatepost_sdk.endpoint import Endpoint
from gatepost_sdk.errors import GatepostError
from gatepost_sdk.fetch import Fetch, fetch
from gatepost_sdk.login import login_by_browser, login_by_device
from gatepost_sdk.session import Session
from gatepost_sdk.stores import FileStore, KeyringStore, MemoryStore, Store, Tokens

__all__ = ["ClientCredentials", "FileStore", "KeyringStore", "MemoryStore", "OAuth2Auth", "Store", "Tokens"]

R = TypeVar("R")

if TYPE_CHECKING:
    _HttpAuth = object
else:
    # Each of the two asks whether what it is given is of its own class, and which is there only a user knows.
    _found = []
    for _name in ("httpx2", "httpx"):
        with contextlib.suppress(ImportError):
            _found.append(importlib.import_module(_name).Auth)
    _HttpAuth = type("_HttpAuth", tuple(_found), {})


class _TokenAuth(_HttpAuth):
    """Puts the session's access token on each request, and tries again when it is rejected: with a nonce, or a new token.

    A token that is bound to a key goes with a proof, and each server's nonces are remembered for the next one.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._nonces: dict[str, str] = {}

    def __call__(self, request: R) -> R:
        """For requests, which calls its auth; it sends again from the hook of the response."""
        sent: Any = request
        tokens = self._session.fresh() or self._session.renewed().result()
        self._sign(sent, tokens)
        sent.register_hook("response", partial(self._again, tokens))
        return request

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """For httpx and httpx2."""
        tokens = self._session.fresh() or self._session.renewed().result()
        response = yield self._sign(request, tokens)
        if self._lacked_nonce(response) and _may_be_sent_again(request):
            response = yield self._sign(request, tokens)
        if response.status_code == 401 and _may_be_sent_again(request):
            self._lacked_nonce((yield self._sign(request, self._session.renewed(tokens.access_token).result())))

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """For their asynchronous clients: other tasks run while a token is renewed."""
        tokens = self._session.fresh() or await self._arenewed()
        response = yield self._sign(request, tokens)
        if self._lacked_nonce(response) and _may_be_sent_again(request):
            response = yield self._sign(request, tokens)
        if response.status_code == 401 and _may_be_sent_again(request):
            self._lacked_nonce((yield self._sign(request, await self._arenewed(tokens.access_token))))

    async def _arenewed(self, rejected: str = "") -> Tokens:
        return await asyncio.wrap_future(self._session.renewed(rejected))

    def _sign(self, request: Any, tokens: Tokens) -> Any:
        """The request with the token on it. RFC 6750 §2.1, RFC 9449 §7.1."""
        kind, token = ("DPoP" if tokens.key else "Bearer"), tokens.access_token
        request.headers["Authorization"] = f"{kind} {token}"
        if tokens.key:
            url = str(request.url)
            nonce = self._nonces.get(_origin(url), "")
            request.headers["DPoP"] = _load(tokens.key).prove(
                request.method, url, self._clock(), token=token, nonce=nonce
            )
        return request

    def _lacked_nonce(self, response: Any) -> bool:
        """Whether a request was rejected for want of the nonce that its answer brings; it is kept. RFC 9449 §8, §9."""
        nonce = response.headers.get("DPoP-Nonce")
        if not nonce or "DPoP" not in response.request.headers:
            return False
        origin = _origin(str(response.request.url))
        is_new = self._nonces.get(origin) != nonce
        self._nonces[origin] = nonce
        return is_new and int(response.status_code) == 401

    def _again(self, tokens: Tokens, response: Any, **options: Any) -> Any:
        request = response.request
        sent = request.headers.get("Authorization", "").rpartition(" ")[2]
        lacked = self._lacked_nonce(response)
        # After a redirect to another host the token is gone, and it stays gone.
        if response.status_code != 401 or sent != tokens.access_token:
            return response
        if not isinstance(request.body, bytes | str | None):
            return response
        if lacked:
            response = self._resend(response, tokens, options)
        if response.status_code == 401:
            response = self._resend(response, self._session.renewed(tokens.access_token).result(), options)
        return response

    def _resend(self, response: Any, tokens: Tokens, options: dict[str, Any]) -> Any:
        response.content  # noqa: B018  # reads the answer to its end, so that the connection can be used again
        response.close()
        again = self._sign(response.request.copy(), tokens)
        answer = response.connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        self._lacked_nonce(answer)
        return answer


class ClientCredentials(_TokenAuth):
    """An app's own access: no person, no login. `secret_from` names where the secret is: `env:NAME` or `file:PATH`.

    It is read whenever it is needed, so a secret may change while the program runs. With `dpop` the tokens are bound to a key
    that is made for them and kept beside them: whoever steals a token alone has nothing. RFC 9449.

    >>> auth = ClientCredentials("https://auth.acme.dev", "app_job", secret_from="env:ACME_SECRET", scope="agents:run")
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        *,
        secret_from: str,
        scope: str = "",
        resource: str | None = None,
        store: Store | None = None,
        dpop: bool = False,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        endpoint = Endpoint(issuer, client_id, secret_from, fetch, clock)

        def renew(old: Tokens | None) -> Tokens:
            key = _key_of(old, dpop=dpop)
            return endpoint.token(key, grant_type="client_credentials", scope=scope, resource=resource)

        super().__init__(Session(store or MemoryStore(), renew, clock), clock)


class OAuth2Auth(_TokenAuth):
    """A person's access, after they logged in once. With a FileStore or KeyringStore that lasts until it is taken back.

    With `dpop` the tokens are bound to a key that each login makes and the store keeps. RFC 9449.

    >>> auth = OAuth2Auth("https://auth.acme.dev", client_id="app_7Yc2", store=FileStore("~/.acme/token"))
    """

    def __init__(
        self,
        issuer: str,
        *,
        client_id: str,
        secret_from: str | None = None,
        scope: str = "",
        resource: str | None = None,
        redirect: str = "http://127.0.0.1/callback",
        store: Store | None = None,
        dpop: bool = False,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = Endpoint(issuer, client_id, secret_from, fetch, clock)
        self._scope = scope
        self._resource = resource
        self._redirect = redirect
        self._store = store or MemoryStore()
        self._dpop = dpop
        super().__init__(Session(self._store, self._renew, clock), clock)

    def login(
        self,
        *,
        device: bool = False,
        open_browser: Callable[[str], object] = webbrowser.open,
        show: Callable[[str], object] = print,
    ) -> None:
        """Have the person log in: in a browser on this machine, or, with `device`, in any, by a code that is shown.

        Raises GatepostError when they refuse, or do not come.

        >>> auth.login(device=True, show=lambda sentence: None)
        """
        key = _key_of(None, dpop=self._dpop)
        if device:
            tokens = login_by_device(self._endpoint, self._scope, self._resource, show, key)
        else:
            tokens = login_by_browser(self._endpoint, self._redirect, self._scope, self._resource, open_browser, key)
        self._session.keep(tokens)

    def logout(self) -> None:
        """End the access, at the issuer too.

        >>> auth.logout()
        """
        tokens = self._store.load()
        if tokens:
            self._endpoint.ask("revocation_endpoint", token=tokens.refresh_token or tokens.access_token)
        self._session.keep(None)

    def _renew(self, old: Tokens | None) -> Tokens:
        if old is None or old.refresh_token is None:
            raise GatepostError("login_required", "Nobody is logged in.", "Call login().")
        # What a login was bound to, it stays bound to.
        key = _key_of(old, dpop=False)
        new = self._endpoint.token(key, grant_type="refresh_token", refresh_token=old.refresh_token)
        # An issuer may leave the refresh token as it is. RFC 6749 §6.
        return new if new.refresh_token else replace(new, refresh_token=old.refresh_token)


def _may_be_sent_again(request: Any) -> bool:
    """Whether httpx still has the request's body: one that was streamed is gone."""
    try:
        return request.content is not None
    except RuntimeError:
        return False


def _key_of(tokens: Tokens | None, *, dpop: bool) -> ProofKey | None:
    """The key that these tokens are bound to; a new one where there is none and there has to be."""
    if tokens is not None and tokens.key:
        return _load(tokens.key)
    return ProofKey.fresh() if dpop else None


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


_load = lru_cache(maxsize=8)(ProofKey)
"""A key is parsed once: that costs as much as a proof."""
