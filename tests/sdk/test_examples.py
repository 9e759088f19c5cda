"""The examples in the docstrings are true."""

import asyncio
import doctest
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from flask import Flask

import gatepost_sdk.asgi
from gatepost_sdk import GatepostError, Token, TokenError, Verifier
from gatepost_sdk.fetch import Ask
from gatepost_sdk.guard import Guard
from gatepost_sdk.testing import Issuer
from house.source import sdk

MODULES = [import_module(f"gatepost_sdk.{module.name}".removesuffix(".__init__")) for module in sdk()]


APPS = {"flask": Flask("examples"), "fastapi": FastAPI()}


def names(module: ModuleType, issuer: Issuer, verifier: Verifier) -> dict[str, Any]:
    """What examples speak of without making it; `auth` is the Auth of their own module."""
    raw = issuer.mint(sub="usr_ana", org="org_acme", scope="agents:read")
    guard = Guard("https://auth.acme.dev", audience="https://api.acme.dev")
    make = getattr(module, "Auth", gatepost_sdk.asgi.Auth)
    given: dict[str, Any] = {
        "app": APPS.get(module.__name__.rpartition(".")[2], lambda *_: None),
        "auth": make("https://auth.acme.dev", audience="https://api.acme.dev"),
        "guard": guard,
        "issuer": issuer,
        "raw": raw,
        "verifier": verifier,
    }
    known = (Ask, GatepostError, Guard, Issuer, Token, TokenError, Verifier)
    return {**vars(module), **given, "Annotated": Annotated, "asyncio": asyncio} | {
        each.__name__: each for each in known
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_example_is_true(module: ModuleType, acme: Issuer) -> None:
    verifier = Verifier(acme.issuer, audience=acme.audience)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    for example in doctest.DocTestFinder().find(module, globs=names(module, acme, verifier)):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
