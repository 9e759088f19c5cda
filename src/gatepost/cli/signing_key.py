"""The keys that sign access tokens: next (published ahead), active, retired (published until its last token expired)."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, settings_of, wants_json
from gatepost.cli.output import instant, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.signing import rotate, safe_to_activate_at
from gatepost.records import SigningKeyRecord
from gatepost.store.signing_keys import list_signing_keys


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    add_verb(verbs, "list", _list, "list signing keys", "gatepost signing-key list")
    rotated = add_verb(
        verbs, "rotate", _rotate, "activate the next key and publish a new one", "gatepost signing-key rotate"
    )
    rotated.add_argument("--force", action="store_true", help="even if verifiers may not have seen the next key yet")


def _list(options: argparse.Namespace) -> int:
    records = run_verb(options, lambda instance, _: instance.store.read(list_signing_keys()))
    _show(options, records)
    return 0


def _rotate(options: argparse.Namespace) -> int:
    max_age = settings_of(options).tokens.jwks_max_age
    records = run_verb(
        options,
        lambda instance, actor: rotate(instance.store, instance.keyring, actor, max_age=max_age, force=options.force),
    )
    _show(options, records)
    return 0


def _show(options: argparse.Namespace, records: list[SigningKeyRecord]) -> None:
    max_age = settings_of(options).tokens.jwks_max_age
    rows = [_render(record, max_age) for record in records]
    show_list(wants_json(options), rows, "No signing keys.")


def _render(record: SigningKeyRecord, max_age: int) -> dict[str, Any]:
    safe_at = safe_to_activate_at(record, max_age) if record.state == "next" else None
    return {
        "kid": record.kid,
        "alg": record.alg,
        "state": record.state,
        "published_at": instant(record.published_at),
        "safe_to_activate_at": instant(safe_at),
        "activated_at": instant(record.activated_at),
        "retired_at": instant(record.retired_at),
        "remove_at": instant(record.remove_at),
    }
