"""A middleware for every WSGI application: whoever has no good token does not come in.

    from gatepost_sdk.wsgi import Auth

    auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    app = auth.middleware(app, public=["/health"])

The token is `environ["gatepost.token"]`. The metadata of RFC 9728 is answered too.
"""

import json
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import Guard, Sent, is_public
from gatepost_sdk.verifier import Options

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN = "gatepost.token"


class Auth:
    """Whose tokens an application takes, and for which audience.

    >>> auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    >>> app = auth.middleware(app, public=["/health"])
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.guard = Guard(issuer, audience=audience, resource=resource, **options)

    def middleware(
        self, app: "WSGIApplication", *, public: Collection[str] = (), scopes: Collection[str] = ()
    ) -> "WSGIApplication":
        """The application behind the guard: only `public` paths, and what is below them, are open to everybody.

        >>> app = auth.middleware(app, public=["/health"], scopes=["agents:read"])
        """
        need = self.guard.need(scopes)

        def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            # A client cannot bring this key: what it sends arrives as HTTP_….
            environ.pop(TOKEN, None)
            if is_public(path, public):
                return app(environ, start_response)
            if path and path == self.guard.metadata_path:
                return _answer(start_response, *self.guard.describe())
            try:
                environ[TOKEN] = self.guard.check(_header(environ, "HTTP_AUTHORIZATION"), need, _sent(environ))
            except TokenError as error:
                return _answer(start_response, *self.guard.refuse(error, need))
            return app(environ, start_response)

        return guarded


def _sent(environ: "WSGIEnvironment") -> Sent:
    """What of a request counts for a proof; its path is UTF-8 that was read as Latin-1 (PEP 3333)."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return Sent(
        _header(environ, "HTTP_DPOP"), environ["REQUEST_METHOD"], path.encode("latin-1").decode("utf-8", "replace")
    )


def _header(environ: "WSGIEnvironment", name: str) -> list[str]:
    value = environ.get(name)
    return [value] if value else []


def _answer(
    start_response: "StartResponse", status: int, headers: dict[str, str], body: dict[str, Any]
) -> Iterable[bytes]:
    content = json.dumps(body).encode()
    fields = {**headers, "Content-Type": "application/json", "Content-Length": str(len(content))}
    start_response(f"{status} {HTTPStatus(status).phrase}", list(fields.items()))
    return [content]
