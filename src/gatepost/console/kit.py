"""`/console/{org}/kit`, on a development server: every component in each of its states, to be looked at and judged."""

from gatepost.console.desk import Desk
from gatepost.console.lists import Ask, Listing
from gatepost.errors import GatepostError
from gatepost.web.message import Reply


async def kit_page(desk: Desk) -> Reply:
    """The kit."""
    wrong = GatepostError("invalid_request", "A redirect address has a fragment.", field="wrong")
    middle: Listing[str] = Listing(Ask({}, "x"), ["a"], "?", "?after=x", "", False)
    cut: Listing[str] = Listing(Ask({}, ""), [], "?", "?after=y", "", True)
    return desk.show("kit_page.html", section="kit", cli=desk.cli("app", "list"), wrong=wrong, middle=middle, cut=cut)
