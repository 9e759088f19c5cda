"""How the API refuses: problem details. RFC 9457."""

from http import HTTPStatus

import msgspec

from gatepost.api.documents import Problem
from gatepost.api.endpoints import PREFIX
from gatepost.errors import GatepostError
from gatepost.web.message import JSON, Header, Reply, Request

DOCS = f"{PREFIX}/docs"

PROBLEM = tuple((name, b"application/problem+json" if name == b"content-type" else value) for name, value in JSON)


def in_problems(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
    """A refusal as problem details; what else is known of it are further members."""
    problem = Problem(
        type=f"{DOCS}#{error.code}",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=f"{error.description} To mend it: {error.fix}." if error.fix else error.description,
        code=error.code,
        event_id=event_id,
    )
    content = {**error.extra, **msgspec.to_builtins(problem)}
    return Reply(error.status, PROBLEM, msgspec.json.encode(content), headers)
