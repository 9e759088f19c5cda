"""When an API key or a secret of an app may expire."""

FURTHEST = 36_525 * 86_400
"""A hundred years in seconds: further away, nobody will know what it was for."""


def may_expire(at: int, now: int) -> bool:
    """Whether an instant lies ahead, and no further than `FURTHEST`."""
    return now < at <= now + FURTHEST
