"""Limits of tokens: how many requests a minute they are good for, by whose limit it is."""

from typing import NamedTuple

VIA = "via:"
"""What the limit of an app is called in tokens of others that came from its own: this, and its client_id."""


class Rates(NamedTuple):
    """How many requests a minute tokens are good for: those of a grant, of its app, of its organization. None is no limit.

    `via` are the limits of the apps whose tokens it came from, by client_id, as far as they have any.
    """

    grant: int | None
    app: int | None
    org: int | None
    via: tuple[tuple[str, int], ...] = ()

    def by_name(self) -> dict[str, int]:
        """The limits that there are, by what tokens and headers call them."""
        own = {"grant": self.grant, "app": self.app, "org": self.org}
        return {name: rate for name, rate in own.items() if rate} | {f"{VIA}{who}": rate for who, rate in self.via}


def rates_of(
    grant: int | None, app: int | None, org: int | None, via: tuple[tuple[str, int], ...] = ()
) -> Rates | None:
    """These limits; None where there is none, so that whoever has none pays for no more than the question."""
    return Rates(grant, app, org, via) if grant or app or org or via else None


def handed_on(rates: Rates | None, before: str, after: str, own: Rates | None) -> Rates | None:
    """The limits of what the app `after` gets for a token of the app `before`: its own, and all that the token is held to."""
    held, added = rates or Rates(None, None, None), own or Rates(None, None, None)
    via = {before: held.app, **dict(held.via)}
    links = tuple((name, rate) for name, rate in via.items() if rate and name != after)
    return rates_of(held.grant, added.app, added.org, links)
