"""The rest of a token's life: `/introspect` (RFC 7662) and `/revoke` (RFC 7009)."""

from gatepost.endpoints.apps import read_form
from gatepost.endpoints.callers import Callers
from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, introspect
from gatepost.flows.revoke import revoke
from gatepost.web.message import ANY_ORIGIN, Reply, Request, empty_reply, json_reply


class Tokens:
    """The handlers of introspection and revocation."""

    def __init__(self, instance: Instance, callers: Callers, verified: VerifiedTokens) -> None:
        self._instance = instance
        self._callers = callers
        self._verified = verified

    async def introspect(self, request: Request) -> Reply:
        form = read_form(request)
        caller = await self._callers.authenticate(request, form, allow_public=False)
        return json_reply(await introspect(self._instance, self._verified, caller, _token(form)))

    async def revoke(self, request: Request) -> Reply:
        form = read_form(request)
        caller = await self._callers.authenticate(request, form, allow_public=True)
        await revoke(self._instance, self._verified, caller, _token(form), request.address)
        return empty_reply(ANY_ORIGIN)


def _token(form: dict[str, str]) -> str:
    token = form.get("token")
    if not token:
        raise OAuthError("invalid_request", "token is missing.", field="token")
    return token
