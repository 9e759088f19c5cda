"""The demo of `gatepost dev`: made on the first start, kept in dev.json, told on every start.

dev.json is also how a directory is known to be dev's: it is written before anything else, and `--fresh` empties no other.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from gatepost.cli.running import ACTOR, DEV_FILE
from gatepost.errors import GatepostError
from gatepost.files import whole_file
from gatepost.flows.api_keys import create_key
from gatepost.flows.apps import NewApp, create_app
from gatepost.flows.callers import POWERS
from gatepost.flows.clients import get_auth_token
from gatepost.flows.instance import Instance
from gatepost.flows.links import create_link
from gatepost.flows.organizations import create_org
from gatepost.flows.people import create_user
from gatepost.flows.roles import Actor, operator
from gatepost.flows.signing import make_keys_once
from gatepost.opening import KEY_FILE, database_of, make_directory, unusable
from gatepost.secrets import Secret, parse_id, render_id
from gatepost.settings import Settings
from gatepost.store.events import Act
from gatepost.store.people import find_member

DEMO_REDIRECT = "http://localhost:8765/callback"
DEMO_EMAIL = "owner@demo.test"

_SHAPE = {
    "org": "",
    "auth_token": "",
    "api_key": "",
    "app": {"client_id": "", "client_secret": "", "redirect_uris": [""]},
    "user": {"id": "", "email": "", "password": ""},
}
"""What dev.json keeps, with a value of each kind."""


def open_directory(settings: Settings, *, fresh: bool) -> dict[str, Any]:
    """The demo that dev.json keeps in the data directory; empty when it is still to be made.

    Raises `not_allowed` for data that dev did not make, `invalid_configuration` for a damaged dev.json.
    """
    path = settings.data_dir / DEV_FILE
    if not path.exists():
        if database_of(settings).exists():
            raise GatepostError(
                "not_allowed",
                f"{settings.data_dir} holds data that `gatepost dev` did not make; a demo has no business there.",
                fix="gatepost serve --issuer http://127.0.0.1:8710, or another place: --data DIR",
            )
        make_directory(settings.data_dir)
        _keep(path, {})
        return {}
    kept = {} if fresh else _remembered(path)
    if not kept:
        _empty(settings)
    return kept


def _empty(settings: Settings) -> None:
    """Leave nothing of Gatepost in the data directory but an empty dev.json, which says whose it is.

    So a start that was cut short is known by the empty file, and the next one begins anew.
    """
    directory, database = settings.data_dir, database_of(settings)
    file = database.file
    if database.exists() and (file is None or file.parent.resolve() != directory.resolve()):
        raise GatepostError(
            "not_allowed",
            f"The database {database.shown} is outside the data directory; dev empties only what it made.",
            fix="remove it yourself, or leave --database out",
        )
    _keep(directory / DEV_FILE, {})
    for path in (directory / KEY_FILE, *(Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm") if file)):
        path.unlink(missing_ok=True)


def _remembered(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text())
    except OSError as fault:
        raise unusable(path, fault) from None
    except ValueError:
        kept = None
    if kept == {} or _fits(kept, _SHAPE):
        demo: dict[str, Any] = kept
        return demo
    raise _damaged(path)


def _fits(content: object, shape: object) -> bool:
    """Whether the content has all that the shape has, each of its kind."""
    if isinstance(shape, dict):
        return isinstance(content, dict) and all(_fits(content.get(name), inner) for name, inner in shape.items())
    if isinstance(shape, list):
        return isinstance(content, list) and bool(content) and all(_fits(each, shape[0]) for each in content)
    return isinstance(content, type(shape))


def _damaged(path: Path) -> GatepostError:
    return GatepostError(
        "invalid_configuration",
        f"{path} is damaged, or belongs to another database.",
        fix="gatepost dev --fresh, which starts empty",
    )


async def prepare(settings: Settings, instance: Instance, kept: dict[str, Any]) -> dict[str, Any]:
    """The demo: made on the first start, remembered in dev.json, told whole on every start."""
    actor = operator(Act(instance.clock(), ACTOR))
    await make_keys_once(instance.store, instance.keyring, actor.act)
    demo = (kept or await _make_demo(instance, actor)) | {"issuer": instance.issuer}
    path = settings.data_dir / DEV_FILE
    org, user = parse_id("org", demo["org"]), parse_id("usr", demo["user"]["id"])
    if not org or not user or await instance.store.read(find_member(org, user)) is None:
        raise _damaged(path)
    _keep(path, demo)
    return {"issuer": instance.issuer, "sign_in": create_link(instance, org, user).reveal(), **demo}


async def _make_demo(instance: Instance, actor: Actor) -> dict[str, Any]:
    org = await create_org(instance, "Demo", actor)
    password = Secret(secrets.token_urlsafe(12))
    owner = await create_user(instance, org.id, DEMO_EMAIL, "owner", password, actor)
    key = await create_key(instance, org.id, "Demo key", POWERS, None, actor)
    app, secret = await create_app(instance, org.id, NewApp("Demo app", redirect_uris=(DEMO_REDIRECT,)), actor)
    return {
        "org": render_id("org", org.id),
        "auth_token": await get_auth_token(instance, org.id, actor.act),
        "api_key": key.text.reveal(),
        "app": {
            "client_id": app.client_id,
            "client_secret": secret.text.reveal() if secret else None,
            "redirect_uris": [DEMO_REDIRECT],
        },
        "user": {"id": render_id("usr", owner.id), "email": owner.email, "password": password.reveal()},
    }


def _keep(path: Path, demo: dict[str, Any]) -> None:
    """Write dev.json whole or not at all, for its owner's eyes only."""
    with whole_file(path, replace=True) as file:
        file.write(json.dumps(demo, indent=2).encode() + b"\n")
