"""Apps (OAuth clients): anything that asks for tokens, such as a website, a command line or a job."""

import argparse
from functools import partial
from typing import Any

from gatepost.cli import app_registration, app_secret
from gatepost.cli.app_options import add_metadata_options, metadata_of
from gatepost.cli.options import Parser, add_verb, add_verbs, confirm, duration, named, wants_json
from gatepost.cli.output import instant, printable, render_fields, render_table, say, show, show_list
from gatepost.cli.rate_limit import add_limit, describe_rate, rate_of
from gatepost.cli.reading import read_json
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.app_import import Imported, import_apps
from gatepost.flows.apps import FreshSecret, NewApp, change_app, create_app, get_app
from gatepost.flows.browsing import uses_of
from gatepost.flows.instance import Instance
from gatepost.flows.limits import set_app_limit
from gatepost.flows.organizations import every_org, get_org
from gatepost.flows.owned_apps import apps_of, end_app, redirect_uris_of, set_disabled
from gatepost.flows.resources import get_spelling
from gatepost.flows.roles import Actor
from gatepost.oauth.client_metadata import AUTH_METHODS, KINDS, PROFILES, REDIRECTED_KINDS, parse_metadata
from gatepost.records import UNTIL_USED, App
from gatepost.secrets import Secret, render_id
from gatepost.settings import parse_retry_window
from gatepost.store.browsing import AppUse
from gatepost.store.question import INSTANCE


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    example = "gatepost app create Shop --org Acme --kind web --redirect https://shop.example/callback"
    create = add_verb(verbs, "create", _create, "make an app", example)
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--kind", choices=tuple(KINDS), required=True, help="; ".join(f"{k}: {v}" for k, v in KINDS.items())
    )
    create.add_argument("--client-id", metavar="ID", help="one of your own (made if left out)")
    create.add_argument("--redirect", metavar="URL", action="append", default=[], help="may be given several times")
    apps = add_verb(verbs, "list", _list, "list apps", "gatepost app list --org Acme")
    apps.add_argument("--org", metavar="ORG", type=named, help="the organization's id or name (all organizations)")
    edit = add_verb(
        verbs, "edit", _edit, "change an app", "gatepost app edit CLIENT_ID --add-redirect https://shop.example/cb2"
    )
    edit.add_argument("--name", metavar="NAME", help="what people read when they are asked")
    edit.add_argument("--add-redirect", metavar="URL", action="append", default=[], help="one more")
    edit.add_argument("--remove-redirect", metavar="URL", action="append", default=[], help="one less")
    for verb in (create, edit):
        _add_policy(verb)
        add_metadata_options(verb)
    for name, run, summary in (
        ("show", _show, "show one app"),
        ("use", _use, "say how many connections an app has, and when it was last used"),
        ("disable", partial(_set_disabled, True), "refuse everything of an app, at once, until it is enabled"),
        ("enable", partial(_set_disabled, False), "answer a disabled app again"),
        ("delete", _delete, "delete an app; its grants end with it, for good"),
    ):
        add_verb(verbs, name, run, summary, f"gatepost app {name} CLIENT_ID")
    for name in ("edit", "show", "use", "disable", "enable", "delete"):
        verbs.choices[name].add_argument("client_id", metavar="CLIENT_ID")
    brought = add_verb(
        verbs, "import", _import, "make apps from RFC 7591 client metadata", "gatepost app import apps.json --org Acme"
    )
    brought.add_argument("file", metavar="FILE", help="a JSON array; - for standard input")
    brought.add_argument("--update", action="store_true", help="change own apps that exist already")
    for verb in (create, brought):
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    add_limit(verbs, "app", "CLIENT_ID", _limit)
    app_secret.add_arguments(verbs)
    app_registration.add_arguments(verbs)


def _add_policy(verb: Parser) -> None:
    verb.add_argument("--profile", choices=PROFILES, help="the rules it follows (oauth21)")
    verb.add_argument("--auth-method", choices=AUTH_METHODS, help="the only one it may use (basic and post)")
    verb.add_argument("--scope", metavar='"…"', help="the most it may ask for, and what it gets unasked")
    verb.add_argument("--grants", metavar='"…"', help="grant types, separated by spaces (by kind)")
    verb.add_argument("--resource", metavar="URI", help="the API its tokens are for unless they ask for another")
    verb.add_argument("--access-ttl", metavar="DURATION", help="life of its access tokens")
    verb.add_argument("--grant-idle-ttl", metavar="DURATION", help="life of a grant that is not used")
    verb.add_argument("--grant-ttl", metavar="DURATION", help="life of a grant at most")
    verb.add_argument(
        "--retry-window", metavar="DURATION", help="or until_used: how long the previous refresh token answers"
    )


def _policy(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of an app's policy, by the field it sets."""
    ttls = {name: duration(getattr(options, name), f"--{name.replace('_', '-')}") for name in _TTLS}
    try:
        window = None if options.retry_window is None else parse_retry_window(options.retry_window)
    except ValueError as fault:
        raise GatepostError("invalid_request", f"--retry-window {options.retry_window}: {fault}.") from None
    fields = {"scope": options.scope, "grant_types": options.grants, "default_resource": options.resource}
    fields |= {"profile": options.profile, "auth_method": options.auth_method}
    given = {**fields, **ttls, "retry_window": window, "metadata": metadata_of(options) or None}
    return {name: value for name, value in given.items() if value is not None}


_TTLS = ("access_ttl", "grant_idle_ttl", "grant_ttl")
PAGE = 1000


async def _registered(instance: Instance, org: bytes, policy: dict[str, Any]) -> dict[str, Any]:
    """The policy with its resource in the registered spelling. Raises `invalid_target`."""
    asked = policy.get("default_resource")
    if asked is None:
        return policy
    return policy | {"default_resource": (await get_spelling(instance, org, asked)).uri}


def _create(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[dict[str, Any], FreshSecret | None]:
        org = await get_org(instance, options.org)
        new = NewApp(
            name=options.name,
            kind=options.kind,
            client_id=options.client_id,
            redirect_uris=tuple(options.redirect),
            **await _registered(instance, org.id, _policy(options)),
        )
        app, secret = await create_app(instance, org.id, new, actor)
        return await _document(instance, app, secret.text if secret else None), secret

    document, secret = run_verb(options, verb)
    shown = (
        f"\nThis is the only time its secret is shown; we keep a hash:\n\n  {document['client_secret']}\n"
        if secret
        else ""
    )
    show(wants_json(options), document, f"Made {document['name']}: {document['client_id']}{shown}")
    if options.kind in REDIRECTED_KINDS and not document["redirect_uris"]:
        say(f"Next: gatepost app edit {document['client_id']} --add-redirect URL")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[dict[str, Any]]:
        orgs = [(await get_org(instance, options.org)).id] if options.org else await _everywhere(instance)
        documents: list[dict[str, Any]] = []
        for org in orgs:
            after = ""
            while page := await apps_of(instance, org, actor, after, PAGE):
                documents += [await _document(instance, app) for app in page]
                after = page[-1].client_id
        return documents

    documents = run_verb(options, verb)
    columns = ("client_id", "name", "kind", "agent", "scope", "redirect_uris", "disabled")
    show_list(wants_json(options), documents, "No apps yet: gatepost app create NAME --org ORG --kind web", columns)
    return 0


async def _everywhere(instance: Instance) -> list[bytes]:
    """All organizations, and none: apps that nobody registered belong to that."""
    return [*(org.id for org in await every_org(instance)), INSTANCE]


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Actor) -> dict[str, Any]:
        return await _document(instance, await get_app(instance, options.client_id))

    document = run_verb(options, verb)
    show(wants_json(options), document, render_fields(document))
    return 0


def _use(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Actor) -> AppUse:
        app = await get_app(instance, options.client_id)
        return (await uses_of(instance, app.org, [app]))[app.client_id]

    use = run_verb(options, verb)
    document = {"connections": use.connections, "more": use.is_more, "last_used_at": instant(use.used_at)}
    show(wants_json(options), document, render_fields(document))
    return 0


def _edit(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> dict[str, Any]:
        app = await get_app(instance, options.client_id)
        changes = await _registered(instance, app.org, _policy(options))
        if options.name is not None:
            changes["name"] = options.name
        added, dropped = tuple(options.add_redirect), tuple(options.remove_redirect)
        if not (changes or added or dropped):
            raise GatepostError(
                "invalid_request", "Say what to change, as in --add-redirect URL.", fix="gatepost app edit --help"
            )
        return await _document(instance, await change_app(instance, app, changes, added, dropped, actor))

    document = run_verb(options, verb)
    show(wants_json(options), document, f"Changed {document['name']}.")
    return 0


def _set_disabled(disabled: bool, options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> dict[str, Any]:
        app = await get_app(instance, options.client_id)
        await set_disabled(instance, app, disabled, actor)
        return await _document(instance, await get_app(instance, options.client_id))

    document = run_verb(options, verb)
    show(wants_json(options), document, f"{document['name']} is {'disabled' if disabled else 'enabled'}.")
    return 0


def _limit(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> dict[str, Any]:
        app = await get_app(instance, options.limited)
        await set_app_limit(instance, app, rate_of(options), actor)
        return await _document(instance, await get_app(instance, options.limited))

    document = run_verb(options, verb)
    show(wants_json(options), document, f"{document['name']} {describe_rate(document['rate_limit'])}.")
    return 0


def _delete(options: argparse.Namespace) -> int:
    confirm(options, f"Delete {options.client_id} and end its grants, for good?")

    async def verb(instance: Instance, actor: Actor) -> None:
        app = await get_app(instance, options.client_id)
        await end_app(instance, app, actor)

    run_verb(options, verb)
    show(wants_json(options), {"client_id": options.client_id, "deleted": True}, f"Deleted {options.client_id}.")
    return 0


def _import(options: argparse.Namespace) -> int:
    entries = read_json(options.file, fix="gatepost app import --help")

    async def verb(instance: Instance, actor: Actor) -> tuple[list[dict[str, Any]], list[str]]:
        org = await get_org(instance, options.org)
        imported, warnings = await import_apps(instance, org.id, entries, update=options.update, actor=actor)
        return [await _imported(instance, each) for each in imported], warnings

    apps, warnings = run_verb(options, verb)
    for warning in warnings:
        say(printable(f"warning: {warning}"))
    show(wants_json(options), {"apps": apps, "warnings": warnings}, _describe_imported(apps))
    return 0


def _describe_imported(apps: list[dict[str, Any]]) -> str:
    if not apps:
        return "The file names no app."
    columns = ("client_id", "name", "kind", "is_new", "client_secret")
    table = render_table([{name: app[name] for name in columns} for app in apps])
    return f"{table}\n\nThis is the only time secrets are shown; we keep a hash."


async def _imported(instance: Instance, imported: Imported) -> dict[str, Any]:
    return await _document(instance, imported.app, imported.secret) | {"is_new": imported.is_new}


async def _document(instance: Instance, app: App, secret: Secret | None = None) -> dict[str, Any]:
    return {
        "client_id": app.client_id,
        "client_secret": secret.reveal() if secret else None,
        "name": app.name,
        "org": None if app.is_free else render_id("org", app.org),
        "kind": app.kind,
        "profile": app.profile,
        "auth_method": app.auth_method,
        "redirect_uris": await redirect_uris_of(instance, app),
        "grant_types": app.grant_types.split(),
        "scope": app.scope,
        "resource": app.default_resource,
        "access_ttl": app.access_ttl,
        "grant_idle_ttl": app.grant_idle_ttl,
        "grant_ttl": app.grant_ttl,
        "retry_window": "until_used" if app.retry_window == UNTIL_USED else app.retry_window,
        "rate_limit": app.rate_limit,
        **parse_metadata(app.metadata)._asdict(),
        "disabled": app.disabled_at is not None,
        "created_at": instant(app.created_at),
    }
