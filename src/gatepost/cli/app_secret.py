"""An app's secrets: several live side by side, so that rotation needs no downtime."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, expiry, wants_json
from gatepost.cli.output import instant, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.apps import FreshSecret, create_secret, drop_secret, get_app, secrets_of
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor
from gatepost.records import AppSecret
from gatepost.secrets import render_id


def add_arguments(verbs: "argparse._SubParsersAction[Parser]") -> None:
    """`secret` as a verb of `app`, with verbs of its own."""
    secret = verbs.add_parser("secret", help="an app's secrets: add, list, delete", description=__doc__)
    inner = add_verbs(secret)
    add = add_verb(inner, "add", _add, "give an app one more secret", "gatepost app secret add CLIENT_ID --expires 90d")
    secrets = add_verb(inner, "list", _list, "list an app's secrets", "gatepost app secret list CLIENT_ID")
    example = "gatepost app secret delete CLIENT_ID SECRET_ID"
    delete = add_verb(inner, "delete", _delete, "delete a secret; the others stay good", example)
    for verb in (add, secrets, delete):
        verb.add_argument("client_id", metavar="CLIENT_ID")
    add.add_argument("--expires", metavar="WHEN", help="as in 90d, or an instant as in 2030-12-31T00:00Z (never)")
    delete.add_argument("secret", metavar="SECRET_ID")


def _add(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> FreshSecret:
        expires_at = expiry(options.expires, "--expires", actor.act.at)
        return await create_secret(instance, await get_app(instance, options.client_id), expires_at, actor)

    fresh = run_verb(options, verb)
    document = {"client_secret": fresh.text.reveal(), **_render(fresh.record)}
    sentence = f"This is the only time the secret is shown; we keep a hash:\n\n  {document['client_secret']}\n"
    show(wants_json(options), document, sentence)
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[AppSecret]:
        return await secrets_of(instance, await get_app(instance, options.client_id), actor)

    rows = [_render(secret) for secret in run_verb(options, verb)]
    show_list(wants_json(options), rows, "No secrets: gatepost app secret add CLIENT_ID")
    return 0


def _delete(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        await drop_secret(instance, await get_app(instance, options.client_id), options.secret, actor)

    run_verb(options, verb)
    show(wants_json(options), {"id": options.secret, "deleted": True}, f"Deleted {options.secret}.")
    return 0


def _render(secret: AppSecret) -> dict[str, Any]:
    return {
        "id": render_id("sec", secret.id),
        "ends_in": secret.hint,
        "created_at": instant(secret.created_at),
        "expires_at": instant(secret.expires_at),
        "last_used_at": instant(secret.last_used_at),
    }
