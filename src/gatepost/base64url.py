"""Base64url without padding: one text for any bytes, and no other text for them. RFC 4648 §5, RFC 7515 §2."""

import pybase64

_ALPHABET = b"-_"


def encode(data: bytes) -> bytes:
    """The text that stands for these bytes."""
    return pybase64.b64encode(data, _ALPHABET).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The strict inverse of `encode`. Raises ValueError on anything it would not have written."""
    try:
        # Without characters to ignore, those of plain base64 are refused as well.
        return pybase64.b64decode(text, _ALPHABET, ignorechars=b"", padded=False, canonical=True)
    except ValueError as fault:
        raise ValueError("not base64url") from fault
