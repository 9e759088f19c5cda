"""The issuer's endpoints as a client speaks to them. RFC 6749 §2.3.1, §3.2, §5.2, RFC 7009."""

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from gatepost_sdk.dpop import ProofKey
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
        self._nonce = ""

    def url(self, name: str) -> str:
        """An endpoint of the issuer's metadata. Raises `unsupported` when it has none."""
        if name not in (metadata := self._documents.metadata()):
            raise GatepostError("unsupported", f"{self.issuer} has no {name}.")
        return str(metadata[name])

    def ask(self, name: str, *, key: ProofKey | None = None, **fields: str | None) -> dict[str, Any]:
        """Send a form to an endpoint, with a proof of the key if there is one, and once more with the nonce it lacked.

        Raises GatepostError with the issuer's error code, `unavailable`, or `no_secret`.
        """
        before = self._nonce
        try:
            return self._send(name, key, fields)
        except GatepostError as error:
            if error.code != "use_dpop_nonce" or self._nonce == before:
                raise
        return self._send(name, key, fields)

    def _send(self, name: str, key: ProofKey | None, fields: dict[str, str | None]) -> dict[str, Any]:
        form = {key: value for key, value in fields.items() if value}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self._secret_from:
            headers["authorization"] = basic(self.client_id, _read_secret(self._secret_from))
        else:
            form["client_id"] = self.client_id
        try:
            url = self.url(name)
            if key:
                headers["dpop"] = key.prove("POST", url, self.clock(), nonce=self._nonce)
            answer = self._fetch(Ask(url, headers, urlencode(form).encode()))
            content = parse_object(answer.body or b"{}")
        except (OSError, ValueError) as fault:
            raise GatepostError("unavailable", f"{self.issuer} gives no answer: {fault}.", "Try again.") from fault
        self._nonce = answer.headers.get("dpop-nonce", self._nonce)
        if answer.status == 200:
            return content
        code = str(content.get("error", "unavailable" if answer.status >= 500 else "invalid_response"))
        reason = str(content.get("error_description", f"{self.issuer} answers {answer.status}."))
        raise GatepostError(code, reason, event_id=str(content.get("event_id", "")))

    def token(self, key: ProofKey | None = None, **fields: str | None) -> Tokens:
        """The tokens that a grant gives, bound to the key if there is one.

        They are to be renewed when about four fifths of their time are over.
        """
        asked_at = self.clock()
        content = self.ask("token_endpoint", key=key, **fields)
        access, ttl = content.get("access_token"), content.get("expires_in", USUAL_TTL)
        kind = "DPoP" if key else "bearer"
        if not isinstance(access, str) or str(content.get("token_type")).lower() != kind.lower():
            raise GatepostError("invalid_response", f"{self.issuer} answers with something else than a {kind} token.")
        # Not all of a fleet at the same moment.
        share = random.uniform(0.75, 0.85)  # noqa: S311  # spreads load, keeps no secret
        renew_at = asked_at + float(ttl) * share
        return Tokens(access, content.get("refresh_token"), asked_at + float(ttl), renew_at, key.text if key else None)


def _read_secret(place: str) -> str:
    try:
        return read_secret(place)
    except (OSError, ValueError) as fault:
        # Whoever gave the secret itself in place of its place finds it in no message.
        hint = "Name where it is, env:NAME or file:PATH, and put it there."
        raise GatepostError("no_secret", f"The app cannot prove who it is: {fault}.", hint) from fault
