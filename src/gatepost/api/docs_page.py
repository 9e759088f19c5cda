"""`/api/v1/docs`: the document about the API as a page for people, made from the same document."""

from typing import Any, NamedTuple

from gatepost.errors import CATALOGUE
from gatepost.ui.rendering import render_page
from gatepost.web.message import Reply

NULL = {"type": "null"}


class Member(NamedTuple):
    """What may be asked, and where it is sent."""

    name: str
    where: str
    kind: str
    required: bool
    note: str


class Operation(NamedTuple):
    """One endpoint as people read it."""

    id: str
    method: str
    path: str
    summary: str
    scope: str | None
    roles: str
    command: str
    members: list[Member]
    answer: str


class Refusal(NamedTuple):
    """A code of the catalogue."""

    code: str
    status: int
    meaning: str


def render_docs(document: dict[str, Any], locale: str, base: str, url: str) -> Reply:
    """The page, with the words around the document in this language; `url` is where the document is."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                groups.setdefault(operation["tags"][0], []).append(_operation(document, path, method, operation))
    refusals = [Refusal(name, code.status, code.meaning) for name, code in CATALOGUE.items()]
    return render_page("api_docs.html", locale, base=base, languages=(), url=url, groups=groups, refusals=refusals)


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        scope=operation.get("x-gatepost-scope"),
        roles=", ".join(
            [
                *operation.get("x-gatepost-roles", ()),
                *(f"{role} (of their own apps)" for role in operation.get("x-gatepost-own-roles", ())),
            ]
        ),
        command=operation.get("x-gatepost-command", ""),
        members=_members(document, operation),
        answer=_kind(_schema_of(good)),
    )


def _members(document: dict[str, Any], operation: dict[str, Any]) -> list[Member]:
    sent = [
        Member(each["name"], each["in"], _kind(each["schema"]), each["required"], each.get("description", ""))
        for each in operation.get("parameters", ())
    ]
    shape = _schema_of(operation.get("requestBody", {})).get("$ref", "").rpartition("/")[2]
    body = document["components"]["schemas"].get(shape, {})
    return sent + [
        Member(name, "body", _kind(each), name in body.get("required", ()), each.get("description", ""))
        for name, each in body.get("properties", {}).items()
    ]


def _schema_of(part: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _kind(schema: dict[str, Any]) -> str:
    """A shape in a few words, as in `string`, `list of string`, `web | spa`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].replace("_", " ").strip()
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each != NULL)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("format") or schema.get("type", ""))
