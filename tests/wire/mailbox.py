"""The mails of a world that keeps them in a box, and the links in them."""

import re

from gatepost.flows.deliveries import DELIVERIES
from gatepost.flows.outbox import Outbox
from gatepost.mail import Box, Mail
from gatepost.pages.mails import Postman

from .world import ISSUER, World

BOXED = {"mail.url": "box:"}
"""The setting of such a world."""


async def mails(world: World) -> list[tuple[str, Mail]]:
    """Every mail that was sent so far, oldest first, once all that is due has been sent."""
    while await Outbox(world.instance, DELIVERIES).send_due():
        pass
    assert isinstance(world.instance.mailer, Postman)
    assert isinstance(world.instance.mailer.transport, Box)
    return list(reversed(world.instance.mailer.transport.mails))


async def link_for(world: World, email: str) -> str:
    """The link of the newest mail to an address, below the issuer."""
    text = [mail.text for to, mail in await mails(world) if to == email][-1]
    (url,) = re.findall(rf"^{re.escape(ISSUER)}(\S+)$", text, re.MULTILINE)
    return str(url)
