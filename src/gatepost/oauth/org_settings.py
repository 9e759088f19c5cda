"""What an organization chose for itself: how its pages look and speak, and what it asks of the people who come in.

A rule of an organization holds at its own doors: its console, and where an app is connected in it. A person who belongs to
several is held to each one's rules there and nowhere else, so that nobody's rules reach into another organization.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson

from gatepost.contrast import LEAST, contrast_in, nearest_shade, parse_colour
from gatepost.errors import GatepostError
from gatepost.oauth.assurance import acr_of
from gatepost.records import Session

LANGUAGES = ("en", "ar", "de")
"""Those that pages and mails are written in; the first is the default."""

LEAST_TTL = 60

SIGN_IN, SECOND_FACTOR = "sign_in", "second_factor"
"""What somebody lacks in front of a door."""

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MOST_DOMAINS = 50


class OrgSettings(NamedTuple):
    """All of it. What is empty, false or None leaves things as they are for everybody."""

    accent: str = ""
    """The colour of its pages where they are light, as `#rrggbb`; an organization without one has Gatepost's pages."""
    accent_dark: str = ""
    """The same where they are dark; empty: the nearest shade of `accent` that can be read there."""
    languages: tuple[str, ...] = ()
    """What its pages are offered in; the first is for whoever has no wish that can be met. Empty: all, English first."""
    second_factor: bool = False
    """Whoever comes in has signed in with two factors."""
    idle_ttl: int | None = None
    """Seconds for which a sign-in may rest and still be good here."""
    session_ttl: int | None = None
    """Seconds for which a sign-in is good here."""
    email_domains: tuple[str, ...] = ()
    """Where the addresses of those are who may be invited; empty: anywhere."""

    @property
    def shades(self) -> tuple[str, str] | None:
        """The colour in the light and in the dark; None for an organization that chose none."""
        return (self.accent, self.accent_dark or nearest_shade("dark", self.accent)) if self.accent else None


@lru_cache(maxsize=4096)
def parse_settings(text: str) -> OrgSettings:
    """The settings as they are kept with an organization; what only a newer version knows is passed over."""
    known: dict[str, Any] = {name: value for name, value in orjson.loads(text).items() if name in OrgSettings._fields}
    lists: dict[str, Any] = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return OrgSettings(**(known | lists))


def render_settings(settings: OrgSettings) -> str:
    """The text that is kept with an organization: what differs from the defaults."""
    defaults = OrgSettings()._asdict()
    return orjson.dumps({name: value for name, value in settings._asdict().items() if value != defaults[name]}).decode()


def check_settings(changes: Mapping[str, Any], known: OrgSettings, idle_ttl: int, ttl: int) -> OrgSettings:
    """The settings with these changes. No sign-in is good for longer than the server's own `idle_ttl` and `ttl`.

    Raises `invalid_request`, naming the field.
    """
    checks: dict[str, Callable[[Any], Any]] = {
        "accent": partial(_check_colour, "light", "accent"),
        "accent_dark": partial(_check_colour, "dark", "accent_dark"),
        "languages": _check_languages,
        "second_factor": bool,
        "idle_ttl": partial(_check_ttl, idle_ttl, "idle_ttl"),
        "session_ttl": partial(_check_ttl, ttl, "session_ttl"),
        "email_domains": _check_domains,
    }
    # What is not changed is not judged again: the server may have other bounds by now, and holds those itself.
    return known._replace(**{name: checks[name](value) for name, value in changes.items()})


def lacks(settings: OrgSettings, session: Session, now: int) -> str:
    """What this sign-in lacks to be let in: SIGN_IN again, or a SECOND_FACTOR; empty when it is good."""
    rested = max(session.longest_rest, now - session.last_seen_at)
    if settings.session_ttl is not None and now - session.auth_time >= settings.session_ttl:
        return SIGN_IN
    if settings.idle_ttl is not None and rested >= settings.idle_ttl:
        return SIGN_IN
    return SECOND_FACTOR if settings.second_factor and acr_of(session.amr) == "1" else ""


def may_invite(settings: OrgSettings, email: str) -> bool:
    """Whether whoever has this address may become a member."""
    return not settings.email_domains or email.rpartition("@")[2] in settings.email_domains


def _check_colour(theme: str, field: str, text: str) -> str:
    if not text:
        return ""
    try:
        colour = parse_colour(text)
    except ValueError as fault:
        raise _refused(field, f"{field}: {fault}.") from None
    ratio = contrast_in(theme, colour)
    if ratio < LEAST:
        nearest = nearest_shade(theme, colour)
        # Rounded down: 4.499 is not enough, so it must not be shown as 4.50.
        shown = f"{int(ratio * 100) / 100:.2f}"
        raise _refused(
            field,
            f"{colour} cannot be read on {theme} pages: its contrast is {shown}:1, and text needs"
            f" {LEAST}:1. The nearest shade that has it is {nearest}.",
            colour=colour,
            contrast=shown,
            nearest=nearest,
        )
    return colour


def _check_languages(languages: tuple[str, ...]) -> tuple[str, ...]:
    for each in languages:
        if each not in LANGUAGES:
            raise _refused("languages", f"{each} is none of {', '.join(LANGUAGES)}.")
    return tuple(dict.fromkeys(languages))


def _check_ttl(most: int, field: str, seconds: int | None) -> int | None:
    if seconds is not None and not LEAST_TTL <= seconds <= most:
        raise _refused(field, f"{field} is from {LEAST_TTL} to {most} seconds, which is what the server sets.")
    return seconds


def _check_domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(each.strip().lower().removeprefix("@") for each in domains))
    for each in found:
        if not _DOMAIN.fullmatch(each):
            raise _refused("email_domains", f"{each[:100]} is not a domain of e-mail addresses, as in example.com.")
    if len(found) > _MOST_DOMAINS:
        raise _refused("email_domains", f"email_domains are {_MOST_DOMAINS} at most.")
    return found


def _refused(field: str, why: str, **more: Any) -> GatepostError:
    return GatepostError("invalid_request", why, field=field, **more)
