"""Tokens for Flask: a decorator for views, and the metadata of RFC 9728.

from gatepost_sdk.flask import Auth

auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
auth.init_app(app)

@app.get("/agents")
@auth.require("agents:read")
def list_agents():
    return agents_of(g.token.sub)
"""

import functools
from collections.abc import Callable, Collection
from typing import Any, TypeVar, Unpack, cast

from flask import Flask, current_app, g, jsonify, request

from gatepost_sdk.errors import TokenError
from gatepost_sdk.guard import Guard, Reply, Sent
from gatepost_sdk.verifier import Options

View = TypeVar("View", bound=Callable[..., Any])


class Auth:
    """Whose tokens an application takes, and for which audience.

    >>> auth = Auth("https://auth.acme.dev", audience="https://api.acme.dev")
    """

    def __init__(
        self, issuer: str, *, audience: str | Collection[str], resource: str | None = None, **options: Unpack[Options]
    ) -> None:
        self.guard = Guard(issuer, audience=audience, resource=resource, **options)

    def require(
        self, *scopes: str, any_of: Collection[str] = (), org_param: str | None = None
    ) -> Callable[[View], View]:
        """Run a view only for callers whose token has all of `scopes`, one of `any_of`, and the organization in the URL.

        The token is `flask.g.token`. What the view refuses by `g.token.check_org(…)` is answered as well.

        >>> @auth.require("agents:read", org_param="org")
        ... def list_agents(org): ...
        """
        need = self.guard.need(scopes, any_of)

        def decorate(view: View) -> View:
            @functools.wraps(view)
            def guarded(*args: Any, **values: Any) -> Any:
                asked = need._replace(org=values[org_param]) if org_param else need
                try:
                    sent = request.headers.getlist("Authorization")
                    g.token = self.guard.check(sent, asked, _sent(), again="token" in g)
                    return current_app.ensure_sync(view)(*args, **values)
                except TokenError as error:
                    return _answer(self.guard.refuse(error, asked))

            return cast(View, guarded)

        return decorate

    def init_app(self, app: Flask) -> None:
        """Add the route of the metadata document of RFC 9728.

        >>> auth.init_app(app)
        """

        def metadata() -> Any:
            return _answer(self.guard.describe())

        app.add_url_rule(self.guard.metadata_route(), "gatepost_metadata", metadata)


def _sent() -> Sent:
    return Sent(request.headers.getlist("DPoP"), request.method, request.root_path + request.path)


def _answer(reply: Reply) -> Any:
    return jsonify(reply.body), reply.status, reply.headers
