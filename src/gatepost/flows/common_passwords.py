"""The passwords that everybody tries first, and nobody may have where the world can reach. NIST SP 800-63B §5.1.1.2."""

import importlib.resources
from functools import cache

from gatepost.errors import GatepostError


def check_uncommon(password: str) -> None:
    """Raises `invalid_request` for a password, in whatever case, that is among the most common ones."""
    if password.casefold() in _common():
        raise GatepostError(
            "invalid_request", "This password is one that everybody tries first.", fix="choose one that is yours alone"
        )


@cache
def _common() -> frozenset[str]:
    text = importlib.resources.files("gatepost").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
