"""JSON that others publish: what of an answer is taken as such, and for how long. RFC 9111 §5.2, within bounds of ours."""

import json
import re
from typing import Any

import orjson

from gatepost.outbound import Fetched
from gatepost.strict_json import no_constant, unique_members

KEEP_SECONDS = 300
"""How long something is kept when its server does not say."""

MOST_KEEP_SECONDS = 3600

_MAX_BRACKETS = 400
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})")
_JSON = re.compile(r"application/([a-z0-9.-]+\+)?json\s*(;.*)?", re.IGNORECASE)


def parse_remote_json(fetched: Fetched) -> Any:
    """What an answer says. Raises ValueError for what is not JSON, not sent as JSON, or could be read in two ways."""
    if not _JSON.fullmatch(fetched.headers.get("content-type", "")):
        raise ValueError("it is not sent as JSON")
    if fetched.body.count(b"{") + fetched.body.count(b"[") > _MAX_BRACKETS:
        raise ValueError("it holds too much")
    try:
        content = json.loads(fetched.body.decode(), object_pairs_hook=unique_members, parse_constant=no_constant)
        # Half a character, or a number of more than 64 bits, cannot be written down again.
        orjson.dumps(content)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except TypeError:
        raise ValueError("it has a character or a number that not every JSON has") from None
    return content


def lifetime_of(fetched: Fetched, least: int) -> int:
    """Seconds for which an answer is kept: as long as its server says, but no shorter than `least`."""
    control = fetched.headers.get("cache-control", "").lower()
    match = _MAX_AGE.search(control)
    asked = int(match[1]) if match else KEEP_SECONDS
    return least if "no-" in control else min(max(asked, least), MOST_KEEP_SECONDS)
