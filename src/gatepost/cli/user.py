"""People and their roles in organizations. A person is named by id or e-mail."""

import argparse
from functools import partial
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, read_secret, wants_json
from gatepost.cli.output import instant, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.people import ROLES, JoinedUser, create_user, every_member, get_user, reset_password, set_disabled
from gatepost.records import Member, User
from gatepost.secrets import Secret, render_id
from gatepost.store.events import Act


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    create = add_verb(
        verbs, "create", _create, "make a person a member", "gatepost user create ana@acme.dev --org Acme --role admin"
    )
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    create.add_argument("--role", choices=ROLES, help="what they may do there (a new one: member)")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    people = add_verb(verbs, "list", _list, "list an organization's people", "gatepost user list --org Acme")
    people.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    for name, run, summary in (
        ("disable", partial(_set_disabled, True), "refuse everything of a person, at once, until they are enabled"),
        ("enable", partial(_set_disabled, False), "let a disabled person back in"),
        ("reset", _reset, "give a person a new password, from a prompt or standard input"),
    ):
        verb = add_verb(verbs, name, run, summary, f"gatepost user {name} ana@acme.dev")
        verb.add_argument("user", metavar="USER", help="id or e-mail")
        verb.add_argument("--org", metavar="ORG", type=named, help="only a member of this organization")
    verbs.choices["reset"].add_argument("--password-stdin", action="store_true", help="read it from standard input")


def _create(options: argparse.Namespace) -> int:
    password = Secret(read_secret("Password: ")) if options.password_stdin else None

    async def verb(instance: Instance, act: Act) -> tuple[JoinedUser, bytes]:
        org = await get_org(instance, options.org)
        return await create_user(instance, org.id, options.email, options.role, password, act), org.id

    user, org = run_verb(options, verb)
    document = {
        "id": render_id("usr", user.id),
        "email": user.email,
        "org": render_id("org", org),
        "role": user.role,
        "is_new": user.is_new,
    }
    known = "" if user.is_new else "\nThey were known already and keep their password."
    show(wants_json(options), document, f"{user.email} is {user.role} of {options.org}: {document['id']}{known}")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Act) -> list[Member]:
        return await every_member(instance, (await get_org(instance, options.org)).id)

    rows = [_render(member) | {"role": member.role} for member in run_verb(options, verb)]
    columns = ("id", "email", "role", "disabled", "created_at")
    show_list(wants_json(options), rows, "Nobody yet: gatepost user create EMAIL --org ORG", columns)
    return 0


def _set_disabled(disabled: bool, options: argparse.Namespace) -> int:
    async def verb(instance: Instance, act: Act) -> User:
        user = await get_user(instance, options.user, options.org)
        return await set_disabled(instance, user, disabled, act)

    user = run_verb(options, verb)
    show(wants_json(options), _render(user), f"{user.email} is {'disabled' if disabled else 'enabled'}.")
    return 0


def _reset(options: argparse.Namespace) -> int:
    password = Secret(read_secret("New password: "))

    async def verb(instance: Instance, act: Act) -> User:
        user = await get_user(instance, options.user, options.org)
        await reset_password(instance, user, password, act)
        return user

    user = run_verb(options, verb)
    show(wants_json(options), _render(user), f"{user.email} has the new password.")
    return 0


def _render(user: User | Member) -> dict[str, Any]:
    return {
        "id": render_id("usr", user.id),
        "email": user.email,
        "disabled": user.disabled_at is not None,
        "created_at": instant(user.created_at),
    }
