"""Files that a command is given."""

import json
import sys
from pathlib import Path
from typing import Any

from gatepost.errors import GatepostError
from gatepost.strict_json import no_constant, unique_members


def read_text(name: str, fix: str) -> str:
    """The text in a file, or on standard input for `-`. Raises `not_found`, which `fix` mends, and `invalid_request`."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode()
    except FileNotFoundError:
        raise GatepostError("not_found", f"There is no file {name}.", fix=fix) from None
    except OSError as fault:
        raise unfit(name, f"cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise unfit(name, "is not UTF-8") from None


def read_json(name: str, fix: str) -> Any:
    """The JSON in a file, in which no member is twice. Raises as `read_text` does."""
    text = read_text(name, fix)
    try:
        return json.loads(text, object_pairs_hook=unique_members, parse_constant=no_constant)
    except (ValueError, RecursionError) as fault:
        raise unfit(name, f"is not JSON that Gatepost reads: {fault}") from None


def unfit(name: str, why: str) -> GatepostError:
    """The refusal of a file for what is in it."""
    place = "standard input" if name == "-" else name
    return GatepostError("invalid_request", f"{place} {why}.", fix=f"mend what is in {place}")
