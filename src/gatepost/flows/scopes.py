"""What scopes mean in plain words: an organization's own for its scopes, by language. Pages have some for the standard ones."""

import re
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.client_metadata import check_name
from gatepost.oauth.consent import ADMIN
from gatepost.oauth.scope import parse_scope
from gatepost.store.scope_texts import find_scope_texts, set_scope_text

_LOCALE = re.compile(r"[a-z]{2,3}")


class Permission(NamedTuple):
    """A scope, and its text in plain words by locale; without any, pages have words of their own for the standard ones."""

    name: str
    texts: dict[str, str]


class ScopeText(NamedTuple):
    """What a scope means, in one language."""

    scope: str
    locale: str
    text: str


async def describe_scopes(instance: Instance, org: bytes, scope: str) -> list[Permission]:
    """The scopes of a value, in their order, in the words of the organization whose app asks for them."""
    texts = await instance.store.read(find_scope_texts(org))
    return [Permission(name, texts.get(name, {})) for name in scope.split()]


async def list_scope_texts(instance: Instance, org: bytes, actor: Actor) -> list[ScopeText]:
    """All that an organization says of its scopes. Raises as `Actor.check` does."""
    actor.check(Deed.RESOURCES_READ, org)
    texts = await instance.store.read(find_scope_texts(org))
    return [ScopeText(scope, locale, text) for scope, each in texts.items() for locale, text in each.items()]


async def describe_scope(instance: Instance, org: bytes, words: ScopeText, actor: Actor) -> ScopeText:
    """Say what a scope means, in one language; what was said before is replaced.

    Raises `invalid_scope`, `invalid_request`, and as `Actor.check` does.
    """
    act = actor.check(Deed.RESOURCES_WRITE, org)
    if len(parse_scope(words.scope)) != 1:
        raise GatepostError("invalid_scope", "Name one scope.")
    if words.scope == ADMIN:
        raise GatepostError("invalid_scope", f"What {ADMIN} means is said by this server alone.")
    if not _LOCALE.fullmatch(words.locale):
        raise GatepostError(
            "invalid_request", f"{words.locale} is not a language; name one as in en or ar.", field="locale"
        )
    kept = words._replace(text=check_name(words.text, "text"))
    await instance.store.ask(set_scope_text(org, kept.scope, kept.locale, kept.text, act))
    return kept


async def drop_scope_texts(
    instance: Instance, org: bytes, scope: str, locale: str | None, actor: Actor
) -> list[ScopeText]:
    """Take back what was said of a scope, in one language or in all. Raises `not_found`, and as `Actor.check` does."""
    act = actor.check(Deed.RESOURCES_WRITE, org)
    known = await list_scope_texts(instance, org, actor)
    dropped = [each for each in known if each.scope == scope and locale in (None, each.locale)]
    if not dropped:
        raise GatepostError(
            "not_found", f"Nothing is said of the scope {scope} here.", fix="gatepost scope list --org ORG"
        )
    for each in dropped:
        await instance.store.ask(set_scope_text(org, scope, each.locale, "", act))
    return dropped
