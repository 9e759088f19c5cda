"""A visit: who is at the browser, in which language, and the proof that a form came from a page of ours."""

import hmac
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode, urlsplit

from gatepost import base64url
from gatepost.errors import GatepostError
from gatepost.flows.consent import Asker, view_asker
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import find_known_app
from gatepost.flows.organizations import Brand, brand_of
from gatepost.flows.sessions import SignedIn, find_signed_in
from gatepost.oauth.device import parse_user_code
from gatepost.oauth.flow import FLOW_TTL, Flow
from gatepost.oauth.form import parse_form, parse_pairs, parse_repeatable
from gatepost.oauth.org_settings import SECOND_FACTOR, SIGN_IN
from gatepost.records import Session
from gatepost.secrets import Secret
from gatepost.ui.rendering import LOCALES, choose_locale, render_page
from gatepost.web.app import Handler
from gatepost.web.cookies import Cookie, parse_cookies
from gatepost.web.message import EMPTY, FORM, Header, Reply, Request

CSRF_FIELD = "csrf"

LANGUAGE = "language"
LANGUAGE_SECONDS = 365 * 86_400
"""How long a browser remembers the language that was chosen at the foot of a page."""

THEMES = ("light", "dark")
"""What a person may choose; without a choice a page follows the browser."""

_LANGUAGE_FIELD = "page_language"
CONSOLE = "/console"
"""The only place that a sign-in leads to of its own accord."""
PROVING = {SIGN_IN: "/login?again=yes", SECOND_FACTOR: "/login/verify"}
"""Where somebody gets what their sign-in lacks for an organization, and goes on from."""
_ONWARD = re.compile(CONSOLE + r"[A-Za-z0-9/._~-]{0,500}")
"""Where a sign-in may lead to: nowhere but to our own console."""
_MAX_COOKIE = 3500
"""Bytes of a cookie's value that every browser keeps. RFC 6265 §6.1."""

_CSRF = b"form of ours"
_BROWSER_BYTES = 16


class Visit(NamedTuple):
    """One request of a browser. `browser` is random, and tells it from every other browser; our pages are below `base`.

    `device` is the user code of a device that the person was about to answer when they had to sign in first; `onward` is
    the page of ours that they were about to see; `flow` is the last one that an app sent them with and that they have not
    left yet; empty without one.
    """

    request: Request
    base: str
    browser: bytes
    session: Session | None
    languages: str
    csrf: str
    cookies: tuple[Header, ...]
    device: str | None
    onward: str
    flow: str
    theme: str
    shortcuts: bool
    brand: Brand | None = None
    """Of the organization that the page leads to, if it leads to one."""
    asker: Asker | None = None
    """Whose flow leads the person, if one does."""

    @property
    def user_id(self) -> bytes | None:
        """Who is signed in."""
        return self.session.user_id if self.session else None

    @property
    def locale(self) -> str:
        """The language of the page: the one the person chose here, else the app's wish, else the browser's.

        Of those that the organization offers; where nobody has a wish that it meets, its own.
        """
        browser = self.request.headers.get(b"accept-language", b"").decode("latin-1")
        return choose_locale(self.languages, browser, self.offered)

    @property
    def offered(self) -> tuple[str, ...]:
        """The languages that the page may be in."""
        return (self.brand.languages if self.brand else ()) or tuple(LOCALES)

    def speaking(self, ui_locales: str | None) -> "Visit":
        """The same visit, on behalf of an app that asks for these languages."""
        return self._replace(languages=f"{self.languages} {ui_locales or ''}")


OwnPage: TypeAlias = Callable[[Visit, Session], Awaitable[Reply]]
OwnForm: TypeAlias = Callable[[Visit, Session, dict[str, str]], Awaitable[Reply]]


class Visits:
    """Reads visits, and answers them with pages and redirects that carry the visit's cookies."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._base = urlsplit(instance.issuer).path.rstrip("/")
        self._browser_cookie = Cookie("browser", instance.issuer)
        self._session_cookie = Cookie("session", instance.issuer)
        self._device_cookie = Cookie("device", instance.issuer)
        self._language_cookie = Cookie(LANGUAGE, instance.issuer)
        self._onward_cookie = Cookie("onward", instance.issuer)
        self._flow_cookie = Cookie("flow", instance.issuer)
        self._theme_cookie = Cookie("theme", instance.issuer)
        self._shortcuts_cookie = Cookie("shortcuts", instance.issuer)

    async def read(self, request: Request) -> Visit:
        """The visit of a request: its browser, known or new, and the person signed in there."""
        cookies = parse_cookies(request.headers.get(b"cookie", b""))
        known = _decode_browser(self._browser_cookie.read(cookies))
        browser = known or os.urandom(_BROWSER_BYTES)
        text = self._session_cookie.read(cookies)
        signed_in = await find_signed_in(self._instance, text, request.address) if text else None
        headers = []
        if not known and not _is_foreign_form(request):
            headers.append(self._browser_cookie.write(base64url.encode(browser).decode()))
        if signed_in and signed_in.token:
            headers.append(self._session_cookie.write(signed_in.token.reveal()))
        session = signed_in.session if signed_in else None
        language = _chosen_language(request)
        if language:
            headers.append(self._language_cookie.write(language, LANGUAGE_SECONDS))
        language = language or self._language_cookie.read(cookies)
        csrf, device = self._csrf(browser, session), parse_user_code(self._device_cookie.read(cookies))
        onward, theme = self._onward_cookie.read(cookies), self._theme_cookie.read(cookies)
        return Visit(
            request,
            self._base,
            browser,
            session,
            language,
            csrf,
            tuple(headers),
            device,
            onward if is_onward(onward) else "",
            self._flow_cookie.read(cookies),
            theme if theme in THEMES else "",
            self._shortcuts_cookie.read(cookies) != "off",
        )

    async def read_form(self, request: Request, *, signs_in: bool = False) -> tuple[Visit, dict[str, str]]:
        """The visit and the fields of a form that one of our pages sent. Raises `not_allowed` for anybody else's.

        A form that signs in may be older than the session: the person may have signed in meanwhile, in another tab.
        """
        request.check_media_type(FORM)
        visit = await self.read(request)
        fields = parse_form(request.body)
        ours = (visit.csrf, self._csrf(visit.browser, None)) if signs_in else (visit.csrf,)
        is_ours = any(hmac.compare_digest(fields.get(CSRF_FIELD, "").encode(), each.encode()) for each in ours)
        if _is_foreign_form(request) or not is_ours:
            raise GatepostError("not_allowed", "This form was not sent by the page it belongs to. Open the page again.")
        return visit, fields

    def own_page(self, page: OwnPage) -> Handler:
        """The handler of a page that belongs to whoever is signed in. Anybody else signs in first."""

        async def handler(request: Request) -> Reply:
            visit = await self.read(request)
            return await page(visit, visit.session) if visit.session else see_other(visit, "/login")

        return handler

    def own_form(self, form: OwnForm) -> Handler:
        """The handler of a form on such a page."""

        async def handler(request: Request) -> Reply:
            visit, fields = await self.read_form(request)
            return await form(visit, visit.session, fields) if visit.session else see_other(visit, "/login")

        return handler

    async def led_by(self, visit: Visit, flow: Flow | None) -> Visit:
        """The visit as an app leads it: in its name and the languages that it asks for, as its organization has its pages."""
        if flow is None:
            return visit
        visit, known = visit.speaking(flow.asked.ui_locales), await find_known_app(self._instance, flow.client_id)
        if known is None:
            return visit
        visit = visit._replace(asker=await view_asker(self._instance, known, flow))
        return await self.led_to(visit, known.app.org)

    async def led_to(self, visit: Visit, org: bytes) -> Visit:
        """The visit of pages that lead to an organization."""
        return visit._replace(brand=await brand_of(self._instance, org))

    def keep_device(self, visit: Visit, user_code: str) -> Visit:
        """The visit with the code of a device for after the sign-in, however many pages that takes; empty: it is done."""
        return visit._replace(cookies=(*visit.cookies, self._device_cookie.write(user_code)))

    def keep_onward(self, visit: Visit, path: str) -> Visit:
        """The visit with a page of ours to see after the sign-in; empty: the person is there."""
        return visit._replace(cookies=(*visit.cookies, self._onward_cookie.write(path if is_onward(path) else "")))

    def keep_flow(self, visit: Visit, flow: str) -> Visit:
        """The visit with a flow, while it may be answered, for who has to be invited first; empty, or too long: with none."""
        kept = flow if len(flow) <= _MAX_COOKIE else ""
        cookie = self._flow_cookie.write(kept, FLOW_TTL)
        return visit._replace(cookies=(*visit.cookies, cookie)) if kept or visit.flow else visit

    def keep_theme(self, visit: Visit, theme: str) -> Visit:
        """The visit with the theme that the person chose; empty: the browser's."""
        cookie = self._theme_cookie.write(theme if theme in THEMES else "", LANGUAGE_SECONDS)
        return visit._replace(cookies=(*visit.cookies, cookie))

    def keep_shortcuts(self, visit: Visit, *, on: bool) -> Visit:
        """The visit with keyboard shortcuts on or off. WCAG 2.1.4."""
        cookie = self._shortcuts_cookie.write("" if on else "off", LANGUAGE_SECONDS)
        return visit._replace(cookies=(*visit.cookies, cookie))

    def sign_in(self, visit: Visit, signed_in: SignedIn) -> Visit:
        """The visit as a new session's: with its cookie, and with forms that are good for that session alone."""
        token = signed_in.token or Secret("")
        cookies = (*visit.cookies, self._session_cookie.write(token.reveal()))
        csrf = self._csrf(visit.browser, signed_in.session)
        return visit._replace(session=signed_in.session, csrf=csrf, cookies=cookies)

    def sign_out(self, visit: Visit) -> Visit:
        """The visit without a session."""
        cookies = (*visit.cookies, self._session_cookie.write(""))
        return visit._replace(session=None, csrf=self._csrf(visit.browser, None), cookies=cookies)

    def _csrf(self, browser: bytes, session: Session | None) -> str:
        message = browser + (session.id if session else b"")
        mac = self._instance.keyring.mac(self._instance.keyring.current, message, _CSRF)
        assert mac is not None
        return base64url.encode(mac).decode()


def _is_foreign_form(request: Request) -> bool:
    """Whether it is a form of another site, which comes without the cookies that the browser has."""
    site = request.headers.get(b"sec-fetch-site", b"same-origin")
    return request.method == "POST" and site not in (b"same-origin", b"none")


def is_onward(path: str) -> bool:
    """Whether a path is of our own console, and of nobody else's server."""
    return _ONWARD.fullmatch(path) is not None


def locale_of(request: Request, language: Cookie) -> str:
    """The language that a request's own choice, kept in this cookie, or else its browser asks for."""
    chosen = language.read(parse_cookies(request.headers.get(b"cookie", b"")))
    return choose_locale(chosen, request.headers.get(b"accept-language", b"").decode("latin-1"))


def show(
    visit: Visit, template: str, status: int = 200, form_action: str = "'self'", *, menu: bool = True, **view: Any
) -> Reply:
    """A page for this visit. `menu` offers it in other languages, by links that repeat its query: not where an app wrote that."""
    return render_page(
        template,
        visit.locale,
        status,
        visit.cookies,
        form_action,
        base=visit.base,
        csrf=visit.csrf,
        session=visit.session,
        theme=visit.theme,
        brand=visit.brand if visit.brand and visit.brand.shades else None,
        asker=visit.asker,
        languages=_language_links(visit) if menu and status < 400 else (),
        **view,
    )


def see_other(visit: Visit, location: str) -> Reply:
    """303: the form is done, look there, on a page of ours or at an app. RFC 9110 §15.4.4, RFC 9700 §4.12."""
    place = visit.base + location if location.startswith("/") else location
    headers = ((b"location", place.encode()), *visit.cookies)
    return Reply(303, (*EMPTY, (b"referrer-policy", b"no-referrer")), b"", headers)


def _chosen_language(request: Request) -> str:
    """The language of a link at the foot of a page; empty without one."""
    if _LANGUAGE_FIELD.encode() not in request.query:
        return ""
    language = parse_repeatable(request.query)[0].get(_LANGUAGE_FIELD, "")
    return language if language in LOCALES else ""


def _language_links(visit: Visit) -> list[tuple[str, str, str]]:
    """The languages with their names, and the query with which this page comes in each; none for what a form answers."""
    if visit.request.method == "POST":
        return []
    kept = [pair for pair in parse_pairs(visit.request.query) if pair[0] != _LANGUAGE_FIELD]
    offered = [(locale, name) for locale, name in LOCALES.items() if locale in visit.offered]
    return [(locale, name, urlencode([*kept, (_LANGUAGE_FIELD, locale)])) for locale, name in offered]


def _decode_browser(text: str) -> bytes | None:
    try:
        raw = base64url.decode(text.encode())
    except ValueError:
        return None
    return raw if len(raw) == _BROWSER_BYTES else None
