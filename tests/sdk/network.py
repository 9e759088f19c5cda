"""An issuer's documents as a network serves them: counted, slow, gone, or other than before; and a clock to move."""

import json
import threading
from collections import Counter
from typing import Any

from gatepost_sdk.fetch import Answer, Ask
from gatepost_sdk.testing import Issuer

METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/jwks.json"


class Network:
    """What stands between a verifier and an issuer. `asked` counts the requests for each path."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, str] = {"cache-control": "public, max-age=300"}
        self.changes: dict[str, dict[str, Any]] = {}
        self.down = False
        self.open = threading.Event()
        self.open.set()

    def __call__(self, ask: Ask) -> Answer:
        path = ask.url.removeprefix(self.issuer.issuer)
        self.asked[path] += 1
        assert self.open.wait(10)
        if self.down:
            raise OSError("no route to host")
        if self.headers.get("etag", "-") == ask.headers.get("if-none-match"):
            return Answer(304, self.headers, b"")
        answer = self.issuer.fetch(ask)
        changed = json.loads(answer.body) | self.changes.get(path, {})
        return Answer(answer.status, self.headers, json.dumps(changed).encode())


class Clock:
    """The verifier's clock, which starts at the true time and stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
