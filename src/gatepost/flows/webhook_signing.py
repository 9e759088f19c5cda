"""Who a webhook's message is from: its secrets, sealed as they are kept, and the signatures of Standard Webhooks 1.0."""

import base64
import hashlib
import hmac
import os
from typing import NamedTuple

import orjson

from gatepost.flows.instance import Instance
from gatepost.records import Webhook
from gatepost.secrets import Secret

_PREFIX = "whsec_"
_SEALED = b"webhook secret"


class Signer(NamedTuple):
    """A webhook's secret, and until when it signs; None for the one in use."""

    secret: Secret
    until: int | None = None


def fresh_secret() -> Secret:
    """A secret as Standard Webhooks writes it."""
    return Secret(_PREFIX + base64.b64encode(os.urandom(32)).decode())


def sign(id: str, at: int, body: bytes, signers: list[Signer]) -> dict[str, str]:
    """The headers that say whose message it is, one signature to a secret. Standard Webhooks, "Signature scheme"."""
    signed = f"{id}.{at}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(_key(signer.secret), signed, hashlib.sha256)).decode()
        for signer in signers
        if signer.until is None or at < signer.until
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: Secret) -> bytes:
    return base64.b64decode(secret.reveal().removeprefix(_PREFIX))


def seal_signers(instance: Instance, webhook: bytes, signers: list[Signer]) -> bytes:
    """The secrets of a webhook as they are kept."""
    content = [(signer.secret.reveal(), signer.until) for signer in signers]
    return instance.keyring.seal(_SEALED, orjson.dumps(content), webhook)


def signers_of(instance: Instance, webhook: Webhook) -> list[Signer]:
    """The secrets of a webhook; none when the instance key does not open them."""
    plain = instance.keyring.unseal(_SEALED, webhook.secrets, webhook.id)
    return [Signer(Secret(secret), until) for secret, until in orjson.loads(plain or b"[]")]
