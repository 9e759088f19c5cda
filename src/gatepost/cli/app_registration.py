"""A token that lets one app register itself where not everybody may (`registration.mode` is `token`). RFC 7591 §3."""

import argparse

from gatepost.cli.options import Parser, add_verb, duration, wants_json
from gatepost.cli.output import instant, show
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.registration import make_initial_token
from gatepost.flows.roles import Actor
from gatepost.secrets import Secret

TTL = "1d"


def add_arguments(verbs: "argparse._SubParsersAction[Parser]") -> None:
    """`registration-token` as a verb of `app`."""
    summary = "a token with which one app may register itself, once"
    verb = add_verb(verbs, "registration-token", _make, summary, "gatepost app registration-token --expires 1h")
    verb.add_argument("--expires", metavar="DURATION", default=TTL, help=f"how long it is good ({TTL})")


def _make(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[Secret, int]:
        ttl = duration(options.expires, "--expires") or 0
        return make_initial_token(instance, ttl), actor.act.at + ttl

    token, expires_at = run_verb(options, verb)
    document = {"initial_access_token": token.reveal(), "expires_at": instant(expires_at)}
    sentence = f"Good once, until {document['expires_at']}; nobody keeps it:\n\n  {token.reveal()}"
    show(wants_json(options), document, sentence)
    return 0
