"""Gatepost's software development kit: for APIs that are given access tokens, and for programs that get them.

    from gatepost_sdk import Verifier

    verifier = Verifier("https://auth.acme.dev", audience="https://api.acme.dev")
    token = verifier.verify(raw)

Floors, imports going down only: `errors`, `token`, `jws`, `fetch`; `keys`; `verifier`; `guard`; and on top one module for
each framework, `client` and `testing`. Nothing of the server is imported anywhere.
"""

from gatepost_sdk.errors import GatepostError, TokenError
from gatepost_sdk.proofs import Proof
from gatepost_sdk.token import Token
from gatepost_sdk.verifier import Verifier

__all__ = ["GatepostError", "Proof", "Token", "TokenError", "Verifier"]

__version__ = "0.1.0"
