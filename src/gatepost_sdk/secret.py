"""Options as people write them: secrets named by where they are kept, never written in code, and durations."""

import base64
import os
import re
from pathlib import Path
from urllib.parse import quote

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_secret(place: str) -> str:
    """The secret at `env:NAME` or `file:PATH`. Raises ValueError when there is none."""
    kind, _, name = place.partition(":")
    if kind == "env":
        secret = os.environ.get(name, "")
    elif kind == "file":
        secret = Path(name).expanduser().read_text().strip()
    else:
        raise ValueError("a secret is named by where it is: env:NAME or file:PATH")
    if not secret:
        raise ValueError(f"there is no secret at {place}")
    return secret


def basic(client_id: str, secret: str) -> str:
    """The Authorization header of an app. RFC 6749 §2.3.1."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def parse_duration(text: str | float) -> float:
    """Seconds, from `30s`, `10m`, `12h`, `90d` or a number of them. Raises ValueError."""
    found = _DURATION.fullmatch(str(text))
    if not found:
        raise ValueError(f"{text!r} is not a duration: write 30s, 10m, 12h or 90d")
    return float(found[1]) * _UNITS[found[2]]
