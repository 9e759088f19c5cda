"""How a person lets a program on their machine in: by a browser beside it, or by one elsewhere. RFC 8252, 7636, 9207, 8628."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import sleep
from urllib.parse import parse_qs, urlencode, urlsplit

from gatepost_sdk.dpop import ProofKey
from gatepost_sdk.endpoint import Endpoint
from gatepost_sdk.errors import GatepostError
from gatepost_sdk.jws import encode_segment
from gatepost_sdk.stores import Tokens

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PATIENCE_SECONDS = 300
SLOWER_SECONDS = 5

_PAGE = (
    b"<!doctype html><meta name=viewport content=width=device-width><title>Done</title><p>You may close this window."
)


def login_by_browser(
    endpoint: Endpoint,
    redirect: str,
    scope: str,
    resource: str | None,
    show: Callable[[str], object],
    key: ProofKey | None = None,
) -> Tokens:
    """The tokens of the code that a browser brings to a loopback address. `show` gets the URL to open there."""
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    challenge = encode_segment(hashlib.sha256(verifier.encode()).digest()).decode()
    parts = urlsplit(redirect)
    with _Listener(parts.path) as listener:
        redirect_uri = f"http://{parts.hostname}:{listener.server_port}{parts.path}"
        asked = {
            "response_type": "code",
            "client_id": endpoint.client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "resource": resource,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "dpop_jkt": key.jkt if key else None,
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        show(f"{endpoint.url('authorization_endpoint')}?{query}")
        answer = listener.wait(lambda answer: hmac.compare_digest(answer.get("state", ""), state))
    if answer.get("iss", endpoint.issuer) != endpoint.issuer:
        raise GatepostError("wrong_issuer", "The answer came from another issuer.", "Do not try again.")
    if "code" not in answer:
        raise GatepostError(
            answer.get("error", "invalid_response"), answer.get("error_description", "There is no code.")
        )
    return endpoint.token(
        key, grant_type="authorization_code", code=answer["code"], redirect_uri=redirect_uri, code_verifier=verifier
    )


def login_by_device(
    endpoint: Endpoint,
    scope: str,
    resource: str | None,
    show: Callable[[str], object],
    key: ProofKey | None = None,
) -> Tokens:
    """The tokens that a person grants in a browser elsewhere. `show` gets the sentence that tells them where, and the code."""
    begun = endpoint.ask("device_authorization_endpoint", scope=scope, resource=resource)
    show(f"Open {begun['verification_uri']} and enter the code {begun['user_code']}")
    interval, end = float(begun.get("interval", 5)), endpoint.clock() + float(begun["expires_in"])
    while endpoint.clock() < end:
        sleep(interval)
        try:
            return endpoint.token(key, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
        except GatepostError as error:
            if error.code == "slow_down":
                interval += SLOWER_SECONDS
            elif error.code not in ("authorization_pending", "unavailable"):
                raise
    raise GatepostError("expired_token", "Nobody entered the code in time.", "Log in again.")


class _Listener(HTTPServer):
    """A port of the loopback address on which one answer is awaited."""

    def __init__(self, path: str) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.path = path
        self.answers: list[dict[str, str]] = []

    def wait(self, is_ours: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """The first answer that is ours: any program of this machine may send others."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (left := end - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
            for answer in filter(is_ours, self.answers):
                return answer
        raise GatepostError("expired_token", "Nobody logged in in time.", "Log in again.")


class _Callback(BaseHTTPRequestHandler):
    """Takes down the query of a request to the right path, and says that the window may be closed."""

    server: _Listener
    timeout = 5

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        found = parts.path == self.server.path
        if found:
            self.server.answers.append({name: values[0] for name, values in parse_qs(parts.query).items()})
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(_PAGE if found else b"")

    def log_message(self, *_: object) -> None:
        """Nothing: the line would hold the code."""
