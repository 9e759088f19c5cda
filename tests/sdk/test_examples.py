"""The examples in the docstrings are true."""

import doctest
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from gatepost_sdk import GatepostError, TokenError, Verifier
from gatepost_sdk.fetch import Ask
from gatepost_sdk.testing import Issuer
from house.source import sdk

MODULES = [import_module(f"gatepost_sdk.{module.name}".removesuffix(".__init__")) for module in sdk()]


@pytest.fixture
def names(issuer: Issuer, verifier: Verifier) -> dict[str, Any]:
    """What examples speak of without making it."""

    class Auth:
        def __init__(self) -> None:
            self.verifier = verifier

    raw = issuer.mint(sub="usr_ana", org="org_acme", scope="agents:read")
    given = {"issuer": issuer, "verifier": verifier, "raw": raw, "auth": Auth()}
    return given | {each.__name__: each for each in (Ask, GatepostError, Issuer, TokenError, Verifier)}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_example_is_true(module: ModuleType, names: dict[str, Any]) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    for example in doctest.DocTestFinder().find(module, globs={**vars(module), **names}):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
