"""JSON bodies, strictly: what two parsers could read in two ways is refused. RFC 8259, RFC 8725 §2.4 in spirit."""

import json
import math
import re
from typing import Any

import orjson

from gatepost.errors import OAuthError
from gatepost.strict_json import no_constant, unique_members

MAX_DEPTH = 16
MAX_MEMBERS = 200
MAX_COMMAS = 1000

_BLANKS = " \t\n\r"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The character as JSON can write it: the backslash is not itself escaped."""


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises `invalid_request`.

    Refused: other encodings than UTF-8, a repeated member, more than 200 members, nesting deeper than 16, numbers that
    are not plain 64-bit ones, lone surrogates, the NUL character, and anything that is not an object.
    """
    # Signs inside strings count too: nobody sends so many to routes that take a handful of short texts.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        raise _bad(f"it is nested deeper than {MAX_DEPTH}")
    if body.count(b",") > MAX_COMMAS:
        raise _bad(f"it has more than {MAX_COMMAS} members")
    try:
        text = body.decode().strip(_BLANKS)
        content, end = _decoder.raw_decode(text)
        if end != len(text):
            raise ValueError("something stands behind it")
    except UnicodeDecodeError:
        raise _bad("it is not UTF-8") from None
    except ValueError as fault:
        raise _bad(str(fault).partition(":")[0]) from None
    if b"\\u" in body:
        _check_escapes(content, body)
    if not isinstance(content, dict):
        raise OAuthError("invalid_request", "The body is JSON, but not an object: its members stand in braces.")
    return content


def take_text(content: dict[str, Any], field: str, *, required: bool = False) -> str | None:
    """A member that is a text; null is absent. Raises `invalid_request`, naming the field."""
    value = content.get(field)
    if value is None:
        if required:
            raise OAuthError("invalid_request", f"{field} is missing.", field=field)
        return None
    if not isinstance(value, str):
        raise OAuthError("invalid_request", f"{field} must be a text in quotes.", field=field)
    if not value:
        raise OAuthError("invalid_request", f"{field} is empty.", field=field)
    if not value.isprintable():
        raise OAuthError("invalid_request", f"{field} has characters that cannot be printed.", field=field)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        raise ValueError(f"an object has more than {MAX_MEMBERS} members")
    return unique_members(pairs)


def _integer(digits: str) -> int:
    # Length first: int() of very many digits costs more than they are worth.
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError("a number is too long")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _check_escapes(content: object, body: bytes) -> None:
    """Half a character, which only an escape can write, has no UTF-8 form; and PostgreSQL keeps no NUL in a text."""
    if _NUL.search(body):
        raise _bad("it has a NUL character")
    try:
        orjson.dumps(content)
    except TypeError:
        raise _bad("it has a lone surrogate") from None


def _bad(why: str) -> OAuthError:
    return OAuthError("invalid_request", f"The body is not JSON that we accept: {why}.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=no_constant
)
