"""The approval queue: apps of others that people of an organization asked its admins for."""

import argparse
from functools import partial
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, wants_json
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.app_requests import STATES, decide, request_of, requests_of
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.records import AGREED, REFUSED, WAITING, AppRequest
from gatepost.secrets import render_id

PAGE = 1000


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    listed = add_verb(verbs, "list", _list, "list what was asked for, newest first", "gatepost request list --org Acme")
    listed.add_argument("--state", choices=STATES, default=WAITING, help=f"which ones ({WAITING})")
    show = add_verb(verbs, "show", _show, "show one request", "gatepost request show req_0193… --org Acme")
    example = "gatepost request approve req_0193… --org Acme"
    approve = add_verb(verbs, "approve", partial(_decide, AGREED), "let everybody there connect the app", example)
    example = 'gatepost request refuse req_0193… --org Acme --reason "We have our own"'
    refuse = add_verb(verbs, "refuse", partial(_decide, REFUSED), "let nobody connect the app from now on", example)
    refuse.add_argument("--reason", metavar="TEXT", default="", help="what whoever asks for it reads")
    for verb in (show, approve, refuse):
        verb.add_argument("request", metavar="REQUEST_ID")
    for verb in verbs.choices.values():
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[AppRequest]:
        org = (await get_org(instance, options.org)).id
        found: list[AppRequest] = []
        before = None
        while page := (await requests_of(instance, org, actor, options.state, before, PAGE)).rows:
            found += page
            before = page[-1].id
        return found

    rows = [_render(each) for each in run_verb(options, verb)]
    columns = ("id", "name", "hosts", "scope", "asked_by", "asked_at")
    show_list(wants_json(options), rows, f"No app is {options.state}.", columns)
    return 0


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> AppRequest:
        return await request_of(instance, (await get_org(instance, options.org)).id, options.request, actor)

    document = _render(run_verb(options, verb))
    show(wants_json(options), document, render_fields(document))
    return 0


def _decide(state: str, options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> AppRequest:
        org = (await get_org(instance, options.org)).id
        shown = await request_of(instance, org, options.request, actor)
        return await decide(instance, org, shown, state, "" if state == AGREED else options.reason, actor)

    decided = run_verb(options, verb)
    show(wants_json(options), _render(decided), f"{decided.name} is {state}.")
    return 0


def _render(request: AppRequest) -> dict[str, Any]:
    return {
        "id": render_id("req", request.id),
        "client_id": request.client_id,
        "name": request.name,
        "hosts": request.hosts.split(),
        "scope": request.scope,
        "state": request.state,
        "asked_by": render_id("usr", request.asked_by),
        "asked_at": instant(request.asked_at),
        "approved_scope": request.agreed_scope,
        "decided_by": request.decided_by,
        "decided_at": instant(request.decided_at),
        "reason": request.reason,
    }
