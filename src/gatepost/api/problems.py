"""How the API refuses: problem details. RFC 9457."""

from http import HTTPStatus

import msgspec

from gatepost.api.documents import Problem
from gatepost.api.endpoints import PREFIX
from gatepost.errors import GatepostError
from gatepost.web.message import JSON, Header, Reply, Request

DOCS = f"{PREFIX}/docs"

PROBLEM = tuple((name, b"application/problem+json" if name == b"content-type" else value) for name, value in JSON)


FIXES = {
    "conflict": "Look at its state, then ask for what is possible in it.",
    "insufficient_scope": "Use an API key with the scope, or a person's own token with the scope gatepost.",
    "invalid_token": "Send Authorization: Bearer with an API key of the organization, or a person's own access token.",
    "key_reused": "Make a new Idempotency-Key for each thing that is to be done.",
    "method_not_allowed": "Use a method that the header Allow names.",
    "not_allowed": f"Ask an owner or admin for it; GET {PREFIX}/roles says who may do what.",
    "not_found": f"Look at the list of such things, or at GET {PREFIX}/openapi.json for the paths.",
    "overtaken": "Read it again, then change it.",
    "payload_too_large": "Send less.",
    "precondition_failed": "Read it again, and send the ETag of what you then see.",
    "server_error": "Try again; if it stays, give the operator event_id.",
    "temporarily_unavailable": "Try again after the seconds in the header Retry-After.",
    "too_many_requests": "Try again after the seconds in the header Retry-After.",
    "unsupported_media_type": "Send JSON as it is, with Content-Type: application/json.",
}
"""How to mend a refusal that does not say it itself, or says it in a command."""

OTHERWISE = f"Change what detail names; GET {PREFIX}/openapi.json has the shape that is asked for."


def in_problems(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
    """A refusal as problem details; what else is known of it are further members."""
    problem = Problem(
        type=f"{DOCS}#{error.code}",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.description,
        fix=_fix(error),
        code=error.code,
        event_id=event_id,
    )
    content = {**error.extra, **msgspec.to_builtins(problem)}
    return Reply(error.status, PROBLEM, msgspec.json.encode(content), headers)


def _fix(error: GatepostError) -> str:
    if not error.fix or error.fix.startswith("gatepost "):
        return FIXES.get(error.code, OTHERWISE)
    return f"{error.fix[0].upper()}{error.fix[1:]}."
