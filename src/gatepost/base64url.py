"""Base64url without padding: one text for any bytes, and no other text for them. RFC 4648 §5, RFC 7515 §2."""

import binascii

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_FROM_URL_ALONE = bytes.maketrans(b"-_+/=", b"+/!!!")
"""The same; what would have a meaning in base64 alone becomes what has none."""


def encode(data: bytes) -> bytes:
    """The text that stands for these bytes."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The strict inverse of `encode`. Raises ValueError on anything it would not have written."""
    beyond = len(text) % 4
    try:
        data = binascii.a2b_base64(text.translate(_FROM_URL_ALONE) + b"=" * (-beyond % 4), strict_mode=True)
    except ValueError as fault:
        raise ValueError("not base64url") from fault
    # Of the last few characters some bits stand for nothing. Another text could have others there.
    if beyond and encode(data[1 - beyond :]) != text[-beyond:]:
        raise ValueError("not canonical base64url")
    return data


def decode_leniently(text: bytes) -> bytes:
    """The same for whoever compares what comes of it: foreign characters and spare bits are passed over. Raises ValueError."""
    return binascii.a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
