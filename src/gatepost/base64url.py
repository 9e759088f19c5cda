"""Base64url without padding: one text for any bytes, and no other text for them. RFC 4648 §5, RFC 7515 §2."""

import binascii

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> bytes:
    """The text that stands for these bytes."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The strict inverse of `encode`. Raises ValueError on anything it would not have written."""
    try:
        data = decode_leniently(text)
    except ValueError as fault:
        raise ValueError("not base64url") from fault
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def decode_leniently(text: bytes) -> bytes:
    """The same for whoever compares what comes of it: foreign characters and spare bits are passed over. Raises ValueError."""
    return binascii.a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
