"""The rest of a token's life: `/introspect` (RFC 7662) and `/revoke` (RFC 7009)."""

from gatepost.endpoints.apps import Apps, read_form
from gatepost.errors import OAuthError
from gatepost.flows.callers import Caller, authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, introspect
from gatepost.flows.revoke import revoke
from gatepost.web.limits import Buckets
from gatepost.web.message import ANY_ORIGIN, Reply, Request, empty_reply, json_reply


class Tokens:
    """The handlers of introspection and revocation."""

    def __init__(self, instance: Instance, apps: Apps, verified: VerifiedTokens, by_key: Buckets) -> None:
        self._instance = instance
        self._verified = verified
        self._apps = apps
        self._by_key = by_key

    async def introspect(self, request: Request) -> Reply:
        form = read_form(request)
        caller = await self._caller(request, form, allow_public=False)
        return json_reply(await introspect(self._instance, self._verified, caller, _token(form)))

    async def revoke(self, request: Request) -> Reply:
        form = read_form(request)
        caller = await self._caller(request, form, allow_public=True)
        await revoke(self._instance, self._verified, caller, _token(form), request.address)
        return empty_reply(ANY_ORIGIN)

    async def _caller(self, request: Request, form: dict[str, str], *, allow_public: bool) -> Caller:
        """An API key, as a gateway holds, or an app."""
        authorization = request.header(b"authorization")
        if authorization is not None and authorization[:7].lower() == "bearer ":
            if "client_secret" in form:
                raise OAuthError("invalid_request", "Authenticate in one way: an API key, or the app's secret.")
            return await self._key(request, authorization)
        app = (await self._apps.authenticate(request, form, allow_public=allow_public)).known.app
        return Caller(app.org, None, app)

    async def _key(self, request: Request, authorization: str) -> Caller:
        """The API key. Here a wrong one is a client that is not known, in the words of RFC 7662 §2.3."""
        try:
            caller = await authenticate_key(self._instance, authorization)
        except OAuthError as error:
            raise OAuthError("invalid_client", error.description, detail=error.detail, scheme=error.scheme) from None
        request.caller = caller
        wait = self._by_key.take(caller.key.id) if caller.key else 0
        if wait:
            raise OAuthError("too_many_requests", f"Too many requests. Try again in {wait} seconds.", retry_after=wait)
        return caller


def _token(form: dict[str, str]) -> str:
    token = form.get("token")
    if not token:
        raise OAuthError("invalid_request", "token is missing.", field="token")
    return token
