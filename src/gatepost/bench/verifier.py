"""A verifier in a process of its own: it is told tokens line by line, and says when it refuses each.

It speaks to `bench.revocations`. The first line says where the issuer is; the answer to it, what following the feed costs.
"""

import json
import os
import sys
import time

from gatepost.bench.machine import resident_mb
from gatepost_sdk import TokenError, Verifier
from gatepost_sdk.fetch import Answer, Ask, fetch

LOOK_SECONDS = 0.0005


def main() -> None:
    """Answer each line of standard input with one or two lines."""
    said = json.loads(sys.stdin.readline())

    def ask(asked: Ask) -> Answer:
        # The issuer was named before its port was known.
        return fetch(asked._replace(url=asked.url.replace(said["issuer"], said["place"], 1)))

    verifier = Verifier(said["issuer"], audience=said["issuer"], revocation="30s", fetch=ask)
    before, started = resident_mb(os.getpid()), time.monotonic()
    verifier.verify(said["token"])
    seconds, after = time.monotonic() - started, resident_mb(os.getpid())
    grown = None if before is None or after is None else after - before
    _say({"seconds": seconds, "grown_mb": grown})
    for line in sys.stdin:
        token = json.loads(line)
        verifier.verify(token)
        _say("accepted")
        _say(_refused_at(verifier, token))


def _refused_at(verifier: Verifier, token: str) -> float:
    """The instant, on the machine's own clock, at which the verifier refuses the token."""
    while True:
        try:
            verifier.verify(token)
        except TokenError as error:
            if error.code != "revoked":
                raise
            return time.monotonic()
        time.sleep(LOOK_SECONDS)


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
