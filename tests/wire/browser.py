"""A browser as far as the hosted pages need one: cookies, forms, redirects; and an app that sends it to /authorize."""

import base64
import hashlib
import html
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from gatepost.passwords import hash_password
from gatepost.secrets import parse_id
from gatepost.store.people import set_password

from .world import DESCRIPTION, ISSUER, Client, World, check_answer

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PASSWORD = "a long enough password"

_HASH = hash_password(PASSWORD)
_FORM = re.compile(r'<form method="post" action="([^"]*)".*?</form>', re.DOTALL)
_FIELD = re.compile(r'<(?![^>]*type="radio"(?![^>]* checked))[^>]*?name="([^"]*)"[^>]*?value="([^"]*)"')
_LINK = re.compile(r'id="continue" href="([^"]*)"')


class Form(NamedTuple):
    """A form of a page: where it leads, and its fields as they stand there."""

    action: str
    fields: dict[str, str]


class Browser:
    """One browser with its cookies. It follows nothing by itself."""

    def __init__(self, world: World, address: str = "192.0.2.9", origin: str = ISSUER) -> None:
        self.world = world
        transport = httpx.ASGITransport(world.app, client=(address, 50_000))
        self._client = httpx.AsyncClient(transport=transport, base_url=origin)

    async def get(self, url: str, **options: Any) -> httpx.Response:
        return self._checked(await self._client.get(url, **options))

    async def head(self, url: str) -> httpx.Response:
        return self._checked(await self._client.head(url))

    async def post(self, url: str, fields: dict[str, str], **options: Any) -> httpx.Response:
        return self._checked(await self._client.post(url, data=fields, **options))

    def _checked(self, response: httpx.Response) -> httpx.Response:
        check_answer(response, to_a_person=True)
        if response.headers.get("content-type", "").startswith("text/html"):
            assert "script-src 'self'" in response.headers["content-security-policy"]
            assert response.headers["x-frame-options"] == "DENY"
            assert not re.search(r'style="|<script>|javascript:| on[a-z]+="', response.text)
        return response

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    async def authorize(self, app: Client, **changes: str | None) -> httpx.Response:
        """An app sends the browser to /authorize. A parameter that is None is left out."""
        return await self.get("/authorize", params=request_of(app, **changes))

    async def sign_in(self, page: httpx.Response, email: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the page that a redirect led to."""
        form = form_of(await self.get(page.headers["location"]))
        return await self.post(form.action, form.fields | {"email": email, "password": password})

    async def enter(self, email: str) -> httpx.Response:
        """Sign in on the way to nowhere."""
        form = form_of(await self.get("/login"))
        return await self.post(form.action, form.fields | {"email": email, "password": PASSWORD})

    async def press(self, url: str, action: str, **changes: str) -> httpx.Response:
        """Send the form of a page that leads to `action`; of several, the one with these fields."""
        page = await self.get(url)
        form = next(each for each in forms_of(page) if each.action == action and _fits(each, changes))
        return await self.post(form.action, form.fields | changes)

    async def consent(self, page: httpx.Response, decision: str = "allow", **changes: str) -> httpx.Response:
        """Answer the consent page that a redirect led to."""
        form = form_of(await self.get(page.headers["location"]))
        return await self.post(form.action, form.fields | {"decision": decision} | changes)

    async def leave(self, page: httpx.Response) -> dict[str, str]:
        """What the app gets at its redirect URI, from the page that leaves."""
        left = await self.get(page.headers["location"])
        link = _LINK.search(left.text)
        assert link is not None, left.text
        assert f'content="0; url={link[1]}"' in left.text
        return answer_of(html.unescape(link[1]))

    async def allow(self, app: Client, email: str, **changes: str | None) -> dict[str, str]:
        """The whole way, from /authorize over sign-in and consent to the app's answer."""
        return await self.leave(await self.consent(await self.sign_in(await self.authorize(app, **changes), email)))


def request_of(app: Client, **changes: str | None) -> dict[str, str]:
    """The parameters of an authorization request."""
    wanted: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect,
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def form_of(page: httpx.Response) -> Form:
    """The first form of a page; the others are of what stands below it."""
    assert page.status_code == 200, page.text
    forms = forms_of(page)
    assert forms, page.text
    return forms[0]


def forms_of(page: httpx.Response) -> list[Form]:
    """All forms of a page, in their order."""
    return [_read_form(match) for match in _FORM.finditer(page.text)]


def _read_form(match: re.Match[str]) -> Form:
    fields = {html.unescape(name): html.unescape(value) for name, value in _FIELD.findall(match[0])}
    return Form(html.unescape(match[1]), {name: value for name, value in fields.items() if name != "decision"})


def _fits(form: Form, fields: dict[str, str]) -> bool:
    return all(form.fields.get(name, value) == value for name, value in fields.items())


def answer_of(url: str) -> dict[str, str]:
    """The parameters of an authorization response, each once."""
    parsed = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in parsed.values())
    assert DESCRIPTION.fullmatch(parsed.get("error_description", [""])[0])
    return {name: values[0] for name, values in parsed.items()}


async def give_password(world: World, user_id: str, password: str = PASSWORD) -> None:
    """Let a person of the world sign in, with PASSWORD or another one."""
    password_hash = _HASH if password == PASSWORD else hash_password(password)
    await world.instance.store.ask(set_password(parse_id("usr", user_id) or b"", password_hash, world.act))


async def token(world: World, by: Client | str | None, **fields: str) -> httpx.Response:
    response = await world.call("POST", "/token", by, form=fields)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.status_code != 200 or response.headers["pragma"] == "no-cache"
    return response


async def redeem(world: World, app: Client, code: str, **changes: str | None) -> httpx.Response:
    wanted = {"code": code, "redirect_uri": app.redirect, "code_verifier": VERIFIER, **changes}
    fields = {name: value for name, value in wanted.items() if value is not None}
    return await token(world, app, grant_type="authorization_code", **fields)


async def connected(
    world: World, browser: Browser, app: Client, email: str = "bob@acme.test", **changes: str | None
) -> dict[str, Any]:
    """The tokens of a whole login."""
    response = await redeem(world, app, (await browser.allow(app, email, **changes))["code"])
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


async def userinfo(world: World, access_token: str, **options: Any) -> httpx.Response:
    return await world.call("GET", "/userinfo", f"Bearer {access_token}", **options)
