"""`application/x-www-form-urlencoded`, strictly: duplicates refused, an empty value is an absent one. RFC 6749 §3.2."""

from string import hexdigits

from gatepost.errors import OAuthError

MAX_FIELDS = 200

_ESCAPED = {f"{high}{low}".encode(): bytes.fromhex(high + low) for high in hexdigits for low in hexdigits}
"""What stands behind a percent sign, and the byte it stands for."""


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises `invalid_request` on a repeated field, a broken escape, or text that is not UTF-8."""
    fields: dict[str, str] = {}
    for name, value in parse_pairs(body):
        if name in fields:
            raise OAuthError("invalid_request", "A field is in the form twice; each may be sent once.", field=name[:64])
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


def parse_repeatable(body: bytes) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The fields that stand in a form or query once, and the values of those that stand there more often."""
    pairs = parse_pairs(body)
    fields = {name: value for name, value in pairs if value}
    if len(fields) == len(pairs):
        return fields, {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    repeated = {name: each for name, each in values.items() if len(each) > 1}
    return {name: value for name, value in fields.items() if name not in repeated}, repeated


def take_resources(fields: dict[str, str], repeated: dict[str, list[str]]) -> tuple[str, ...]:
    """Takes the values of `resource` out of what `parse_repeatable` found: it may be repeated. RFC 8707 §2."""
    return take_values(fields, repeated, "resource")


def take_values(fields: dict[str, str], repeated: dict[str, list[str]], name: str) -> tuple[str, ...]:
    """Takes the values of a parameter that may be repeated out of what `parse_repeatable` found."""
    if name in repeated:
        return tuple(filter(None, repeated.pop(name)))
    return (fields.pop(name),) if name in fields else ()


def parse_pairs(body: bytes) -> list[tuple[str, str]]:
    """Names and values in their order. Raises `invalid_request` on a broken escape, a NUL, or text that is not UTF-8."""
    pairs = []
    try:
        text = body.decode()
        _refuse_nul(text)
        fields = text.split("&", MAX_FIELDS)
        if len(fields) > MAX_FIELDS:
            raise OAuthError("invalid_request", f"The form has more than {MAX_FIELDS} fields.")
        for field in fields:
            if not field:
                continue  # Nothing stands between two ampersands, so it cannot stand there twice.
            name, _, value = field.partition("=")
            # Most have nothing to decode; asking here is cheaper than a call for each.
            if "%" in field or "+" in field:
                name, value = _decode(name), _decode(value)
            pairs.append((name, value))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "The form is not UTF-8.") from None
    return pairs


def _decode(text: str) -> str:
    # Most are URLs, in which no more is escaped. What becomes of these two is no part of another escape.
    text = text.replace("+", " ").replace("%3A", ":").replace("%2F", "/")
    if "%" not in text:
        return text
    start, *escaped = text.encode().split(b"%")
    try:
        decoded = b"".join([start, *[_ESCAPED[each[:2]] + each[2:] for each in escaped]]).decode()
    except KeyError:
        raise OAuthError("invalid_request", "The form has a percent sign without two hex digits behind it.") from None
    _refuse_nul(decoded)
    return decoded


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise OAuthError("invalid_request", "The form has a NUL character.")
