"""`/dev/outbox`: the mails of a development server, for whoever sits at it. No other server has the page."""

import ipaddress
from urllib.parse import urlsplit

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.mail import Box
from gatepost.ui.visit import Visits, show
from gatepost.web.message import Reply, Request


class DevOutbox:
    """The handler of the page."""

    def __init__(self, instance: Instance, visits: Visits, box: Box) -> None:
        self._host = urlsplit(instance.issuer).netloc.encode()
        self._visits = visits
        self._box = box

    async def page(self, request: Request) -> Reply:
        """The mails, newest first. Raises `not_found` for everybody who is not on this machine, or came by another name."""
        # The name is compared because a page elsewhere can have its own name lead here.
        if not ipaddress.ip_address(request.peer).is_loopback or request.headers.get(b"host") != self._host:
            raise GatepostError("not_found", "There is nothing at this path.")
        return show(await self._visits.read(request), "dev_outbox.html", mails=list(self._box.mails))
