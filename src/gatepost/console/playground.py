"""The playground: an app's flow step by step, for real, with each request and its answer.

The requests go through the server's own front door, so what is shown is what the app would get. The last step presents what
was used once more, as a thief would.
"""

import base64
import hashlib
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from gatepost.console.app import show_app
from gatepost.console.desk import Desk, command
from gatepost.console.exchanges import Ask, Exchange, Sender, masked_lines
from gatepost.flows.instance import Instance
from gatepost.flows.playground import (
    Play,
    begin_play,
    end_play,
    lend_secret,
    open_play,
    playable_app,
    return_uri,
    seal_play,
    why_unplayable,
)
from gatepost.oauth.client_metadata import grant_types_of
from gatepost.oauth.scope import OPENID
from gatepost.records import App
from gatepost.store.resources import list_resources
from gatepost.web.message import Reply

CODE_STEPS = ("build", "authorize", "exchange", "call", "refresh", "revoke", "replay")
SERVICE_STEPS = ("build", "exchange", "call", "revoke", "replay")


class Seen(NamedTuple):
    """An access token, decoded and verified. `left` are the seconds until it expires."""

    text: str
    is_ours: bool
    is_for_us: bool
    audience: str
    left: int
    scope: str


class Playground:
    """The handlers of the playground."""

    def __init__(self, instance: Instance, ask: Ask) -> None:
        self._instance = instance
        self._ask = ask

    async def page(self, desk: Desk) -> Reply:
        """The first step: what to ask for."""
        return await self._show(desk, await self._app(desk), None, "build")

    async def back(self, desk: Desk) -> Reply:
        """Where the person comes back to from `/authorize`, with a code or a refusal."""
        app, query = await self._app(desk), desk.query
        play = self._open(desk, app, query.get("state", ""))
        if play is None:
            return await self._show(desk, app, None, "build", 400, is_over=True)
        return await self._show(
            desk,
            app,
            play._replace(code=query.get("code", "")),
            "authorize",
            came=masked_lines(query),
            refused=query.get("error", ""),
            is_iss=query.get("iss") == self._instance.issuer,
        )

    async def step(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """One step further; what does not fit begins anew."""
        app, step = await self._app(desk), fields.get("step", "")
        steps = steps_of(app)
        if why_unplayable(app):
            return await self._show(desk, app, None, "build", 400)
        if step == steps[1] and "state" not in fields:
            play = await begin_play(
                self._instance,
                app,
                desk.session,
                desk.visit.browser,
                " ".join(fields.get("scope", "").split()),
                fields.get("resource", ""),
                desk.actor,
            )
        else:
            opened = self._open(desk, app, fields.get("state", ""))
            if opened is None or step not in steps[1:]:
                return await self._show(desk, app, None, "build", 400, is_over=True)
            play = opened
        play, done = await self._run(desk, app, play, step)
        return await self._show(desk, app, play, step, done=done)

    async def _run(self, desk: Desk, app: App, play: Play, step: str) -> tuple[Play, list[Exchange]]:
        """What a step sends, and the play after it."""
        if step == "authorize":
            return play, []
        play = await lend_secret(self._instance, app, play, desk.actor)
        app_side = _AppSide(Sender(self._ask, self._instance.issuer, desk.visit.request.address), app, play)
        if step == "exchange":
            done = await app_side.token(_grant_of(self._instance, app, play))
            return _with_tokens(play, done), [done]
        if step == "refresh":
            done = await app_side.token(_refresh(play.refresh_token))
            return _with_tokens(play._replace(used_token=play.refresh_token), done), [done]
        if step == "call":
            return play, [await app_side.call(await self._audience(play))]
        if step == "revoke":
            return play, [await app_side.send("/revoke", {"token": play.refresh_token or play.access_token})]
        return await self._replay(desk, app, play, app_side)

    async def _replay(self, desk: Desk, app: App, play: Play, app_side: "_AppSide") -> tuple[Play, list[Exchange]]:
        """Everything that was used, once more; then nothing is left of the play."""
        if play.code:
            again = [_grant_of(self._instance, app, play)]
            again += [_refresh(play.used_token or play.refresh_token)] if play.refresh_token else []
            done = [await app_side.token(each) for each in again]
        else:
            done = [await app_side.call(await self._audience(play))]
        await end_play(self._instance, app, play, desk.actor)
        return play._replace(secret="", secret_id="", code="", access_token="", refresh_token="", used_token=""), done

    async def _audience(self, play: Play) -> str:
        claims = await self._instance.signing.open(play.access_token) or {}
        return _audiences(claims)[0] if claims else ""

    async def _app(self, desk: Desk) -> App:
        return await playable_app(self._instance, desk.org.id, desk.names["app"], desk.actor)

    def _open(self, desk: Desk, app: App, text: str) -> Play | None:
        play = open_play(self._instance, text, desk.visit.browser, app.client_id)
        return play if play and play.session == desk.session.id.hex() else None

    async def _show(
        self,
        desk: Desk,
        app: App,
        play: Play | None,
        step: str,
        status: int = 200,
        *,
        done: list[Exchange] | None = None,
        is_over: bool = False,
        came: list[str] | None = None,
        **answer: Any,
    ) -> Reply:
        steps = steps_of(app)
        at = steps.index(step)
        is_new = step in ("exchange", "refresh") and play is not None and not any(each.error for each in done or [])
        asked = self._asked(app, play) if play and step == "authorize" else {}
        view = {"refused": "", "is_iss": False, **answer}
        return show_app(
            self._instance,
            desk,
            app,
            "playground",
            "playground.html",
            status,
            cli=command("token", "inspect"),
            # What came in the query is for this page alone.
            menu=not desk.visit.request.query,
            step=step,
            steps=steps,
            onward=steps[at + 1] if at + 1 < len(steps) else "",
            unplayable=why_unplayable(app),
            resources=[each.uri for each in await self._instance.store.read(list_resources(app.org))],
            address=f"{self._instance.issuer.rstrip('/')}/authorize",
            asked=asked,
            asked_lines=masked_lines(asked),
            sealed=seal_play(self._instance, play) if play else "",
            play=play,
            done=done or [],
            came=came or [],
            seen=await self._seen(app, play) if is_new and play else None,
            is_over=is_over,
            **view,
        )

    def _asked(self, app: App, play: Play) -> dict[str, str]:
        """The authorization request. OAuth 2.1 §4.1.1."""
        return {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": return_uri(self._instance, app),
            **_wanted(play),
            "code_challenge": _challenge(play.verifier),
            "code_challenge_method": "S256",
            "state": seal_play(self._instance, play),
        }

    async def _seen(self, app: App, play: Play) -> Seen | None:
        claims = await self._instance.signing.open(play.access_token)
        if claims is None:
            return None
        audiences = _audiences(claims)
        expected = play.resource or app.default_resource or self._instance.issuer
        return Seen(
            orjson.dumps(claims, option=orjson.OPT_INDENT_2).decode(),
            claims["iss"] == self._instance.issuer,
            expected in audiences,
            " ".join(audiences),
            claims["exp"] - self._instance.clock(),
            claims["scope"],
        )


class _AppSide:
    """What the app does, proving who it is by its own method."""

    def __init__(self, sender: Sender, app: App, play: Play) -> None:
        self._sender = sender
        self._app = app
        self._play = play

    async def token(self, fields: dict[str, str]) -> Exchange:
        return await self.send("/token", fields)

    async def send(self, path: str, fields: dict[str, str]) -> Exchange:
        client_id, secret = self._app.client_id, self._play.secret
        if self._app.is_public:
            return await self._sender.post(path, {"client_id": client_id, **fields})
        if self._app.auth_method == "client_secret_post":
            return await self._sender.post(path, {"client_id": client_id, "client_secret": secret, **fields})
        return await self._sender.post(path, fields, client_id, secret)

    async def call(self, audience: str) -> Exchange:
        """What there is to be called with the token: who the person is, else what the token is good for."""
        token = self._play.access_token
        if OPENID in self._play.scope.split():
            return await self._sender.get("/userinfo", token)
        if not self._app.is_public:
            return await self.send("/introspect", {"token": token})
        return await self._sender.get("/check", token, urlencode({"audience": audience}))


def steps_of(app: App) -> tuple[str, ...]:
    """The steps of an app's flow, in their order."""
    grants = grant_types_of(app)
    if "authorization_code" not in grants:
        return SERVICE_STEPS
    return tuple(each for each in CODE_STEPS if each != "refresh" or "refresh_token" in grants)


def _grant_of(instance: Instance, app: App, play: Play) -> dict[str, str]:
    """What the app has its first token of."""
    if "authorization_code" not in grant_types_of(app):
        return {"grant_type": "client_credentials", **_wanted(play)}
    return {
        "grant_type": "authorization_code",
        "code": play.code,
        "redirect_uri": return_uri(instance, app),
        "code_verifier": play.verifier,
    }


def _wanted(play: Play) -> dict[str, str]:
    return {name: value for name, value in (("scope", play.scope), ("resource", play.resource)) if value}


def _refresh(token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}


def _with_tokens(play: Play, done: Exchange) -> Play:
    return play._replace(
        access_token=done.content.get("access_token", play.access_token),
        refresh_token=done.content.get("refresh_token", play.refresh_token),
        scope=done.content.get("scope", play.scope),
    )


def _audiences(claims: dict[str, Any]) -> list[str]:
    return claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]


def _challenge(verifier: str) -> str:
    """RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
