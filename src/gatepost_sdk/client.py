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
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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


class _BearerAuth(_HttpAuth):
    """Puts the session's access token on each request, and tries once more with a new one when it is rejected."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, request: R) -> R:
        """For requests, which calls its auth; it sends again from the hook of the response."""
        sent: Any = request
        token = self._session.fresh() or self._session.renewed().result()
        sent.headers["Authorization"] = f"Bearer {token}"
        sent.register_hook("response", partial(self._again, token))
        return request

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """For httpx and httpx2."""
        token = self._session.fresh() or self._session.renewed().result()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401 and _may_be_sent_again(request):
            request.headers["Authorization"] = f"Bearer {self._session.renewed(token).result()}"
            yield request

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """For their asynchronous clients: other tasks run while a token is renewed."""
        token = self._session.fresh() or await self._arenewed()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401 and _may_be_sent_again(request):
            request.headers["Authorization"] = f"Bearer {await self._arenewed(token)}"
            yield request

    async def _arenewed(self, rejected: str = "") -> str:
        return await asyncio.wrap_future(self._session.renewed(rejected))

    def _again(self, token: str, response: Any, **options: Any) -> Any:
        request = response.request
        # After a redirect to another host the token is gone, and it stays gone.
        rejected = response.status_code == 401 and request.headers.get("Authorization") == f"Bearer {token}"
        if not rejected or not isinstance(request.body, bytes | str | None):
            return response
        response.content  # noqa: B018  # reads the answer to its end, so that the connection can be used again
        response.close()
        again = request.copy()
        again.headers["Authorization"] = f"Bearer {self._session.renewed(token).result()}"
        answer = response.connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        return answer


class ClientCredentials(_BearerAuth):
    """An app's own access: no person, no login. `secret_from` names where the secret is: `env:NAME` or `file:PATH`.

    It is read whenever it is needed, so a secret may change while the program runs.

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
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        endpoint = Endpoint(issuer, client_id, secret_from, fetch, clock)

        def renew(_: Tokens | None) -> Tokens:
            return endpoint.token(grant_type="client_credentials", scope=scope, resource=resource)

        super().__init__(Session(store or MemoryStore(), renew, clock))


class OAuth2Auth(_BearerAuth):
    """A person's access, after they logged in once. With a FileStore or KeyringStore that lasts until it is taken back.

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
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = Endpoint(issuer, client_id, secret_from, fetch, clock)
        self._scope = scope
        self._resource = resource
        self._redirect = redirect
        self._store = store or MemoryStore()
        super().__init__(Session(self._store, self._renew, clock))

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
        if device:
            tokens = login_by_device(self._endpoint, self._scope, self._resource, show)
        else:
            tokens = login_by_browser(self._endpoint, self._redirect, self._scope, self._resource, open_browser)
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
        new = self._endpoint.token(grant_type="refresh_token", refresh_token=old.refresh_token)
        # An issuer may leave the refresh token as it is. RFC 6749 §6.
        return new if new.refresh_token else Tokens(new.access_token, old.refresh_token, new.expires_at, new.renew_at)


def _may_be_sent_again(request: Any) -> bool:
    """Whether httpx still has the request's body: one that was streamed is gone."""
    try:
        return request.content is not None
    except RuntimeError:
        return False
