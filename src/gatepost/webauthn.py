"""The two ceremonies of a passkey, from our side: what a browser is asked, and what its answer says. WebAuthn Level 3 §7.

Whoever uses this imports it when somebody has a passkey to make or to show: the library behind it is large.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from fido2 import cbor
from fido2.cose import CoseKey, UnsupportedKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

_REQUIRED = UserVerificationRequirement.REQUIRED


class Made(NamedTuple):
    """A passkey that a device made; `public_key` as COSE writes it."""

    id: bytes
    public_key: bytes
    sign_count: int


class Shown(NamedTuple):
    """A passkey that a device shows: which, whose it says it is, and the answer that is still to be checked."""

    id: bytes
    user_id: bytes | None
    response: AuthenticationResponse


class Used(NamedTuple):
    """A passkey whose owner was there: how often it says it was used, and whether it may leave its device."""

    sign_count: int
    is_synced: bool


def ask_to_make(
    issuer: str, challenge: bytes, user_id: bytes, email: str, name: str, known: list[bytes]
) -> dict[str, Any]:
    """What a browser is asked to make a passkey of, for a person who has those that are known."""
    options, _ = _server(issuer).register_begin(
        PublicKeyCredentialUserEntity(id=user_id, name=email, display_name=name),
        [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=each) for each in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
        challenge=challenge,
    )
    return dict(options.public_key)


def read_made(issuer: str, challenge: bytes, answer: str) -> Made | None:
    """The passkey that was made; None for any other answer, one from a frame of another site too."""
    try:
        response = RegistrationResponse.from_dict(orjson.loads(answer))
        data = _server(issuer).register_complete(_state(challenge), response)
        made = data.credential_data
        is_framed = response.response.client_data.cross_origin
    except Exception:
        # Strangers' bytes go through the library's parsers: whatever they raise, this is no passkey.
        return None
    if made is None or isinstance(made.public_key, UnsupportedKey) or is_framed:
        return None
    return Made(made.credential_id, cbor.encode(made.public_key), data.counter)


def ask_to_show(issuer: str, challenge: bytes) -> dict[str, Any]:
    """What a browser is asked to show any passkey of this server."""
    options, _ = _server(issuer).authenticate_begin(user_verification=_REQUIRED, challenge=challenge)
    return dict(options.public_key)


def parse_shown(answer: str) -> Shown | None:
    """The passkey that is shown, nothing of it checked yet; None for any other answer, one from a frame too."""
    try:
        response = AuthenticationResponse.from_dict(orjson.loads(answer))
        is_framed = response.response.client_data.cross_origin
        shown = Shown(response.raw_id, response.response.user_handle, response)
    except Exception:
        return None
    return None if is_framed else shown


def check_shown(issuer: str, challenge: bytes, shown: Shown, public_key: bytes) -> Used | None:
    """Whether this key signed the challenge for us, and its person was there; None if not."""
    try:
        _server(issuer).authenticate_complete(_state(challenge), [_credential(shown.id, public_key)], shown.response)
        data = shown.response.response.authenticator_data
        return Used(data.counter, data.is_backup_eligible())
    except Exception:
        return None


def _server(issuer: str) -> Fido2Server:
    """The relying party, as the configuration has it: nothing of it comes from a request."""
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    return Fido2Server(PublicKeyCredentialRpEntity(name="Gatepost", id=parts.hostname), verify_origin=origin.__eq__)


def _state(challenge: bytes) -> dict[str, Any]:
    """A ceremony's beginning, as the library writes it down."""
    return {"challenge": websafe_encode(challenge), "user_verification": _REQUIRED}


def _credential(id: bytes, public_key: bytes) -> AttestedCredentialData:
    content = cbor.decode(public_key)
    assert isinstance(content, Mapping)
    return AttestedCredentialData.create(Aaguid.NONE, id, CoseKey.parse(content))
