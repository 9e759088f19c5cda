"""What scopes mean in plain words: an organization's own for its scopes, by language. Pages have some for the standard ones."""

from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.store.scope_texts import find_scope_texts


class Permission(NamedTuple):
    """A scope, and its text in plain words by locale; without any, pages have words of their own for the standard ones."""

    name: str
    texts: dict[str, str]


async def describe_scopes(instance: Instance, org: bytes, scope: str) -> list[Permission]:
    """The scopes of a value, in their order, in the words of the organization whose app asks for them."""
    texts = await instance.store.read(find_scope_texts(org))
    return [Permission(name, texts.get(name, {})) for name in scope.split()]
