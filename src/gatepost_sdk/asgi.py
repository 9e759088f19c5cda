"""A middleware for Starlette and every other ASGI application: whoever has no good token does not come in.

    from gatepost_sdk.asgi import Auth

    auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    app = auth.middleware(app, public=["/health"])

The token is `request.state.token` in Starlette, `scope["state"]["token"]` elsewhere. The metadata of RFC 9728 is answered too.
"""

import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias, Unpack

from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import Guard, Need, Sent, is_public
from gatepost_sdk.verifier import Options

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
"""How a WebSocket is closed that may not open. RFC 6455 §7.4.1."""


class Auth:
    """Whose tokens an application takes, and for which audience.

    >>> auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    >>> app = auth.middleware(app, public=["/health"])
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.guard = Guard(issuer, audience=audience, resource=resource, **options)

    def middleware(self, app: App, *, public: Collection[str] = (), scopes: Collection[str] = ()) -> App:
        """The application behind the guard: only `public` paths, and what is below them, are open to everybody.

        Preflights of browsers carry no token: put a CORS middleware outside of this one.

        >>> app = auth.middleware(app, public=["/health"], scopes=["agents:read"])
        """
        return Guarded(app, self.guard, public, scopes)


class Guarded:
    """An ASGI application behind a guard; `Auth.middleware` makes it, of every framework that speaks ASGI.

    >>> app = Guarded(app, auth.guard, public=["/health"])
    """

    def __init__(self, app: App, guard: Guard, public: Collection[str] = (), scopes: Collection[str] = ()) -> None:
        self._app = app
        self._guard = guard
        self._public = tuple(public)
        self._need = guard.need(scopes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_public(path := _path(scope), self._public):
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and path == self._guard.metadata_path:
            await _answer(send, *self._guard.describe())
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            token = await self._guard.acheck(_header(scope, b"authorization"), self._need, sent_by(scope))
        except TokenError as error:
            await self._refuse(scope, send, error, self._need)
            return
        scope.setdefault("state", {})["token"] = token
        await self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, send: Send, error: TokenError, need: Need) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": error.code})
        else:
            await _answer(send, *self._guard.refuse(error, need))


def _path(scope: Scope) -> str:
    """The path below where the application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def sent_by(scope: Scope) -> Sent:
    """What of a request counts for a proof. Where the application is mounted is a part of its path.

    >>> sent_by({"path": "/agents", "root_path": "/v1", "method": "GET", "headers": []})
    Sent(dpop=[], method='GET', path='/v1/agents')
    """
    root, path = scope.get("root_path", ""), scope["path"]
    return Sent(_header(scope, b"dpop"), scope.get("method", "GET"), path if path.startswith(root) else root + path)


def _header(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]


async def _answer(send: Send, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    fields = {**headers, "Content-Type": "application/json", "Content-Length": str(len(content))}
    raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
