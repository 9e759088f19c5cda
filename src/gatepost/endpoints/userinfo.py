"""`/userinfo`: GET or POST, the token in a header or a form's body, never in the URL. OIDC Core §5.3, RFC 6750 §2."""

from gatepost.endpoints.proofs import PROOF, nonce_headers, place_of
from gatepost.errors import OAuthError
from gatepost.flows.bearer import Presented, parse_authorization
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.userinfo import describe
from gatepost.oauth.form import parse_form
from gatepost.secrets import Secret
from gatepost.web.message import ANY_ORIGIN, FORM, JSON, Reply, Request, json_reply

USERINFO = "/userinfo"

_JWT = tuple((name, b"application/jwt" if name == b"content-type" else value) for name, value in JSON)


class Userinfo:
    """The handler of userinfo."""

    def __init__(self, instance: Instance, verified: VerifiedTokens) -> None:
        self._instance = instance
        self._verified = verified

    async def userinfo(self, request: Request) -> Reply:
        described = await describe(self._instance, self._verified, _presented(self._instance, request))
        extra = (*ANY_ORIGIN, *nonce_headers(self._instance, request))
        if isinstance(described, str):
            return Reply(200, _JWT, described.encode(), extra)
        return json_reply(described, extra=extra)


def _presented(instance: Instance, request: Request) -> Presented:
    """The one token of a request. Raises `invalid_token` when there is none, `invalid_request` when there are two."""
    authorization = request.header(b"authorization")
    is_form = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == FORM
    in_body = parse_form(request.body).get("access_token") if request.method == "POST" and is_form else None
    if authorization is not None and in_body is not None:
        raise OAuthError("invalid_request", "The token is sent twice, in the header and in the body.", scheme="Bearer")
    if in_body:
        return Presented(Secret(in_body))
    scheme, token = parse_authorization(authorization or "")
    if not token:
        raise OAuthError("invalid_token", "Send an access token: Authorization: Bearer, and the token", scheme="Bearer")
    proof = request.header(PROOF) or ""
    return Presented(Secret(token), scheme, proof, request.method, place_of(instance, USERINFO))
