"""The playground's share of the rules: who may play an app's flow, and what one step leaves for the next.

Somebody who may change an app plays it for themselves, so the playground is given no power that they do not have. What it
carries is kept nowhere: it is sealed, for one browser, one session and one app, and over after ten minutes.

The person comes back to a page of ours, which the app has not registered; to register it would ask everybody who uses the
app for their consent again. So `/authorize` takes this one address for this one app, and only with a state that the
playground sealed for the browser that brings it: nobody can be sent there by anybody else.
"""

import os
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import orjson

from gatepost import base64url
from gatepost.flows.apps import create_secret, drop_secret, secrets_of
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import app_of
from gatepost.flows.roles import Actor, Deed
from gatepost.light import replace
from gatepost.oauth.client_metadata import DEVICE_CODE, SECRETLESS, grant_types_of, parse_metadata
from gatepost.records import LOAN_SECONDS, App, Session
from gatepost.secrets import PLAY, render_id
from gatepost.store.events import record

FLOWS = {
    "authorization_code": ("build", "authorize", "exchange", "call", "refresh", "revoke", "replay"),
    DEVICE_CODE: ("build", "ask", "poll", "call", "refresh", "revoke", "replay"),
    "client_credentials": ("build", "exchange", "call", "revoke", "replay"),
}
"""The steps of each flow, by the grant type that it gets its first token by."""

SECONDS = LOAN_SECONDS
"""How long a play may last, and the secret lives that it is lent. One that nobody gives back is swept by the next."""


class Play(NamedTuple):
    """One play, as far as it has come. Most of it is secret: `repr` hides it."""

    browser: str
    session: str
    client_id: str
    until: int
    flow: str
    scope: str
    resource: str
    verifier: str
    code: str = ""
    user_code: str = ""
    secret_id: str = ""
    secret: str = ""
    access_token: str = ""
    refresh_token: str = ""
    used_token: str = ""

    def __repr__(self) -> str:
        return f"Play({self.client_id!r}, ***)"


async def playable_app(instance: Instance, org: bytes, client_id: str, actor: Actor) -> App:
    """An app that the actor may play, which is one that they may change. Raises `not_found`, and as `Actor.check` does."""
    app = await app_of(instance, org, client_id, actor)
    actor.check(Deed.APPS_WRITE, org, app)
    return app


def why_unplayable(app: App) -> str:
    """Why nobody can play this app here, in one word; empty for one that can be played."""
    metadata = parse_metadata(app.metadata)
    if app.auth_method == "private_key_jwt":
        return "key"
    if metadata.dpop_bound_access_tokens:
        return "dpop"
    if metadata.require_pushed_authorization_requests:
        return "pushed"
    return "" if flows_of(app) else "other"


def flows_of(app: App) -> tuple[str, ...]:
    """The flows that an app has, the one that its kind is for first."""
    own = [each for each in FLOWS if each in grant_types_of(app)]
    return tuple(sorted(own, key=lambda each: (each == DEVICE_CODE) != (app.kind == "device")))


def steps_of(app: App, flow: str) -> tuple[str, ...]:
    """The steps of an app's flow, in their order."""
    steps = FLOWS.get(flow, ("build",))
    return tuple(each for each in steps if each != "refresh" or "refresh_token" in grant_types_of(app))


async def begin_play(
    instance: Instance, app: App, session: Session, browser: bytes, flow: str, scope: str, resource: str, actor: Actor
) -> Play:
    """A new play. Raises as `Actor.check` does."""
    act = actor.check(Deed.APPS_WRITE, app.org, app)
    await instance.store.ask(record(app.org, "request.played", replace(act, client_id=app.client_id)))
    verifier = base64url.encode(os.urandom(32)).decode()
    until = instance.clock() + SECONDS
    return Play(browser.hex(), session.id.hex(), app.client_id, until, flow, scope, resource, verifier)


async def lend_secret(instance: Instance, app: App, play: Play, actor: Actor) -> Play:
    """The play with a secret of the app's that lives as long as it; an app that has none needs none."""
    if play.secret or app.auth_method in SECRETLESS:
        return play
    fresh = await create_secret(instance, app, play.until, actor)
    return play._replace(secret_id=render_id("sec", fresh.record.id), secret=fresh.text.reveal())


async def end_play(instance: Instance, app: App, play: Play, actor: Actor) -> None:
    """Take the lent secret back, unless somebody did before."""
    known = [render_id("sec", each.id) for each in await secrets_of(instance, app, actor)]
    if play.secret_id in known:
        await drop_secret(instance, app, play.secret_id, actor)


def seal_play(instance: Instance, play: Play) -> str:
    """The play as a text."""
    return instance.keyring.seal_text(PLAY, orjson.dumps(list(play)))


def open_play(instance: Instance, text: str, browser: bytes, client_id: str) -> Play | None:
    """What `seal_play` sealed for this browser and app; None for any other text, and when it is too late."""
    plain = instance.keyring.unseal_text(PLAY, text)
    play = Play(*orjson.loads(plain)) if plain else None
    is_good = play and (play.browser, play.client_id) == (browser.hex(), client_id) and instance.clock() < play.until
    return play if is_good else None


def return_uri(instance: Instance, app: App) -> str:
    """Where the person comes back to who plays this app."""
    parts = urlsplit(instance.issuer)
    path = f"{parts.path.rstrip('/')}/console/{render_id('org', app.org)}/apps/{app.client_id}/playground/back"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def own_redirect(instance: Instance, app: App, fields: dict[str, str], browser: bytes) -> tuple[str, ...]:
    """The playground's address, if it is what this request names and the playground sent this browser here with it."""
    uri = return_uri(instance, app)
    if fields.get("redirect_uri") != uri:
        return ()
    return (uri,) if open_play(instance, fields.get("state", ""), browser, app.client_id) else ()
