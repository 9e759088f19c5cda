"""Refusals as pages: what went wrong in plain words, and the number that finds it in the log."""

from collections.abc import Callable
from urllib.parse import urlsplit

from gatepost.errors import GatepostError
from gatepost.light import replace
from gatepost.ui.faults import PageError
from gatepost.ui.rendering import render_page
from gatepost.ui.visit import LANGUAGE, locale_of, show
from gatepost.web.app import Write
from gatepost.web.cookies import Cookie
from gatepost.web.message import Header, Reply, Request


def in_pages(issuer: str, clock: Callable[[], int]) -> Write:
    """Refusals as pages of this server. Nothing of the request is repeated on them."""
    base = urlsplit(issuer).path.rstrip("/")
    language = Cookie(LANGUAGE, issuer)

    def write(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
        if isinstance(error, PageError):
            page = show(error.visit, error.template, error.status, event_id=event_id, **error.view)
            return replace(page, extra=(*page.extra, *headers))
        wait = error.extra.get("retry_after", 0)
        return render_page(
            "error.html",
            locale_of(request, language),
            error.status,
            headers,
            base=base,
            languages=(),
            code=error.code,
            message=error.description,
            again_at=clock() + (wait if isinstance(wait, int) else 0),
            event_id=event_id,
        )

    return write


def by_reader(pages: Write, programs: Write) -> Write:
    """Refusals as pages to people, and in other words to programs."""

    def write(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
        return (pages if request.wants_page else programs)(request, error, event_id, headers)

    return write
