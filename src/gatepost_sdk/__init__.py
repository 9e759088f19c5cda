"""Gatepost's software development kit: for APIs that are given access tokens, and for programs that get them.

    from gatepost_sdk import Verifier

    verifier = Verifier("https://auth.acme.dev", audience="https://api.acme.dev")
    token = verifier.verify(raw)

Imports only go down: on top are `client`, `testing` and one module for each framework; below them `guard` and `verifier`;
at the bottom `errors`, `fetch` and `jws`. Nothing of the server is imported anywhere.
"""

from gatepost_sdk.errors import GatepostError, TokenError
from gatepost_sdk.proofs import Proof
from gatepost_sdk.token import Token
from gatepost_sdk.verifier import Verifier

__all__ = ["GatepostError", "Proof", "Token", "TokenError", "Verifier"]

__version__ = "0.1.0"
