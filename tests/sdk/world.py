"""An authorization server and an API on the loopback address, strict and small: what a client's tests must be able to count.

Refresh tokens are spent by their use, and one that is used again is a theft. What is asked for with a proof of possession is
bound to its key, and `nonce`, if there is one, has to be in every proof.
"""

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatepost_sdk.fetch import Ask
from gatepost_sdk.testing import Issuer


class World(ThreadingHTTPServer):
    """Both, on one port: `/token` and the like are the issuer, `/api` is the API. `asked` counts requests by path or grant."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.good: set[str] = set()
        self.refresh_token = ""
        self.ttl = 600
        self.down = False
        self.device_answers: list[str] = []
        self.nonce = ""
        self.bound: dict[str, str] = {}
        self.lock = threading.Lock()
        self.documents = Issuer(self.issuer)

    def metadata(self) -> dict[str, Any]:
        names = ("token_endpoint", "revocation_endpoint", "authorization_endpoint", "device_authorization_endpoint")
        places = {name: f"{self.issuer}/{name.removesuffix('_endpoint')}" for name in names}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks.json", **places}

    def prove(self, proof: str, method: str, path: str, token: str = "") -> tuple[str, str]:
        """The key that a proof is of, and what is wrong with the proof."""
        try:
            jkt, said = read_proof(proof, method, f"{self.issuer}{path}", token)
        except ValueError:
            return "", "invalid_dpop_proof"
        return jkt, "use_dpop_nonce" if said.get("nonce", "") != self.nonce else ""

    def tokens(self, form: dict[str, str], proof: str | None) -> tuple[int, dict[str, Any]]:
        """The answer of the token endpoint."""
        grant = form["grant_type"]
        jkt, fault = self.prove(proof, "POST", "/token") if proof else ("", "")
        if fault:
            return 400, {"error": fault}
        with self.lock:
            self.asked[grant] += 1
            self.forms.append(form)
            number = sum(self.asked.values())
            if self.down:
                return 503, {"error": "temporarily_unavailable", "error_description": "Later.", "event_id": "evt_1"}
            if grant == "refresh_token" and form["refresh_token"] != self.refresh_token:
                return 400, {"error": "invalid_grant", "error_description": "Replayed.", "event_id": "evt_2"}
            if grant.endswith("device_code") and self.device_answers:
                return 400, {"error": self.device_answers.pop(0), "error_description": "Not yet."}
            access, self.refresh_token = f"access-{number}", f"refresh-{number}"
            self.good.add(access)
            self.bound[access] = jkt
        # Long enough for whoever wants a token as well to come along meanwhile.
        time.sleep(0.05)
        more = {} if grant == "client_credentials" else {"refresh_token": self.refresh_token}
        return 200, {"access_token": access, "token_type": "DPoP" if jkt else "Bearer", "expires_in": self.ttl, **more}


class _Handler(BaseHTTPRequestHandler):
    server: World
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(*self._found(b""))

    def do_POST(self) -> None:
        self._answer(*self._found(self.rfile.read(int(self.headers["content-length"] or 0))))

    def _found(self, body: bytes) -> tuple[int, dict[str, Any]]:
        world, path = self.server, self.path.partition("?")[0]
        world.asked[path] += 1
        if path == "/api":
            scheme, _, token = self.headers["authorization"].partition(" ")
            fault, proof = "", self.headers["dpop"]
            if scheme == "DPoP":
                jkt, fault = world.prove(proof, self.command, path, token)
                fault = fault or ("" if jkt == world.bound.get(token) else "wrong_key")
            good = token in world.good and not fault and (scheme == "DPoP") == bool(world.bound[token])
            return 200 if good else 401, {"body": body.decode()}
        if path == "/token":
            return world.tokens(dict(parse_qsl(body.decode())), self.headers["dpop"])
        if path == "/device_authorization":
            return 200, {
                "device_code": "device-1",
                "user_code": "ABCD-EFGH",
                "verification_uri": f"{world.issuer}/device",
                "expires_in": 600,
                "interval": 5,
            }
        if path == "/revocation":
            world.forms.append(dict(parse_qsl(body.decode())))
            return 200, {}
        if path == "/jwks.json":
            return 200, json.loads(world.documents.fetch(Ask(f"{world.issuer}/jwks.json")).body)
        return 200, world.metadata()

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.nonce:
            self.send_header("DPoP-Nonce", self.server.nonce)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def read_proof(proof: str, method: str, url: str, token: str) -> tuple[str, dict[str, Any]]:
    """The thumbprint of a proof's key, and what it says. joserfc judges it, which had no part in making it."""
    try:
        jwk = json.loads(_decoded(proof.partition(".")[0]))["jwk"]
        key = ECKey.import_key(jwk)
        said = jwt.decode(proof, key, algorithms=["ES256"])
    except (JoseError, KeyError) as fault:
        raise ValueError("it is no proof") from fault
    ath = {"ath": _encoded(hashlib.sha256(token.encode()).digest())} if token else {}
    if said.header["typ"] != "dpop+jwt" or not {"htm": method, "htu": url, **ath}.items() <= said.claims.items():
        raise ValueError("it is for something else")
    return key.thumbprint(), said.claims


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextlib.contextmanager
def running_world() -> Iterator[World]:
    """The servers, until the block ends."""
    with World() as world:
        thread = threading.Thread(target=world.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield world
        finally:
            world.shutdown()
            thread.join()
