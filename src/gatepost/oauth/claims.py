"""The standard claims of a person: which scope tells each, and what a value has to be. OpenID Connect Core §5.1, §5.4.

The table is all there is: discovery, consent, what apps are told and what may be said of a person come from it.
"""

import difflib
import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import orjson

from gatepost.errors import GatepostError
from gatepost.oauth.client_metadata import is_hidden
from gatepost.records import User

MAX_LINE = 200
MAX_LINES = 500
MAX_URL = 2048

Parse: TypeAlias = Callable[[Any], Any]
"""From what was said to what is kept. Raises ValueError with the words that complete "it …"."""

_JOINERS = "\u200c\u200d"
"""They join or part the letters around them, which shows: names in Persian and in scripts of India have them."""

_URL = re.compile(r"(?i:https?)://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*)?", re.ASCII)
_BIRTHDATE = re.compile(r"(?!0000\Z)[0-9]{4}(-[0-9]{2}-[0-9]{2})?")
_LEAP_YEAR = 4
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_PHONE = re.compile(r"\+[0-9](?:[ ().-]*[0-9]){4,14}(;ext=[0-9]{1,10})?")


def _line(value: Any) -> str:
    return _text(value, MAX_LINE)


def _lines(value: Any) -> str:
    text = value.replace("\r\n", "\n") if isinstance(value, str) else value
    return _text(text, MAX_LINES, but="\n")


def _text(value: Any, most: int, but: str = "") -> str:
    """A text that shows as it is."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"is a text of up to {most} characters")
    if any(is_hidden(each) and each not in _JOINERS + but for each in value):
        raise ValueError("has control or invisible characters")
    return unicodedata.normalize("NFC", value)


def _like(pattern: re.Pattern[str], most: int, words: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > most or not pattern.fullmatch(value):
        raise ValueError(f"is {words}")
    return value


def _birthdate(value: Any) -> str:
    """A day, in a year or in none (0000), or a year alone."""
    words = "a day as in 1990-12-31, in the year 0000 to leave the year out, or a year alone"
    text = _like(_BIRTHDATE, 10, words, value)
    year, month, day = map(int, f"{text}-01-01"[:10].split("-"))
    if not (1 <= month <= 12 and 1 <= day <= monthrange(year or _LEAP_YEAR, month)[1]):
        raise ValueError(f"is {words}")
    return text


def _address(value: Any) -> dict[str, str]:
    """An object of the parts that were said; the others are left out."""
    if not isinstance(value, dict):
        raise ValueError(f"is an object of {', '.join(ADDRESS)}")
    unknown = next((member for member in value if member not in ADDRESS), None)
    if unknown is not None:
        raise ValueError(f"has no part {unknown[:64]}; there are {', '.join(ADDRESS)}")
    parts = {}
    for member in ADDRESS:
        try:
            part = _parse(ADDRESS[member], value.get(member))
        except ValueError as fault:
            raise ValueError(f"has a {member} that {fault}") from None
        if part is not None:
            parts[member] = part
    return parts


ADDRESS: dict[str, Parse] = {
    "formatted": _lines,
    "street_address": _lines,
    "locality": _line,
    "region": _line,
    "postal_code": _line,
    "country": _line,
}
"""The parts of an address. §5.1.1."""

_URL_LIKE = partial(_like, _URL, MAX_URL, f"an http or https URL of up to {MAX_URL:,} characters of ASCII")
_ZONE_LIKE = partial(_like, _ZONE, 64, "a time zone as in Europe/Berlin")
_LANGUAGE_LIKE = partial(_like, _LANGUAGE, 35, "a language as in en or pt-BR")
_PHONE_LIKE = partial(_like, _PHONE, 50, "a phone number with its country's code, as in +49 30 1234567")


class Claim(NamedTuple):
    """A claim: the scope that tells it, and how a value that somebody says is read; None where it is ours alone to say."""

    scope: str
    parse: Parse | None = None


CLAIMS = {
    "name": Claim("profile", _line),
    "family_name": Claim("profile", _line),
    "given_name": Claim("profile", _line),
    "middle_name": Claim("profile", _line),
    "nickname": Claim("profile", _line),
    "preferred_username": Claim("profile", _line),
    "profile": Claim("profile", _URL_LIKE),
    "picture": Claim("profile", _URL_LIKE),
    "website": Claim("profile", _URL_LIKE),
    "gender": Claim("profile", _line),
    "birthdate": Claim("profile", _birthdate),
    "zoneinfo": Claim("profile", _ZONE_LIKE),
    "locale": Claim("profile", _LANGUAGE_LIKE),
    "updated_at": Claim("profile"),
    "email": Claim("email"),
    "email_verified": Claim("email"),
    "address": Claim("address", _address),
    "phone_number": Claim("phone", _PHONE_LIKE),
    "phone_number_verified": Claim("phone"),
}
"""All of them, in the order in which they are told."""

SAYABLE = tuple(name for name, claim in CLAIMS.items() if claim.parse)
"""Those that somebody can say of a person."""

CLAIMS_OF_SCOPE = {
    scope: tuple(name for name, claim in CLAIMS.items() if claim.scope == scope)
    for scope in ("profile", "email", "address", "phone")
}
"""The claims that a scope asks for. §5.4."""


def parse_claims(document: Any) -> dict[str, Any]:
    """The claims that a JSON object says of a person; None for one that is null or empty, which takes it away.

    Raises `invalid_request`, naming the claim.
    """
    if not isinstance(document, dict):
        raise GatepostError("invalid_request", "Claims are a JSON object.", field="claims")
    return {name: parse_claim(name, value) for name, value in document.items()}


def parse_claim(name: str, value: Any) -> Any:
    """The value of one claim as it is kept; None when it is empty. Raises `invalid_request`, naming the claim."""
    parse = CLAIMS[name].parse if name in CLAIMS else None
    if parse is None:
        raise _refused(name)
    try:
        return _parse(parse, value)
    except ValueError as fault:
        raise GatepostError("invalid_request", f"{name} {fault}.", field=name) from None


def change_claims(user: User, changes: dict[str, Any], now: int) -> User:
    """The person with these claims, as `parse_claims` answers them; `updated_at` moves if that changes anything."""
    before = _said_of(user)
    after = {name: value for name, value in (before | changes).items() if value is not None}
    if after == before:
        return user
    name = after.pop("name", None)
    return user._replace(name=name, profile=orjson.dumps(after | {"updated_at": now}).decode())


def claims_of(user: User) -> dict[str, Any]:
    """Every claim that we have of a person, in order."""
    known = _said_of(user)
    known |= {"email": user.email, "email_verified": user.email_verified_at is not None}
    if "phone_number" in known:
        # Nobody has called it.
        known["phone_number_verified"] = False
    return {claim: known[claim] for claim in CLAIMS if claim in known}


def describe_person(user: User, scope: str) -> dict[str, Any]:
    """The claims about a person that these scopes stand for, where we have them."""
    scopes = scope.split()
    return {claim: value for claim, value in claims_of(user).items() if CLAIMS[claim].scope in scopes}


def _said_of(user: User) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(user.profile)
    return {"name": user.name, **said} if user.name is not None else said


def _parse(parse: Parse, value: Any) -> Any:
    bare = value.strip() if isinstance(value, str) else value
    return None if bare is None or bare == "" else parse(bare) or None


def _refused(name: str) -> GatepostError:
    if name in CLAIMS:
        return GatepostError("invalid_request", f"{name} is what Gatepost itself knows; nobody sets it.", field=name)
    short = name[:64]
    near = difflib.get_close_matches(short, SAYABLE, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(SAYABLE)}."
    return GatepostError("invalid_request", f"There is no claim {short}. {hint}", field=short)
