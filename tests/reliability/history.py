"""What clients did and were answered, and whether a server still knows all of it."""

import http.client
import random
from dataclasses import dataclass, field

from servers import Client, Server

REVOKED = 401
SAMPLE = 8
"""How many of the older things are looked at again after each crash; at the end it is all of them."""


@dataclass
class History:
    """Everything one client was answered: what it asked last and was not answered may have happened or not."""

    chance: random.Random
    live: list[str] = field(default_factory=list)
    """The last refresh token that was acknowledged, of each grant that lives."""

    revoked: list[str] = field(default_factory=list)
    """A refresh token of each grant that was revoked and acknowledged to be."""

    saved: list[dict[str, str]] = field(default_factory=list)
    """The clients that were acknowledged to be saved."""

    settled: tuple[int, int, int] = (0, 0, 0)
    """How many of each were there at the last check."""

    def run(self, server: Server) -> None:
        """Verify, refresh, revoke and save, in a random order, until the server is gone."""
        try:
            with server.caller() as caller:
                while True:
                    act = self.chance.choices((self.verify, self.refresh, self.revoke, self.save), (4, 6, 2, 2))[0]
                    act(server, caller)
        except (OSError, http.client.HTTPException):
            return

    def verify(self, server: Server, caller: Client) -> None:
        answer = caller.post("/verify", server.pair)
        assert answer.status == 200, answer
        self.live.append(answer.json()["refresh_token"])

    def refresh(self, _: Server, caller: Client) -> None:
        if self.live:
            place = self.chance.randrange(len(self.live))
            answer = caller.post("/refresh", {"refresh_token": self.live[place]})
            assert answer.status == 200, answer
            self.live[place] = answer.json()["refresh_token"]

    def revoke(self, _: Server, caller: Client) -> None:
        if self.live:
            # Until it is answered it is neither: the crash may come before or after it.
            token = self.live.pop(self.chance.randrange(len(self.live)))
            answer = caller.post_form("/revoke", token=token)
            assert answer.status == 200, answer
            self.revoked.append(token)

    def save(self, _: Server, caller: Client) -> None:
        pair = {"client_id": f"shop-{self.chance.getrandbits(64):x}", "redirection_url": "https://shop.example/"}
        answer = caller.post("/", pair)
        assert answer.status == 201, answer
        self.saved.append(pair)

    def check(self, server: Server, *, whole: bool = False) -> None:
        """Everything of late holds, and some of what is older; or all of it."""
        with server.caller() as caller:
            for place in self._places(len(self.live), 0 if whole else self.settled[0]):
                answer = caller.post("/refresh", {"refresh_token": self.live[place]})
                assert answer.status == 200, "an acknowledged refresh token is good, or its successor"
                self.live[place] = answer.json()["refresh_token"]
            for place in self._places(len(self.revoked), 0 if whole else self.settled[1]):
                answer = caller.post("/refresh", {"refresh_token": self.revoked[place]})
                assert answer.status == REVOKED, "an acknowledged revocation holds"
            for place in self._places(len(self.saved), 0 if whole else self.settled[2]):
                answer = caller.post("/", self.saved[place])
                assert (answer.status, answer.json()["result"]["is_new"]) == (200, False), "a saved client is there"
        self.settled = (len(self.live), len(self.revoked), len(self.saved))

    def _places(self, count: int, settled: int) -> list[int]:
        settled = min(count, settled)
        older = self.chance.sample(range(settled), min(settled, SAMPLE))
        return [*older, *range(settled, count)]
