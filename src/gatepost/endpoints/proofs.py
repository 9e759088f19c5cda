"""The header DPoP, and its answer DPoP-Nonce. RFC 9449 §4.1, §8.

Two such headers come joined with a comma and a space, which is no JWT: they are refused as a proof, like any other text.
"""

from gatepost.flows.app_auth import AuthenticatedApp
from gatepost.flows.dpop import check_proof, needs_nonce
from gatepost.flows.instance import Instance
from gatepost.oauth.dpop import Proof, algorithms_of, render_nonce
from gatepost.web.message import Header, Request

PROOF = b"dpop"
NONCE = b"dpop-nonce"


def read_proof(instance: Instance, request: Request, path: str, client: AuthenticatedApp) -> Proof | None:
    """The proof that came with an app's request to one of our paths. Raises `invalid_dpop_proof`, `use_dpop_nonce`."""
    header = request.header(PROOF)
    if header is None:
        return None
    return check_proof(instance, header, "POST", place_of(instance, path), algorithms_of(client.known.app.profile))


def place_of(instance: Instance, path: str) -> str:
    """Where a path of ours is, as configured: nothing in a request has a say in it."""
    return instance.issuer.rstrip("/") + path


def nonce_headers(instance: Instance, request: Request) -> tuple[Header, ...]:
    """The nonce for the next proof, to whoever sent one, where there have to be nonces."""
    if PROOF not in request.headers or not needs_nonce(instance):
        return ()
    return ((NONCE, render_nonce(instance.keyring, instance.clock()).encode()),)
