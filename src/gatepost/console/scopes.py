"""Scopes in plain words, by language, with a preview of what people will read; and the APIs that tokens are for."""

from typing import NamedTuple

from gatepost.console.desk import Desk, command
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.resources import create_resource, drop_resource, registered_resources
from gatepost.flows.roles import Deed
from gatepost.flows.scopes import Permission, ScopeText, describe_scope, drop_scope_texts, list_scope_texts
from gatepost.records import Resource
from gatepost.ui.rendering import LOCALES
from gatepost.web.message import Reply

_FIELDS = {"invalid_target": "uri", "conflict": "uri", "invalid_scope": "scopes", "not_found": "served_by"}
"""The field of the form for an API that a refusal is about."""


class Row(NamedTuple):
    """A scope: its texts by locale, and the resources that have it."""

    permission: Permission
    resources: list[str]


class Scopes:
    """The handlers of scopes and resources."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        return await self._show(desk)

    async def one(self, desk: Desk) -> Reply:
        """One scope in every language, as people will read it."""
        return await self._show_one(desk, desk.query.get("name", ""), {})

    async def describe(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Keep the words, or show what people would read."""
        scope = fields.get("name", "")
        if "preview" in fields:
            return await self._show_one(desk, scope, fields)
        try:
            await self._keep(desk, scope, fields)
        except GatepostError as error:
            if error.status != 400:
                raise
            return await self._show_one(desk, scope, fields, error)
        return desk.see("/scopes")

    async def _keep(self, desk: Desk, scope: str, fields: dict[str, str]) -> None:
        known = {(each.scope, each.locale): each.text for each in await self._texts(desk)}
        for locale in LOCALES:
            text = fields.get(f"text_{locale}", "").strip()
            if text and text != known.get((scope, locale)):
                await describe_scope(self._instance, desk.org.id, ScopeText(scope, locale, text), desk.actor)
            elif not text and (scope, locale) in known:
                await drop_scope_texts(self._instance, desk.org.id, scope, locale, desk.actor)

    async def add_resource(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """One more API."""
        uri, scopes, server = (fields.get(name, "").strip() for name in ("uri", "scopes", "served_by"))
        try:
            await create_resource(self._instance, desk.org.id, uri, scopes, server or None, desk.actor)
        except GatepostError as error:
            if error.code not in _FIELDS:
                raise
            named = GatepostError(error.code, error.description, field=_FIELDS[error.code])
            return await self._show(desk, fields, named)
        return desk.see("/scopes")

    async def ask_drop(self, desk: Desk) -> Reply:
        """Is an API to go?"""
        uri = desk.query.get("uri", "")
        cli = desk.cli("resource", "delete", uri)
        return desk.show("resource_delete.html", section="scopes", cli=cli, uri=uri)

    async def drop_resource(self, desk: Desk, fields: dict[str, str]) -> Reply:
        await drop_resource(self._instance, desk.org.id, fields.get("uri", ""), desk.actor)
        return desk.see("/scopes")

    async def _texts(self, desk: Desk) -> list[ScopeText]:
        return await list_scope_texts(self._instance, desk.org.id, desk.actor)

    async def _show(
        self, desk: Desk, fields: dict[str, str] | None = None, error: GatepostError | None = None
    ) -> Reply:
        resources = await registered_resources(self._instance, desk.org.id, desk.actor)
        return desk.show(
            "scopes.html",
            error.status if error else 200,
            section="scopes",
            cli=desk.cli("scope", "list"),
            rows=_rows(await self._texts(desk), resources),
            resources=resources,
            may_write=desk.actor.may(Deed.RESOURCES_WRITE),
            locales=LOCALES,
            fields=fields or {},
            error=error,
        )

    async def _show_one(
        self, desk: Desk, scope: str, fields: dict[str, str], error: GatepostError | None = None
    ) -> Reply:
        known = {f"text_{each.locale}": each.text for each in await self._texts(desk) if each.scope == scope}
        texts = fields or known
        words = {locale: texts[f"text_{locale}"] for locale in LOCALES if texts.get(f"text_{locale}")}
        return desk.show(
            "scope.html",
            400 if error else 200,
            section="scopes",
            cli=command("scope", "describe", scope or "agents:read", "See your agents", "--org", desk.org.name),
            name=scope,
            texts=texts,
            permission=Permission(scope, words),
            locales=LOCALES,
            may_write=desk.actor.may(Deed.RESOURCES_WRITE),
            error=error,
        )


def _rows(texts: list[ScopeText], resources: list[Resource]) -> list[Row]:
    names = [scope for resource in resources for scope in resource.scopes.split()] + [each.scope for each in texts]
    return [
        Row(
            Permission(name, {each.locale: each.text for each in texts if each.scope == name}),
            [resource.uri for resource in resources if name in resource.scopes.split()],
        )
        for name in dict.fromkeys(names)
    ]
