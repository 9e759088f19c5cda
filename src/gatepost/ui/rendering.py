"""Templates to pages: autoescaped, strict about what is missing, in the reader's language."""

import gettext
import re
import zlib
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib import resources
from typing import Any

import jinja2

from gatepost.web.message import Header, Reply

LOCALES = {"en": "English", "ar": "العربية", "de": "Deutsch"}
"""The languages there are, by their own names; the first is the default."""

RIGHT_TO_LEFT = frozenset({"ar"})

THOUSANDS = {"de": "."}
"""What stands between thousands, where it is no comma."""

_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action {}; frame-ancestors 'none'; base-uri 'none'"
)
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z0-9-]+)?(?:\s*;\s*q=([01](?:\.[0-9]{0,3})?))?")


def choose_locale(tags: str, accept_language: str, offered: tuple[str, ...] = ()) -> str:
    """The first language that is asked for and offered: by these tags, else by the browser; else the first offered one.

    Without an offer there are all, and the first is the default.
    """
    offered = offered or tuple(LOCALES)
    wanted = [tag.partition("-")[0].lower() for tag in tags.split()[:20]]
    offers = [match for part in accept_language.split(",")[:20] if (match := _LANGUAGE.fullmatch(part.strip()))]
    offers.sort(key=lambda match: -float(match[2] or 1))
    wanted += [match[1].lower() for match in offers]
    return next((locale for locale in wanted if locale in offered), offered[0])


def render_page(
    template: str,
    locale: str,
    status: int = 200,
    extra: tuple[Header, ...] = (),
    form_action: str = "'self'",
    **view: Any,
) -> Reply:
    """The page of a template. `form_action` widens where its forms may lead, for the one page that has to."""
    html = template_of(template, locale).render(**view)
    policy = _POLICY.format(form_action)
    return Reply(status, _HEADERS, html.encode(), ((b"content-security-policy", policy.encode()), *extra))


def template_of(template: str, locale: str) -> jinja2.Template:
    """A template in a language there is; in the first of them for any other."""
    return _environment(locale if locale in LOCALES else next(iter(LOCALES))).get_template(template)


@lru_cache(maxsize=len(LOCALES))
def _environment(locale: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gatepost.ui"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = _translations(locale)
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined] # it comes with the extension
    environment.filters |= {
        "translated": translations.gettext,
        "number": partial(_number, locale),
        "instant": _instant,
        "utc": _utc,
        "clock": _clock,
        "hour": _hour,
        "hue": _hue,
    }
    environment.globals["locale"] = locale
    environment.globals["theme"] = ""
    environment.globals["brand"] = None
    environment.globals["direction"] = "rtl" if locale in RIGHT_TO_LEFT else "ltr"
    return environment


def _number(locale: str, number: int) -> str:
    """A number whose thousands are told apart."""
    return f"{number:,}".replace(",", THOUSANDS.get(locale, ","))


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _instant(at: int) -> str:
    """An instant as `<time>` has it."""
    return _utc(at).isoformat().replace("+00:00", "Z")


def _clock(at: int) -> str:
    """The time of day, to the minute. We do not know where the reader's clock stands, so it says which one is meant."""
    return f"{_hour(at)} UTC"


def _hour(at: int) -> str:
    """The same where it is said once for all that clocks are UTC."""
    return _utc(at).strftime("%H:%M")


def _hue(text: str) -> int:
    """One of twelve colours: two ids beside each other are told apart at a glance."""
    return zlib.crc32(text.encode()) % 12


def _translations(locale: str) -> gettext.NullTranslations:
    catalogue = resources.files("gatepost.ui") / "locales" / f"{locale}.mo"
    if not catalogue.is_file():
        return gettext.NullTranslations()
    with catalogue.open("rb") as file:
        return gettext.GNUTranslations(file)
