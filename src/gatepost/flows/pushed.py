"""Pushed authorization requests: checked early, sealed into their request_uri, stored nowhere. RFC 9126.

The id inside becomes the code's and the grant's: a request_uri can be visited again until its grant is made, and then no
more.
"""

import orjson

from gatepost.errors import OAuthError
from gatepost.flows.dpop import refused, spend_proof
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.oauth.authorize import Asked, AuthorizeAsk, VerifiedAsk, check, verify_redirect
from gatepost.oauth.dpop import Proof
from gatepost.secrets import REQUEST_URI, new_id
from gatepost.store.resources import list_resources

PUSHED = "urn:ietf:params:oauth:request_uri:"
PUSHED_TTL = 90
MAX_PUSHED = 6000
"""Bytes of a request that may be pushed: its request_uri has to fit into a URL."""


async def push(instance: Instance, known: KnownApp, ask: AuthorizeAsk, proof: Proof | None = None) -> str:
    """The request_uri of a request that would pass. Raises what is wrong with it. RFC 9126 §2.1.

    The code that comes of it is bound to the key of the proof, if there is one. RFC 9449 §10.1.
    """
    if "request_uri" in ask.fields:
        raise OAuthError("invalid_request", "A pushed request cannot carry a request_uri.", field="request_uri")
    if ask.fields.get("client_id", known.app.client_id) != known.app.client_id:
        raise OAuthError("invalid_request", "client_id is another app's.", field="client_id")
    if proof and ask.fields.setdefault("dpop_jkt", proof.jkt) != proof.jkt:
        raise refused("dpop_jkt is another key")
    await check_ask(instance, verify_redirect(ask, known.app, known.metadata, known.redirect_uris))
    expires_at = instance.clock() + PUSHED_TTL
    content = [new_id().hex(), expires_at, known.app.client_id, ask.fields, ask.resources]
    plain = orjson.dumps(content)
    if len(plain) > MAX_PUSHED:
        raise OAuthError("invalid_request", f"The request has more than {MAX_PUSHED:,} bytes; none needs as many.")
    await spend_proof(instance, proof)
    return PUSHED + instance.keyring.seal_text(REQUEST_URI, plain)


async def check_ask(instance: Instance, verified: VerifiedAsk) -> Asked:
    """What is asked, as far as it can be judged while nobody is there. Raises what is wrong with it."""
    asked = check(verified, await instance.store.read(list_resources(verified.app.org)))
    hint = asked.id_token_hint
    if hint is not None and await instance.signing.open(hint, ID_TOKEN_TYPE) is None:
        raise OAuthError("invalid_request", "id_token_hint is not an ID token of this server.")
    return asked


def open_pushed(instance: Instance, client_id: str, request_uri: str) -> tuple[bytes, AuthorizeAsk]:
    """The id and the request behind a request_uri of ours. Raises `invalid_request_uri`."""
    plain = instance.keyring.unseal_text(REQUEST_URI, request_uri.removeprefix(PUSHED))
    if plain is None:
        raise _refused("it is not one of ours")
    id, expires_at, owner, fields, resources = orjson.loads(plain)
    if owner != client_id:
        raise _refused("it is another app's")
    if instance.clock() >= expires_at:
        raise _refused("it expired")
    return bytes.fromhex(id), AuthorizeAsk(fields, frozenset(), tuple(resources))


def _refused(why: str) -> OAuthError:
    return OAuthError("invalid_request_uri", "The request_uri is unknown, expired or was used.", detail=why)
