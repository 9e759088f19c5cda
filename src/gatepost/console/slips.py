"""What is shown once: a secret on its way from the form that made it to the page that shows it.

It travels in a cookie, sealed, for ten minutes and for one session; the page that shows it takes the cookie away. Nothing of
it is kept here, and it is never in a URL.
"""

from typing import NamedTuple

import orjson

from gatepost.console.desk import Desk
from gatepost.flows.instance import Instance
from gatepost.secrets import SLIP, Secret
from gatepost.web.cookies import Cookie, parse_cookies

SECONDS = 600


class Slip(NamedTuple):
    """What was made, whose it is, where to go on, and its secret as lines of an .env file, by their names."""

    kind: str
    name: str
    onward: str
    secret: str
    env: dict[str, str]

    def __repr__(self) -> str:
        return "Slip(***)"


class Slips:
    """Hands slips on, and takes them in."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._cookie = Cookie("slip", instance.issuer)

    def hand_on(self, desk: Desk, slip: Slip) -> Desk:
        """The desk with a slip for the page that is seen next."""
        return self._with_cookie(desk, self.seal(desk, slip).reveal())

    def take(self, desk: Desk) -> tuple[Desk, Slip | None]:
        """The slip that was handed on, and the desk without it: it is there once."""
        text = self._cookie.read(parse_cookies(desk.visit.request.headers.get(b"cookie", b"")))
        return self._with_cookie(desk, "") if text else desk, self.open(desk, text)

    def seal(self, desk: Desk, slip: Slip) -> Secret:
        """The slip as a text that only this session can open again."""
        until = self._instance.clock() + SECONDS
        plain = orjson.dumps([desk.session.id.hex(), until, *slip])
        return Secret(self._instance.keyring.seal_text(SLIP, plain))

    def open(self, desk: Desk, text: str) -> Slip | None:
        """What `seal` sealed; None for any other text, another session, and when it is too late."""
        plain = self._instance.keyring.unseal_text(SLIP, text)
        session, until, *slip = orjson.loads(plain) if plain else ("", 0)
        is_good = session == desk.session.id.hex() and self._instance.clock() < until
        return Slip(*slip) if is_good else None

    def _with_cookie(self, desk: Desk, text: str) -> Desk:
        cookie = self._cookie.write(text, SECONDS)
        return desk._replace(visit=desk.visit._replace(cookies=(*desk.visit.cookies, cookie)))
