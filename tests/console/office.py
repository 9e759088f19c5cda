"""An organization's console as its people use it: one browser for each role, and the ids of what is there to be seen."""

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx

from gatepost.flows.people import create_user
from gatepost.flows.roles import operator
from gatepost.flows.webhooks import create_webhook
from gatepost.secrets import render_id
from gatepost.store.keys import list_keys
from gatepost.store.scope_texts import set_scope_text
from wire.asking import ask, bob_of_acme, of_others, queue, review
from wire.browser import Browser, forms_of, give_password
from wire.world import World

ROLES = ("owner", "admin", "developer", "auditor", "member")

_CLI = re.compile(r'<code id="cli"[^>]*>(.*?)</code>', re.DOTALL)
_ROWS = re.compile(r'<tbody id="rows">(.*?)</tbody>', re.DOTALL)


class Office:
    """Acme's console. `names` are what the names in paths stand for: a thing of each kind."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = f"/console/{world.acme.id}"
        self.browsers: dict[str, Browser] = {}
        self.names: dict[str, str] = {}

    async def populate(self) -> "Office":
        world = self.world
        for role in ROLES:
            self.names["user"] = await join(world, world.acme.org, f"{role}@acme.test", role)
        await world.instance.store.ask(set_scope_text(world.acme.org, "read", "en", "See things", world.act))
        await world.refreshed((await world.tokens()).refresh_token)
        await self._name_things()
        return self

    async def _name_things(self) -> None:
        world = self.world
        grant = (await world.events(world.acme.org, "grant.made"))[0]
        secret = (await world.events(world.acme.org, "app.secret_added"))[0]
        keys = await world.instance.store.read(list_keys(world.acme.org))
        self.names |= {
            "org": world.acme.id,
            "app": world.acme.web.client_id,
            "grant": render_id("gnt", grant.grant_id or b""),
            "event": render_id("evt", grant.id),
            "secret": secret.detail.split('"')[3],
            "key": render_id("key", keys[0].id),
            "webhook": await self._make_webhook(),
            "request": await self._ask_for_app(),
        }

    async def _ask_for_app(self) -> str:
        world = self.world
        await review(world, world.acme)
        await ask(await bob_of_acme(world), await of_others(world))
        return render_id("req", (await queue(world))[0].id)

    async def _make_webhook(self) -> str:
        world = self.world
        made, secret = await create_webhook(
            world.instance, world.acme.org, "https://93.184.215.14/in", ("app",), "Hooks", operator(world.act)
        )
        world.canary.watch(secret.reveal())
        return render_id("whk", made.id)

    def path(self, template: str, names: Mapping[str, str] | None = None) -> str:
        """The path of a route, with what its names stand for."""
        return template.format_map(self.names | dict(names or {}))

    async def browser(self, role: str) -> Browser:
        """The browser of somebody with this role, signed in."""
        if role not in self.browsers:
            self.browsers[role] = Browser(self.world, address=f"192.0.2.{len(self.browsers) + 20}")
            await self.browsers[role].enter(f"{role}@acme.test")
        return self.browsers[role]

    async def id_of(self, email: str) -> str:
        """The id of a member."""
        page = await self.get(f"/people?email={email}")
        return str(re.findall(r'/people/(usr_[0-9a-f]{32})"', page.text)[0])

    async def get(self, path: str, role: str = "owner", **options: Any) -> httpx.Response:
        """A page below this organization's console."""
        return await (await self.browser(role)).get(self.root + path, **options)

    async def send(self, page: str, action: str = "", role: str = "owner", **fields: str) -> httpx.Response:
        """Fill in the form of a page that leads to `action`, or to the page itself, and send it."""
        browser = await self.browser(role)
        seen = await browser.get(self.root + page)
        assert seen.status_code == 200, seen.text
        wanted = self.root + (action or page.partition("?")[0])
        form = next(each for each in forms_of(seen) if each.action == wanted)
        return await browser.post(form.action, form.fields | fields)

    async def follow(self, answer: httpx.Response, role: str = "owner") -> httpx.Response:
        """Where a form led to."""
        assert answer.status_code == 303, answer.text
        return await (await self.browser(role)).get(answer.headers["location"])


async def join(world: World, org: bytes, email: str, role: str) -> str:
    """Make a person a member, who can sign in."""
    joined = await create_user(world.instance, org, email, role, None, operator(world.act))
    user_id = render_id("usr", joined.id)
    await give_password(world, user_id)
    return user_id


def cli_of(page: httpx.Response) -> str:
    """The command at the foot of a page; empty without one."""
    found = _CLI.search(page.text)
    return html.unescape(found[1]) if found else ""


def rows_of(page: httpx.Response) -> str:
    """The rows of the list on a page, without markup."""
    found = _ROWS.search(page.text)
    assert found, page.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split())
