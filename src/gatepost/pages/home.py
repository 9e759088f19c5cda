"""`/`, and wherever nothing is: a page for people, in their language; JSON for programs."""

from urllib.parse import urlsplit

from gatepost.errors import OAuthError
from gatepost.ui.rendering import render_page
from gatepost.ui.visit import LANGUAGE, locale_of
from gatepost.web.cookies import Cookie
from gatepost.web.message import EMPTY, Reply, Request, json_reply


class Home:
    """The handlers of pages that nobody needs to be known for: they read no session and set no cookie."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._base = urlsplit(issuer).path.rstrip("/")
        self._language = Cookie(LANGUAGE, issuer)

    async def landing(self, request: Request) -> Reply:
        """What this server is; for people, the way to the console."""
        if request.wants_page:
            return Reply(303, EMPTY, b"", ((b"location", f"{self._base}/console".encode()),))
        metadata = self._issuer.rstrip("/") + "/.well-known/oauth-authorization-server"
        return json_reply({"name": "Gatepost", "issuer": self._issuer, "metadata": metadata})

    async def missing(self, request: Request) -> Reply:
        """Whatever has no route."""
        if request.wants_page:
            locale = locale_of(request, self._language)
            return render_page("missing.html", locale, 404, base=self._base, languages=(), issuer=self._issuer)
        raise OAuthError("not_found", "There is nothing at this path.")
