"""The canary: every secret that a test sees, and where none of them may ever be seen again.

A secret is watched from the moment it is minted or sent. It may stand in the one answer that hands it out, and nowhere
else: not in another answer, not in the log, not in any byte of the database.
"""

import base64
import contextlib
import logging
from pathlib import Path
from urllib.parse import quote

import httpx
import orjson

from gatepost.log import JsonFormatter

HANDED_OUT = ("access_token", "refresh_token", "client_secret", "registration_access_token")
"""The members of an answer that hand a secret out."""

SENT = ("client_secret", "refresh_token", "token", "password")
"""The members of a request that carry one."""

_SHORTEST = 16
_TAIL = 24


class Canary(logging.Handler):
    """Watches secrets, as the log's own handler and as the reader of every answer."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self._secrets: set[str] = set()
        self._lines: list[str] = []
        self._records: list[str] = []
        self._faults: list[str] = []

    def lines(self) -> list[str]:
        """The log, as the server writes it."""
        return list(self._lines)

    def entries(self) -> list[dict[str, object]]:
        """The log, read."""
        return [orjson.loads(line) for line in self._lines]

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("http"):
            return  # The client's own log, not the server's.
        self._lines.append(self.format(record))
        self._records.append(repr({**vars(record), "exc_info": None, "exc_text": None}))
        if record.levelno >= logging.ERROR and record.exc_info:
            self._faults.append(self._lines[-1])

    def take_faults(self) -> list[str]:
        """The faults of ours that were logged since the last time. Those that no test takes fail it at its end."""
        taken, self._faults = self._faults, []
        return taken

    def is_watching(self, secret: str) -> bool:
        return secret in self._secrets

    def watch(self, secret: str) -> str:
        """Watch a secret, in the forms it may travel in. A short one would be found by chance and is not watched."""
        if len(secret) >= _SHORTEST:
            self._secrets |= {secret, secret[-_TAIL:], quote(secret, safe="")}
        return secret

    def watch_sent(self, request: httpx.Request) -> None:
        """Watch what a request carries: its credentials and the tokens in its body."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        self.watch(credentials)
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                self.watch(base64.b64decode(credentials).decode("latin-1").partition(":")[2])
        for name, value in _members(request.content).items():
            if name in SENT and isinstance(value, str):
                self.watch(value)

    def check_answer(self, response: httpx.Response) -> None:
        """Watch what an answer hands out, and look for any other secret in it."""
        members = _members(response.content)
        rest = response.text
        for name in HANDED_OUT:
            if response.status_code in (200, 201) and isinstance(members.get(name), str):
                rest = rest.replace(self.watch(str(members[name])), "")
        self._check("an answer", f"{response.status_code} {response.headers} {rest}".encode())

    def check(self, *files: Path) -> None:
        """Look for every watched secret in the log and in the files, and in the log for faults of ours."""
        assert not self.take_faults()
        self._check("the log", "\n".join(self._lines + self._records).encode())
        for file in filter(Path.exists, files):
            self._check(file.name, file.read_bytes())

    def _check(self, where: str, content: bytes) -> None:
        found = sorted(secret[:8] for secret in self._secrets if secret.encode() in content)
        assert not found, f"secrets that start with {', '.join(found)} stand in {where}"


def _members(body: bytes) -> dict[str, object]:
    """The members of a JSON object, or of a form; nothing of any other body."""
    try:
        content = orjson.loads(body)
    except ValueError:
        return dict(httpx.QueryParams(body.decode("latin-1")).items())
    return content if isinstance(content, dict) else {}
