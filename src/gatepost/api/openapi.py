"""The document about the API, written from the table of endpoints and the shapes of asks and answers. OpenAPI 3.1."""

import re
from functools import cache
from typing import Any

import msgspec

from gatepost import __version__
from gatepost.api.documents import Problem
from gatepost.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from gatepost.errors import CATALOGUE
from gatepost.flows.roles import MATRIX

REFUSALS = (400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 503)
EARLY = (431,)

_NAME = re.compile(r"\{([a-z_]+)\}")
_PLACE = "#/components/schemas/{name}"


@cache
def render_openapi(issuer: str) -> dict[str, Any]:
    """The whole document, made when somebody asks for it. Not to be changed."""
    endpoints = [each for methods in ENDPOINTS.values() for each in methods.values()]
    shapes = [*(each.ask for each in endpoints), *(each.answer for each in endpoints), Problem]
    _, components = msgspec.json.schema_components([each for each in shapes if each], ref_template=_PLACE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gatepost",
            "version": __version__,
            "description": "The admin API of an organization: everything that its console does.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": issuer.rstrip("/") + PREFIX}],
        "security": [{"bearer": []}],
        "paths": {path: _path(path, methods) for path, methods in ENDPOINTS.items()},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of the organization, or a person's own access token with the scope gatepost.",
                }
            },
            "responses": {"Problem": _problem(), "Early": _early()},
        },
    }


def _path(path: str, methods: dict[str, Endpoint]) -> dict[str, Any]:
    named = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,200}$"},
        }
        for name in _NAME.findall(path)
    ]
    operations = {method.lower(): _operation(path, method, each) for method, each in methods.items()}
    return {**({"parameters": named} if named else {}), **operations}


def _operation(path: str, method: str, endpoint: Endpoint) -> dict[str, Any]:
    words = re.sub(r"[^a-z]+", "_", path).strip("_")
    found: dict[str, Any] = {
        "operationId": f"{method.lower()}_{words}",
        "summary": (endpoint.run.__doc__ or "").strip().rstrip("."),
        "tags": [path.split("/")[1]],
        "responses": {str(204 if endpoint.answer is None else endpoint.status): _answer(endpoint)}
        | {str(status): {"$ref": "#/components/responses/Problem"} for status in REFUSALS}
        | {str(status): {"$ref": "#/components/responses/Early"} for status in EARLY},
    }
    if endpoint.deed:
        rule = MATRIX[endpoint.deed]
        found["x-gatepost-scope"] = next(iter(rule.scopes), None)
        found["x-gatepost-roles"] = sorted(rule.roles)
        found["x-gatepost-own-roles"] = sorted(rule.own)
    if endpoint.command:
        found["x-gatepost-command"] = f"gatepost {endpoint.command}"
    parameters = _parameters(method, endpoint)
    if parameters:
        found["parameters"] = parameters
    if endpoint.ask and method not in ("GET", "DELETE"):
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(endpoint.ask)}}}
    return found


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.answer is None:
        return {"description": "It is done."}
    answer: dict[str, Any] = {
        "description": "It is done." if endpoint.status == 201 else "What was asked for.",
        "content": {"application/json": {"schema": _ref(endpoint.answer)}},
    }
    if endpoint.tagged:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return answer


def _parameters(method: str, endpoint: Endpoint) -> list[dict[str, Any]]:
    found = [_member(*each) for each in _members(endpoint)] if method in ("GET", "DELETE") else []
    if method == "POST":
        found.append(_header("Idempotency-Key", "The same key again answers the same, and does nothing twice."))
    if endpoint.edits:
        found.append(_header("If-Match", "The ETag of what you have seen; if it has changed since, nothing is done."))
    return found


def _members(endpoint: Endpoint) -> list[tuple[str, dict[str, Any], bool]]:
    """The members of the ask, each with its schema and whether it must be there."""
    if endpoint.ask is None:
        return []
    (_,), components = msgspec.json.schema_components([endpoint.ask], ref_template=_PLACE)
    shape = components[endpoint.ask.__name__]
    return [(name, schema, name in shape.get("required", ())) for name, schema in shape["properties"].items()]


def _member(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """A member as a parameter. A query has no null: what may be null is left out."""
    shapes = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    plain = {key: value for key, value in schema.items() if key not in ("anyOf", "default")} | (shapes or [{}])[0]
    return {"name": name, "in": "query", "required": required, "schema": plain}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _problem() -> dict[str, Any]:
    codes = {name: code.meaning for name, code in CATALOGUE.items()}
    return {
        "description": "A refusal, as problem details (RFC 9457).",
        "content": {"application/problem+json": {"schema": _ref(Problem)}},
        "x-gatepost-codes": codes,
    }


def _early() -> dict[str, Any]:
    """Where a head is too large no endpoint answers but the server before it."""
    return {
        "description": "What asks for it is too long.",
        "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}},
    }


def _ref(shape: Any) -> dict[str, Any]:
    (ref,), _ = msgspec.json.schema_components([shape], ref_template=_PLACE)
    return dict(ref)
