"""The examples in the docstrings are true."""

import asyncio
import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from flask import Flask

import gatepost_sdk.asgi
from gatepost_sdk import GatepostError, Token, TokenError, Verifier
from gatepost_sdk.client import OAuth2Auth
from gatepost_sdk.fetch import Ask
from gatepost_sdk.guard import Guard
from gatepost_sdk.testing import Issuer
from gatepost_sdk.webhooks import sign
from house.source import sdk

from .ring import Ring
from .world import World

MODULES = [import_module(f"gatepost_sdk.{module.name}".removesuffix(".__init__")) for module in sdk()]


BODY = b'{"type":"grant.revoked","timestamp":"2027-01-15T08:00:00Z","data":{"result":"ok"}}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

APPS = {"flask": Flask("examples"), "fastapi": FastAPI()}


def names(module: ModuleType, issuer: Issuer, world: World, directory: Path) -> dict[str, Any]:
    """What examples speak of without making it; `auth` is the Auth of their own module."""
    verifier = Verifier(issuer.issuer, audience=issuer.audience)
    raw = issuer.mint(sub="usr_ana", org="org_acme", scope="agents:read")
    guard = Guard("https://auth.acme.dev", audience="https://api.acme.dev")
    make = getattr(module, "Auth", gatepost_sdk.asgi.Auth)
    guarding = make("https://auth.acme.dev", audience="https://api.acme.dev")
    client = OAuth2Auth(world.issuer, client_id="app_cli")
    given: dict[str, Any] = {
        "app": APPS.get(module.__name__.rpartition(".")[2], lambda *_: None),
        "auth": client if module.__name__ == "gatepost_sdk.client" else guarding,
        "directory": directory,
        "guard": guard,
        "issuer": issuer,
        "raw": raw,
        "verifier": verifier,
        "body": BODY,
        "headers": sign(BODY, "evt_1", SECRET),
        "secret": SECRET,
    }
    known = (Ask, GatepostError, Guard, Issuer, Token, TokenError, Verifier)
    return {**vars(module), **given, "Annotated": Annotated, "asyncio": asyncio} | {
        each.__name__: each for each in known
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_example_is_true(
    module: ModuleType, acme: Issuer, world: World, ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepost_sdk.login.sleep", lambda _: None)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    for example in doctest.DocTestFinder().find(module, globs=names(module, acme, world, tmp_path)):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
