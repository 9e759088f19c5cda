"""How sure a sign-in is of its person, and how sure an app wants to be. OpenID Connect Core §2, §5.5.1.1; RFC 8176.

What an app asks for in `acr_values` or in the claim `acr` is held for it, essential or not: an app that asks for two
factors and looks at nothing afterwards would be fooled otherwise. Of several values the least is enough.
"""

from collections.abc import Iterable

from gatepost.errors import OAuthError
from gatepost.oauth.authorize import Asked, values_of

ACR_VALUES = ("1", "2")
"""One factor; two factors, or a passkey that checked its person."""

SECOND_STEP = ("otp", "mfa")
"""What a code adds to the methods of a sign-in."""


def acr_of(amr: str) -> str:
    """How sure a sign-in by these methods is."""
    return ACR_VALUES[1] if "mfa" in amr.split() else ACR_VALUES[0]


def add_methods(amr: str, added: tuple[str, ...]) -> str:
    """The methods of a sign-in with further ones, each once."""
    return " ".join(dict.fromkeys((*amr.split(), *added)))


def is_enough(amr: str, asked: Asked) -> bool:
    """Whether a sign-in by these methods is as sure as the app wants it.

    Raises `unmet_authentication_requirements` for an essential `acr` of which this server has none.
    """
    return ACR_VALUES.index(acr_of(amr)) >= max(_least(asked.acr_values), _least_claimed(asked))


def _least_claimed(asked: Asked) -> int:
    claim = asked.claims.get("id_token", {}).get("acr") or {}
    values = values_of(claim)
    if claim.get("essential") is True and values and not set(values) & set(ACR_VALUES):
        raise OAuthError("unmet_authentication_requirements", f"acr is one of: {' '.join(ACR_VALUES)}.")
    return _least(values)


def _least(values: Iterable[str]) -> int:
    return min((ACR_VALUES.index(value) for value in values if value in ACR_VALUES), default=0)
