"""`/`, and wherever nothing is: a page for people, in their language; JSON for programs."""

from urllib.parse import urlsplit

from gatepost.errors import GatepostError, OAuthError
from gatepost.web.message import EMPTY, Reply, Request, json_reply


class Home:
    """The handlers of pages that nobody needs to be known for: they read no session and set no cookie."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._base = urlsplit(issuer).path.rstrip("/")

    async def landing(self, request: Request) -> Reply:
        """What this server is; for people, the way to the console."""
        if request.wants_page:
            return Reply(303, EMPTY, b"", ((b"location", f"{self._base}/console".encode()),))
        metadata = self._issuer.rstrip("/") + "/.well-known/oauth-authorization-server"
        return json_reply({"name": "Gatepost", "issuer": self._issuer, "metadata": metadata})


async def missing(request: Request) -> Reply:
    """Whatever has no route."""
    if request.wants_page:
        raise GatepostError(
            "not_found", "There is no page at this address. A link may be old, or a letter may be missing."
        )
    raise OAuthError("not_found", "There is nothing at this path.")
