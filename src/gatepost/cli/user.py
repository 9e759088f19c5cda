"""People and their roles in organizations. A person is named by id or e-mail."""

import argparse
from functools import partial
from typing import Any

from gatepost.cli import user_claims
from gatepost.cli.options import Parser, add_verb, add_verbs, confirm, named, read_secret, wants_json
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.running import check_issuer_is_known, run_verb
from gatepost.cli.user_claims import add_claim_options, claims_from, render_claims
from gatepost.flows.claims import set_claims
from gatepost.flows.instance import Instance
from gatepost.flows.joining import invite, open_invitations, withdraw
from gatepost.flows.members import end_membership, member_of, set_role
from gatepost.flows.organizations import get_org
from gatepost.flows.people import JoinedUser, create_user, every_member, get_user, reset_password, set_disabled
from gatepost.flows.roles import ROLES, Actor
from gatepost.oauth.claims import claims_of
from gatepost.records import Invitation, Member, User
from gatepost.secrets import Secret, render_id

PAGE = 1000


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    create = add_verb(
        verbs, "create", _create, "make a person a member", "gatepost user create ana@acme.dev --org Acme --role admin"
    )
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    create.add_argument("--role", choices=ROLES, help="what they may do there (a new one: member)")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add_claim_options(create)
    people = add_verb(verbs, "list", _list, "list an organization's people", "gatepost user list --org Acme")
    people.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    _add_invitations(verbs)
    _add_membership(verbs)
    user_claims.add_arguments(verbs)
    for name, run, summary in (
        ("disable", partial(_set_disabled, True), "refuse everything of a person, at once, until they are enabled"),
        ("enable", partial(_set_disabled, False), "let a disabled person back in"),
        ("reset", _reset, "give a person a new password, from a prompt or standard input, and end their sessions"),
    ):
        verb = add_verb(verbs, name, run, summary, f"gatepost user {name} ana@acme.dev")
        verb.add_argument("user", metavar="USER", help="id or e-mail")
        verb.add_argument("--org", metavar="ORG", type=named, help="only a member of this organization")
    verbs.choices["reset"].add_argument("--password-stdin", action="store_true", help="read it from standard input")


def _add_invitations(verbs: "argparse._SubParsersAction[Parser]") -> None:
    invite_verb = add_verb(
        verbs,
        "invite",
        _invite,
        "let somebody become a member",
        "gatepost user invite ana@acme.dev --org Acme --role admin",
    )
    invite_verb.add_argument("email", metavar="EMAIL")
    invite_verb.add_argument("--role", choices=ROLES, default="member", help="what they may do there (member)")
    listing = add_verb(
        verbs, "invitations", _list_invitations, "list who may still come", "gatepost user invitations --org Acme"
    )
    withdraw_verb = add_verb(
        verbs,
        "withdraw",
        _withdraw,
        "take an invitation back",
        "gatepost user withdraw inv_0193b1f0a3c27d4e8f5061728394a5b6 --org Acme",
    )
    withdraw_verb.add_argument("invitation", metavar="INVITATION", help="its id")
    for verb in (invite_verb, listing, withdraw_verb):
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _add_membership(verbs: "argparse._SubParsersAction[Parser]") -> None:
    one = add_verb(verbs, "show", _show, "show a member", "gatepost user show ana@acme.dev --org Acme")
    role = add_verb(
        verbs, "role", _set_role, "give a member another role", "gatepost user role ana@acme.dev admin --org Acme"
    )
    summary = "remove a person from an organization; every grant that they have in it ends"
    remove = add_verb(verbs, "remove", _remove, summary, "gatepost user remove ana@acme.dev --org Acme")
    for verb in (one, role, remove):
        verb.add_argument("user", metavar="USER", help="id or e-mail")
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    role.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))


async def _member(instance: Instance, options: argparse.Namespace, actor: Actor) -> tuple[bytes, Member]:
    org = (await get_org(instance, options.org)).id
    user = await get_user(instance, options.user, options.org)
    return org, await member_of(instance, org, render_id("usr", user.id), actor)


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[Member, User]:
        _, member = await _member(instance, options, actor)
        return member, await get_user(instance, options.user, options.org)

    member, user = run_verb(options, verb)
    document = _render(member) | {"role": member.role}
    show(wants_json(options), document | {"claims": claims_of(user)}, render_fields(document | render_claims(user)))
    return 0


def _set_role(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> Member:
        org, member = await _member(instance, options, actor)
        return await set_role(instance, org, member, options.role, actor)

    member = run_verb(options, verb)
    show(wants_json(options), _render(member) | {"role": member.role}, f"{member.email} is {member.role} now.")
    return 0


def _remove(options: argparse.Namespace) -> int:
    confirm(options, f"Remove {options.user} from {options.org}, and end what they connected there?")

    async def verb(instance: Instance, actor: Actor) -> Member:
        org, member = await _member(instance, options, actor)
        await end_membership(instance, org, member, actor)
        return member

    member = run_verb(options, verb)
    show(wants_json(options), _render(member) | {"removed": True}, f"{member.email} is not a member any more.")
    return 0


def _invite(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[Invitation, Secret, bool]:
        check_issuer_is_known(instance)
        org = await get_org(instance, options.org)
        invitation, link = await invite(instance, org.id, options.email, options.role, actor)
        return invitation, link, instance.mailer is not None

    invitation, link, is_mailed = run_verb(options, verb)
    document = _render_invitation(invitation) | {"link": link.reveal(), "mailed": is_mailed}
    how = "A mail is on its way; by hand it is" if is_mailed else "Hand this on; this server sends no mails:"
    show(wants_json(options), document, f"{invitation.email} may join as {invitation.role}. {how}\n\n  {link.reveal()}")
    return 0


def _list_invitations(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[Invitation]:
        org = (await get_org(instance, options.org)).id
        found: list[Invitation] = []
        while page := await open_invitations(instance, org, actor, found[-1].id if found else b"", PAGE):
            found += page
        return found

    rows = [_render_invitation(each) for each in run_verb(options, verb)]
    columns = ("id", "email", "role", "created_at", "expires_at")
    show_list(wants_json(options), rows, "Nobody: gatepost user invite EMAIL --org ORG", columns)
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        await withdraw(instance, (await get_org(instance, options.org)).id, options.invitation, actor)

    run_verb(options, verb)
    show(wants_json(options), {"id": options.invitation, "withdrawn": True}, f"{options.invitation} is withdrawn.")
    return 0


def _render_invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": render_id("inv", invitation.id),
        "email": invitation.email,
        "role": invitation.role,
        "created_at": instant(invitation.created_at),
        "expires_at": instant(invitation.expires_at),
    }


def _create(options: argparse.Namespace) -> int:
    password = Secret(read_secret("Password: ")) if options.password_stdin else None
    claims = claims_from(options)

    async def verb(instance: Instance, actor: Actor) -> tuple[JoinedUser, bytes]:
        org = await get_org(instance, options.org)
        user = await create_user(instance, org.id, options.email, options.role, password, actor)
        if claims:
            await set_claims(instance, await get_user(instance, render_id("usr", user.id)), claims, actor)
        return user, org.id

    user, org = run_verb(options, verb)
    document = {
        "id": render_id("usr", user.id),
        "email": user.email,
        "org": render_id("org", org),
        "role": user.role,
        "is_new": user.is_new,
        "email_verified": user.is_proved,
    }
    known = "" if user.is_new else "\nThey were known already and keep their password."
    if not user.is_new and not user.is_proved:
        known += "\nNobody has shown so far that the address is theirs: a member now is whoever set that account up."
    show(wants_json(options), document, f"{user.email} is {user.role} of {options.org}: {document['id']}{known}")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Actor) -> list[Member]:
        return await every_member(instance, (await get_org(instance, options.org)).id)

    rows = [_render(member) | {"role": member.role} for member in run_verb(options, verb)]
    columns = ("id", "email", "role", "disabled", "created_at")
    show_list(wants_json(options), rows, "Nobody yet: gatepost user create EMAIL --org ORG", columns)
    return 0


def _set_disabled(disabled: bool, options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> User:
        user = await get_user(instance, options.user, options.org)
        return await set_disabled(instance, user, disabled, actor)

    user = run_verb(options, verb)
    show(wants_json(options), _render(user), f"{user.email} is {'disabled' if disabled else 'enabled'}.")
    return 0


def _reset(options: argparse.Namespace) -> int:
    password = Secret(read_secret("New password: "))

    async def verb(instance: Instance, actor: Actor) -> User:
        user = await get_user(instance, options.user, options.org)
        await reset_password(instance, user, password, actor)
        return user

    user = run_verb(options, verb)
    show(wants_json(options), _render(user), f"{user.email} has the new password, and is signed out everywhere.")
    return 0


def _render(user: User | Member) -> dict[str, Any]:
    return {
        "id": render_id("usr", user.id),
        "email": user.email,
        "disabled": user.disabled_at is not None,
        "created_at": instant(user.created_at),
    }
