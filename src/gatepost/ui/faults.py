"""Refusals with a page of their own. Like all refusals they get an event id, which the page, the log and the header share."""

from typing import Any
from urllib.parse import urlsplit

from gatepost.errors import GatepostError
from gatepost.flows.misdirected import Misdirected
from gatepost.ui.visit import Visit


class PageError(GatepostError):
    """A refusal in answer to a visit, with its template and what that shows."""

    def __init__(
        self,
        code: str,
        description: str,
        visit: Visit,
        template: str,
        *,
        status: int = 0,
        detail: str = "",
        org: bytes = b"",
        **view: Any,
    ) -> None:
        super().__init__(code, description, status=status, detail=detail, org=org)
        self.visit = visit
        self.template = template
        self.view = view


def page_over(visit: Visit, start: str = "") -> PageError:
    """The refusal of a page that was answered before, is too old, or belongs to another browser.

    `start` is where to begin again, if we know: at an app, or on a page of ours.
    """
    return PageError(
        "page_expired",
        "This page was used, is too old, or is another browser's.",
        visit,
        "page_over.html",
        start=start,
        host=urlsplit(start).hostname,
    )


def link_over(visit: Visit) -> PageError:
    """The refusal of a link that was used before, is too old, or is none of ours."""
    return PageError("link_expired", "This link was used, is too old, or is none of ours.", visit, "link_over.html")


def misdirected(visit: Visit, error: GatepostError, app: Misdirected) -> PageError:
    """The refusal of a request that nobody may answer: its app is unknown, or its redirect URI is not that app's."""
    return PageError(
        error.code,
        error.description,
        visit,
        "misdirected.html",
        status=400,
        detail=app.detail,
        org=app.org,
        app=app.name,
        difference=app.difference,
    )


def undocumented(visit: Visit, error: GatepostError) -> PageError:
    """The refusal of an app whose client_id is a URL at which there is no document that we accept."""
    return PageError(
        error.code,
        error.description,
        visit,
        "undocumented.html",
        status=400,
        detail=error.detail or error.description,
        reason=error.description,
    )
