"""`/par`: an app pushes its authorization request and gets a request_uri for it. RFC 9126 §2."""

from gatepost.endpoints.apps import Apps, read_form_with_resources
from gatepost.endpoints.proofs import nonce_headers, read_proof
from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.pushed import PUSHED_TTL, push
from gatepost.oauth.authorize import AuthorizeAsk
from gatepost.web.message import ANY_ORIGIN, Reply, Request, json_reply

PAR = "/par"

_CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


class Par:
    """The handler of pushed authorization requests."""

    def __init__(self, instance: Instance, apps: Apps) -> None:
        self._instance = instance
        self._apps = apps

    async def par(self, request: Request) -> Reply:
        fields, resources = read_form_with_resources(request)
        client = await self._apps.authenticate(request, fields, allow_public=True)
        proof = read_proof(self._instance, request, PAR, client)
        kept = {name: value for name, value in fields.items() if name not in _CREDENTIALS}
        try:
            request_uri = await push(self._instance, client.known, AuthorizeAsk(kept, frozenset(), resources), proof)
        except OAuthError as error:
            if error.code != "redirect_uri_mismatch":
                raise
            # Here the app itself is asking, in the words of RFC 6749.
            raise OAuthError("invalid_request", error.description, field="redirect_uri") from None
        answer = {"request_uri": request_uri, "expires_in": PUSHED_TTL}
        return json_reply(answer, 201, (*ANY_ORIGIN, *nonce_headers(self._instance, request)))
