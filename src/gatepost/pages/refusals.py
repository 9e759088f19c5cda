"""The one error page: what went wrong in plain words, and the number that finds it in the log."""

from collections.abc import Callable
from urllib.parse import urlsplit

from gatepost.errors import GatepostError
from gatepost.pages.rendering import choose_locale, render_page
from gatepost.web.message import Header, Reply, Request

Write = Callable[[Request, GatepostError, str, tuple[Header, ...]], Reply]


def in_pages(issuer: str) -> Write:
    """Refusals as pages of this server. Nothing of the request is repeated on them."""
    base = urlsplit(issuer).path.rstrip("/")

    def write(request: Request, error: GatepostError, event_id: str, headers: tuple[Header, ...]) -> Reply:
        locale = choose_locale("", request.headers.get(b"accept-language", b"").decode("latin-1"))
        view = {"base": base, "message": error.description, "event_id": event_id}
        return render_page("error.html", locale, error.status, headers, **view)

    return write
