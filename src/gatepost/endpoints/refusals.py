"""How a refusal is answered, recorded and logged: one event id in body, header, log and event.

A refusal that an authenticated caller caused is an event of its own. Anybody can cause the others without end, and a
caller who asks too often causes the same one again and again; so only a few of those a minute become events, each with
the count of what was left out since the last. What is no event but was shown to a person, who may give us its number,
is logged at most as often. So nobody can fill the disk.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

import orjson

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.flows.counting import REFUSED, Counts
from gatepost.secrets import new_id, render_id
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, Store
from gatepost.web.app import Refuse, Write, request_id_of
from gatepost.web.limits import Buckets
from gatepost.web.message import CLOSE, Header, Reply, Request, json_reply

RECORDED = frozenset(
    {
        "invalid_token",
        "invalid_client",
        "invalid_grant",
        "invalid_dpop_proof",
        "invalid_scope",
        "invalid_target",
        "invalid_user",
        "insufficient_scope",
        "invalid_request_uri",
        "redirect_uri_mismatch",
        "access_denied",
        "page_expired",
        "link_expired",
        "not_allowed",
        "too_many_requests",
        "conflict",
    }
)
"""Refusals that tell of security; the others are mistakes of shape."""

UNWORTHY = frozenset({"too_many_requests"})
"""Refusals that are sampled whoever caused them."""

RETRY_SECONDS = 2
SAMPLED_PER_MINUTE = 10
SHOWN_CHARACTERS = 500
SHOWN_ITEMS = 10

log = logging.getLogger("gatepost.refusals")

Render: TypeAlias = Callable[[GatepostError, str], dict[str, object]]


def render_seed(error: GatepostError, event_id: str) -> dict[str, object]:
    """A refusal in the words of the seed's routes."""
    return {
        "success": False,
        "error": error.code,
        "message": error.description,
        "event_id": event_id,
        **error.extra,
    }


def render_oauth(error: GatepostError, event_id: str) -> dict[str, object]:
    """A refusal in the words of RFC 6749 §5.2."""
    return {"error": error.code, "error_description": error.plain_description, "event_id": event_id, **error.extra}


def in_json(render: Render) -> Write:
    """Refusals as JSON, in these words."""

    def write(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
        return json_reply(render(error, event_id), error.status, headers)

    return write


class Refusals:
    """Answers refusals in a style, and remembers them."""

    def __init__(self, store: Store, counts: Counts, clock: Callable[[], int]) -> None:
        self._store = store
        self._counts = counts
        self._clock = clock
        self._sample = Buckets(SAMPLED_PER_MINUTE / 60, SAMPLED_PER_MINUTE)
        self._left_out: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def style(self, write: Write, always: tuple[Header, ...] = ()) -> Refuse:
        """The function that answers refusals as `write` writes them, and with headers that all of them have."""

        async def refuse(request: Request, error: GatepostError) -> Reply:
            event = error.event or new_id()
            self._count(request, error)
            if not error.event:
                await self._remember(request, error, event)
            event_id = render_id("evt", event)
            headers = [(b"x-event-id", event_id.encode()), *always, *_headers(error)]
            return write(request, error, event_id, tuple(headers))

        return refuse

    def _count(self, request: Request, error: GatepostError) -> None:
        org, actor = (request.caller.org, request.caller.actor) if request.caller else (error.org or INSTANCE, "")
        self._counts.count(org, actor.removeprefix("app:") if actor.startswith("app:") else "", REFUSED, error.code)

    async def _remember(self, request: Request, error: GatepostError, event: bytes) -> None:
        caller = request.caller
        if error.status >= 500:
            _log(logging.ERROR, request, error, event, 0)
        elif caller and error.code in RECORDED and error.code not in UNWORTHY:
            _log(logging.INFO, request, error, event, 0)
            await self._record(caller.org, self._act(request, caller.actor), error, request, event, 0)
        elif error.code in RECORDED or request.wants_page:
            self._remember_sampled(request, error, event)
        else:
            _log(logging.DEBUG, request, error, event, 0)

    def _remember_sampled(self, request: Request, error: GatepostError, event: bytes) -> None:
        if self._sample.take(error.code):
            self._left_out[error.code] += 1
            _log(logging.DEBUG, request, error, event, 0)
            return
        count = self._left_out.pop(error.code, 0)
        _log(logging.INFO, request, error, event, count)
        if error.code not in RECORDED:
            return
        # Nobody waits for this one: its answer must not tell by its time whether it was recorded.
        org, actor = (request.caller.org, request.caller.actor) if request.caller else (error.org, "anonymous")
        recording = self._record(org or INSTANCE, self._act(request, actor), error, request, event, count)
        task = asyncio.create_task(recording)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _act(self, request: Request, actor: str) -> Act:
        return Act(self._clock(), actor, request.address)

    async def _record(
        self, org: bytes, act: Act, error: GatepostError, request: Request, event: bytes, left_out: int
    ) -> None:
        detail = _shown({"path": request.path, "why": error.detail or error.description, **error.extra})
        if left_out:
            detail["left_out_before"] = left_out
        text = orjson.dumps(detail).decode()
        try:
            await self._store.ask(record(org, "request.refused", act, result=error.code, detail=text, id=event))
        except StoreUnavailableError:
            log.warning("A refusal could not be recorded", extra={"event_id": render_id("evt", event)})


def _shown(detail: Mapping[str, str | int | list[str]]) -> dict[str, object]:
    """What is kept of a refusal's words: some of them are the caller's own and as long as they like."""
    shown: dict[str, object] = {}
    for name, value in detail.items():
        match value:
            case str():
                shown[name] = value[:SHOWN_CHARACTERS]
            case list():
                shown[name] = [each[:SHOWN_CHARACTERS] for each in value[:SHOWN_ITEMS]]
            case _:
                shown[name] = value
    return shown


def _headers(error: GatepostError) -> list[Header]:
    headers: list[Header] = [*error.headers]
    if error.scheme:
        headers.append((b"www-authenticate", _challenge(error.scheme)))
    if error.nonce:
        headers.append((b"dpop-nonce", error.nonce.encode()))
    if error.code == "too_many_requests":
        headers.append((b"retry-after", str(error.extra.get("retry_after", 1)).encode()))
    if error.code == "temporarily_unavailable":
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if error.code == "method_not_allowed":
        headers.append((b"allow", str(error.extra["allow"]).encode()))
    if error.code == "payload_too_large":
        headers.append(CLOSE)
    return headers


def _challenge(scheme: str) -> bytes:
    name, _, rest = scheme.partition(" ")
    return f'{name} realm="gatepost"{", " + rest if rest else ""}'.encode()


def _log(level: int, request: Request, error: GatepostError, event: bytes, count: int) -> None:
    log.log(
        level,
        "Refused",
        extra={
            "event_id": render_id("evt", event),
            "request_id": request_id_of(request),
            "code": error.code,
            "detail": error.detail,
            "path": request.path,
            "address": request.address,
            "count": count,
        },
    )
