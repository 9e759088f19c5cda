"""The playground: an app's flow step by step, for real, with each request and its answer.

The requests go through the server's own front door, so what is shown is what the app would get. The last step presents what
was used once more, as a thief would.
"""

from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from gatepost.console.app import show_app
from gatepost.console.app_side import AppSide, wanted
from gatepost.console.desk import Desk, command
from gatepost.console.exchanges import Ask, Exchange, Sender, masked_lines
from gatepost.flows.instance import Instance
from gatepost.flows.playground import (
    Play,
    begin_play,
    end_play,
    flows_of,
    lend_secret,
    open_play,
    playable_app,
    return_uri,
    seal_play,
    steps_of,
    why_unplayable,
)
from gatepost.oauth.pkce import challenge_of
from gatepost.records import App
from gatepost.store.resources import list_resources
from gatepost.web.message import Reply

WAITING = ("authorization_pending", "slow_down")
"""What a device is told while the person has not answered. RFC 8628 §3.5."""


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
        if why_unplayable(app):
            return await self._show(desk, app, None, "build", 400)
        if step == "build":
            play = await self._begin(desk, app, fields)
            step = steps_of(app, play.flow)[1]
        else:
            opened = self._open(desk, app, fields.get("state", ""))
            if opened is None or step not in steps_of(app, opened.flow)[1:]:
                return await self._show(desk, app, None, "build", 400, is_over=True)
            play = opened
        play, done = await self._run(desk, app, play, step)
        return await self._show(desk, app, play, step, done=done)

    async def _begin(self, desk: Desk, app: App, fields: dict[str, str]) -> Play:
        flows, flow = flows_of(app), fields.get("flow", "")
        return await begin_play(
            self._instance,
            app,
            desk.session,
            desk.visit.browser,
            flow if flow in flows else flows[0],
            " ".join(fields.get("scope", "").split()),
            fields.get("resource", ""),
            desk.actor,
        )

    async def _run(self, desk: Desk, app: App, play: Play, step: str) -> tuple[Play, list[Exchange]]:
        """What a step sends, and the play after it."""
        if step == "authorize":
            return play, []
        play = await lend_secret(self._instance, app, play, desk.actor)
        sender = Sender(self._ask, self._instance.issuer, desk.visit.request.address)
        app_side = AppSide(sender, app, play, return_uri(self._instance, app))
        if step == "ask":
            done = await app_side.ask_device()
            codes = {"code": done.content.get("device_code", ""), "user_code": done.content.get("user_code", "")}
            return play._replace(**codes), [done]
        if step in ("exchange", "poll"):
            done = await app_side.token()
            return _with_tokens(play, done), [done]
        if step == "refresh":
            done = await app_side.refresh(play.refresh_token)
            return _with_tokens(play._replace(used_token=play.refresh_token), done), [done]
        if step == "call":
            return play, [await app_side.call(await self._audience(play))]
        if step == "revoke":
            return play, [await app_side.revoke()]
        return await self._replay(desk, app, play, app_side)

    async def _replay(self, desk: Desk, app: App, play: Play, app_side: AppSide) -> tuple[Play, list[Exchange]]:
        """Everything that was used, once more; then nothing is left of the play."""
        if play.code:
            done = [await app_side.token()]
            done += [await app_side.refresh(play.used_token or play.refresh_token)] if play.refresh_token else []
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
        steps = steps_of(app, play.flow if play else next(iter(flows_of(app)), ""))
        at = steps.index(step)
        is_new = (
            step in ("exchange", "poll", "refresh") and play is not None and not any(each.error for each in done or [])
        )
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
            flows=flows_of(app),
            device=self._device(play, step, done or []),
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

    def _device(self, play: Play | None, step: str, done: list[Exchange]) -> dict[str, str] | None:
        """Where the person answers a device, and with which code; None when nobody is waited for."""
        if play is None or step not in ("ask", "poll") or not play.user_code:
            return None
        if any(each.error not in ("", *WAITING) for each in done) or play.access_token:
            return None
        page = f"{self._instance.issuer.rstrip('/')}/device?{urlencode({'user_code': play.user_code})}"
        return {"user_code": play.user_code, "page": page}

    def _asked(self, app: App, play: Play) -> dict[str, str]:
        """The authorization request. OAuth 2.1 §4.1.1."""
        return {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": return_uri(self._instance, app),
            **wanted(play),
            "code_challenge": challenge_of(play.verifier),
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


def _with_tokens(play: Play, done: Exchange) -> Play:
    return play._replace(
        access_token=done.content.get("access_token", play.access_token),
        refresh_token=done.content.get("refresh_token", play.refresh_token),
        scope=done.content.get("scope", play.scope),
    )


def _audiences(claims: dict[str, Any]) -> list[str]:
    return claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
