"""A verb run from the command line: the instance opened for it, closed after it."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gatepost.cli.options import settings_of
from gatepost.cli.output import say
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, operator
from gatepost.flows.signing import make_keys_once
from gatepost.opening import database_of, finish_restores, open_instance
from gatepost.settings import Settings
from gatepost.store.events import Act

T = TypeVar("T")

DEV_FILE = "dev.json"
ACTOR = "cli"

DEV_DEFAULTS = {
    "outbound.allow_loopback": "true",
    "passwords.allow_common": "true",
    "mail.url": "box:",
    "registration.mode": "open",
}
"""What is easier in a directory that `gatepost dev` made, unless a setting says otherwise."""


def run_verb(
    options: argparse.Namespace, verb: Callable[[Instance, Actor], Awaitable[T]], *, must_exist: bool = True
) -> T:
    """Run a verb on the instance that the options name, as this machine's operator.

    With `must_exist`, a data directory without a database is refused rather than made.
    """
    settings = settings_of(options)
    if (settings.data_dir / DEV_FILE).exists():
        settings = settings_of(options, defaults=DEV_DEFAULTS)
    if must_exist:
        check_exists(settings)
    is_new = not database_of(settings).exists()
    return asyncio.run(_run(settings, verb, is_new))


def check_exists(settings: Settings) -> None:
    """Raises `not_found` when there is no database where the settings say."""
    finish_restores(settings)
    database = database_of(settings)
    if not database.exists():
        raise GatepostError(
            "not_found",
            f"There is no database at {database.shown}.",
            fix="start with `gatepost dev` or `gatepost org create NAME`, or name the place with --data DIR",
        )


async def _run(settings: Settings, verb: Callable[[Instance, Actor], Awaitable[T]], is_new: bool) -> T:
    instance = open_instance(settings, issuer_of(settings))
    try:
        act = Act(instance.clock(), ACTOR)
        if is_new:
            say(f"Made a new instance, with its database and its key, in {settings.data_dir}.")
        await make_keys_once(instance.store, instance.keyring, act)
        return await verb(instance, operator(act))
    finally:
        instance.store.close()


def issuer_of(settings: Settings) -> str:
    """The issuer by setting, else the one that `gatepost dev` last used in this data directory, else none."""
    if settings.issuer:
        return settings.issuer
    try:
        issuer = json.loads((settings.data_dir / DEV_FILE).read_text())["issuer"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return issuer if isinstance(issuer, str) else ""


def check_issuer_is_known(instance: Instance) -> None:
    """Raises `invalid_configuration` where nobody has said how the server is reached, and so where a link of it would lead."""
    if not instance.issuer:
        raise GatepostError(
            "invalid_configuration",
            "The link needs the server's public URL.",
            fix="set issuer, or GATEPOST_ISSUER=https://…",
        )
