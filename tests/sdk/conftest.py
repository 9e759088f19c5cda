"""An issuer, the network before it, a clock, and a verifier that has only these."""

import time
from collections.abc import Iterator

import keyring
import pytest

from gatepost_sdk import Verifier
from gatepost_sdk.testing import Issuer

from .network import Clock, Network
from .ring import Ring
from .world import World, running_world

AUDIENCE = "https://api.test"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("https://auth.test", audience=AUDIENCE)


@pytest.fixture
def network(issuer: Issuer) -> Network:
    return Network(issuer)


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def verifier(network: Network, clock: Clock) -> Verifier:
    return Verifier("https://auth.test", audience=AUDIENCE, fetch=network, clock=clock)


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """The issuer that the examples name, reached without a network."""
    issuer = Issuer("https://auth.acme.dev", audience="https://api.acme.dev")
    defaults = Verifier.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "fetch", issuer.fetch)
    monkeypatch.setenv("GATEPOST_API_KEY", "gp_key_1")
    monkeypatch.setenv("ACME_SECRET", "s3cret")
    return issuer


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    keyring.set_keyring(ring := Ring())
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def world() -> Iterator[World]:
    with running_world() as world:
        yield world
