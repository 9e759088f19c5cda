"""The issuer's endpoints as a client speaks to them. RFC 6749 §2.3.1, §3.2, §5.2, RFC 7009."""

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from gatepost_sdk.errors import GatepostError
from gatepost_sdk.fetch import Ask, Fetch
from gatepost_sdk.jws import parse_object
from gatepost_sdk.keys import IssuerKeys
from gatepost_sdk.secret import basic, read_secret
from gatepost_sdk.stores import Tokens

USUAL_TTL = 300


class Endpoint:
    """One app, at one issuer. A confidential app authenticates by `client_secret_basic`."""

    def __init__(
        self, issuer: str, client_id: str, secret_from: str | None, fetch: Fetch, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.clock = clock
        self._secret_from = secret_from
        self._fetch = fetch
        self._documents = IssuerKeys(issuer, fetch, clock)

    def url(self, name: str) -> str:
        """An endpoint of the issuer's metadata. Raises `unsupported` when it has none."""
        if name not in (metadata := self._documents.metadata()):
            raise GatepostError("unsupported", f"{self.issuer} has no {name}.")
        return str(metadata[name])

    def ask(self, name: str, **fields: str | None) -> dict[str, Any]:
        """Send a form to an endpoint. Raises GatepostError with the issuer's error code, or `unavailable`."""
        form = {key: value for key, value in fields.items() if value}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self._secret_from:
            headers["authorization"] = basic(self.client_id, read_secret(self._secret_from))
        else:
            form["client_id"] = self.client_id
        try:
            answer = self._fetch(Ask(self.url(name), headers, urlencode(form).encode()))
            content = parse_object(answer.body or b"{}")
        except (OSError, ValueError) as fault:
            raise GatepostError("unavailable", f"{self.issuer} gives no answer: {fault}.", "Try again.") from fault
        if answer.status == 200:
            return content
        code = str(content.get("error", "unavailable" if answer.status >= 500 else "invalid_response"))
        reason = str(content.get("error_description", f"{self.issuer} answers {answer.status}."))
        raise GatepostError(code, reason, event_id=str(content.get("event_id", "")))

    def token(self, **fields: str | None) -> Tokens:
        """The tokens that a grant gives. They are to be renewed when about four fifths of their time are over."""
        asked_at = self.clock()
        content = self.ask("token_endpoint", **fields)
        access, ttl = content.get("access_token"), content.get("expires_in", USUAL_TTL)
        if not isinstance(access, str) or str(content.get("token_type")).lower() != "bearer":
            raise GatepostError("invalid_response", f"{self.issuer} answers with something else than a bearer token.")
        # Not all of a fleet at the same moment.
        share = random.uniform(0.75, 0.85)  # noqa: S311  # spreads load, keeps no secret
        return Tokens(access, content.get("refresh_token"), asked_at + float(ttl), asked_at + float(ttl) * share)
