"""A passkey authenticator in software: makes ES256 keys and signs with them, honestly or as a test wants it. WebAuthn §6."""

import base64
import hashlib
import os
import struct
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

from .world import ISSUER

PRESENT, VERIFIED, ELIGIBLE, ATTESTED = 0x01, 0x04, 0x08, 0x40
HONEST = PRESENT | VERIFIED


class Authenticator:
    """One device with one passkey. `origin`, `rp_id`, `flags` and `handle` are what it says, true or not."""

    def __init__(self, *, origin: str = ISSUER, rp_id: str = "gate.test", flags: int = HONEST) -> None:
        self.origin = origin
        self.rp_id = rp_id
        self.flags = flags
        self.count = 0
        self.handle = b""
        self.is_framed = False
        self.id = os.urandom(20)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> str:
        """Answer what a page asks for a new passkey."""
        self.handle = read(options["user"]["id"])
        point = self._key.public_key().public_numbers()
        public = cbor.encode({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        credential = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        data = self._data(self.flags | ATTESTED) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._written(clientDataJSON=client, attestationObject=attestation)

    def get(self, options: dict[str, Any]) -> str:
        """Answer what a page asks to sign in."""
        client = self._client("webauthn.get", options["challenge"])
        data = self._data(self.flags)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._written(clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=self.handle)

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, type: str, challenge: str) -> bytes:
        content = {"type": type, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return orjson.dumps(content)

    def _written(self, **response: bytes) -> str:
        id = write(self.id)
        parts = {name: write(part) for name, part in response.items()}
        return orjson.dumps({"id": id, "rawId": id, "type": "public-key", "response": parts}).decode()


def read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
