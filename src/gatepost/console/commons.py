"""What is at hand everywhere in the console: the search, the help, the page that shows a secret once."""

from urllib.parse import quote, urlencode

from gatepost.console.desk import Desk
from gatepost.console.lists import attachment
from gatepost.console.slips import Slips
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.secrets import Secret
from gatepost.store.apps import find_app
from gatepost.web.message import EMPTY, Reply

_BY_PREFIX = {"evt": "/events/", "usr": "/people/", "gnt": "/connections/", "req": "/requests/"}
"""Where the thing is that an id names."""


class Commons:
    """The handlers of those pages."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def search(self, desk: Desk) -> Reply:
        """To what was looked for, if its id says where that is; else to the list that may have it."""
        text = desk.query.get("q", "").strip()
        prefix = text.partition("_")[0]
        if prefix in _BY_PREFIX and text.replace("_", "").isalnum() and text.isascii():
            return desk.see(_BY_PREFIX[prefix] + text)
        if await self._instance.store.read(find_app(desk.org.id, text)) is not None:
            return desk.see("/apps/" + quote(text, safe=""))
        if "@" in text:
            return desk.see("/people?" + urlencode({"email": text}))
        return desk.see("/apps?" + urlencode({"name": text}) if text else "/apps")

    async def help(self, desk: Desk) -> Reply:
        """Keyboard shortcuts, and where to read on."""
        return desk.show("help.html", section="help", cli="")

    async def secret(self, desk: Desk) -> Reply:
        """A secret that was just made. Loaded again, the page no longer has it."""
        desk, slip = self._slips.take(desk)
        if slip is None:
            return desk.show("secret_over.html", 410, section="", cli="")
        sealed = self._slips.seal(desk, slip).reveal()
        return desk.show("secret.html", section="", cli="", slip=slip, sealed=sealed)

    async def download(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """The secret as a file, for the page that shows it."""
        slip = self._slips.open(desk, fields.get("slip", ""))
        if slip is None:
            raise GatepostError("page_expired", "This secret was shown too long ago. Make a new one.")
        body = Secret("".join(f"{name}={value}\n" for name, value in slip.env.items()))
        headers = ((b"content-type", b"text/plain; charset=utf-8"), attachment("gatepost.env"))
        return Reply(200, EMPTY, body.reveal().encode(), headers)
