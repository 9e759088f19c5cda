"""`/token`: from a form to the tokens of the answer. RFC 6749 §3.2, §5.1; OAuth 2.1 §3.2."""

from time import perf_counter

from gatepost.endpoints.apps import Apps, read_form_with_targets
from gatepost.endpoints.proofs import nonce_headers, read_proof
from gatepost.flows.counting import ISSUED
from gatepost.flows.instance import Instance
from gatepost.flows.minting import Issued
from gatepost.flows.token import TokenAsk, issue
from gatepost.web.message import ANY_ORIGIN, JSON, Header, Reply, Request, json_reply

TOKEN = "/token"

_HEADERS: tuple[Header, ...] = (*JSON, *ANY_ORIGIN, (b"pragma", b"no-cache"))
"""OAuth 2.1 does without the last one; a client that holds us to RFC 6749 §5.1 looks for it."""


class Token:
    """The handler of the token endpoint."""

    def __init__(self, instance: Instance, apps: Apps) -> None:
        self._instance = instance
        self._apps = apps

    async def token(self, request: Request) -> Reply:
        start = perf_counter()
        fields, resources, audiences = read_form_with_targets(request)
        client = await self._apps.authenticate(request, fields, allow_public=True)
        proof = read_proof(self._instance, request, TOKEN, client)
        issued = await issue(self._instance, TokenAsk(client, fields, resources, request.address, proof, audiences))
        app, counts = client.known.app, self._instance.counts
        counts.count(issued.org or app.org, app.client_id, ISSUED, fields["grant_type"])
        reply = json_reply(render_issued(issued), extra=nonce_headers(self._instance, request), headers=_HEADERS)
        counts.time(TOKEN, perf_counter() - start)
        return reply


def render_issued(issued: Issued) -> dict[str, object]:
    """The members of a token response. RFC 6749 §5.1, OpenID Connect Core §3.1.3.3, RFC 8693 §2.2.1."""
    content: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": issued.token_type,
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    if issued.issued_token_type:
        content["issued_token_type"] = issued.issued_token_type
    if issued.refresh_token:
        content["refresh_token"] = issued.refresh_token
    if issued.id_token:
        content["id_token"] = issued.id_token
    return content
