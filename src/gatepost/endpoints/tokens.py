"""The rest of a token's life: `/introspect` (RFC 7662) and `/revoke` (RFC 7009)."""

from gatepost.errors import OAuthError
from gatepost.flows.callers import Caller, authenticate_app, authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, introspect
from gatepost.flows.revoke import revoke
from gatepost.oauth.client_auth import parse_client_claim
from gatepost.oauth.client_metadata import MAX_CLIENT_ID
from gatepost.oauth.form import parse_form
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import ANY_ORIGIN, Reply, Request, empty_reply, json_reply


class Tokens:
    """The handlers of introspection and revocation."""

    def __init__(self, instance: Instance, by_key: Buckets, by_app: Buckets, wrong_secrets: Buckets) -> None:
        self._instance = instance
        self._verified = VerifiedTokens()
        self._by_key = by_key
        self._by_app = by_app
        self._wrong_secrets = wrong_secrets

    async def introspect(self, request: Request) -> Reply:
        form = _form(request)
        caller = await self._caller(request, form, allow_public=False)
        return json_reply(await introspect(self._instance, self._verified, caller, _token(form)))

    async def revoke(self, request: Request) -> Reply:
        form = _form(request)
        caller = await self._caller(request, form, allow_public=True)
        await revoke(self._instance, self._verified, caller, _token(form), request.address)
        return empty_reply(ANY_ORIGIN)

    async def _caller(self, request: Request, form: dict[str, str], *, allow_public: bool) -> Caller:
        """An API key, as a gateway holds, or an app."""
        authorization = request.header(b"authorization")
        if authorization is not None and authorization[:7].lower() == "bearer ":
            if "client_secret" in form:
                raise OAuthError("invalid_request", "Authenticate in one way: an API key, or the app's secret.")
            caller = await self._key(authorization)
            wait = self._by_key.take(caller.key.id) if caller.key else 0
        else:
            caller = await self._app(request, form, authorization, allow_public=allow_public)
            wait = self._by_app.take((caller.org, caller.app.client_id)) if caller.app else 0
        request.caller = caller if caller.is_proven else None
        if wait:
            raise OAuthError("too_many_requests", f"Too many requests. Try again in {wait} seconds.", retry_after=wait)
        return caller

    async def _key(self, authorization: str) -> Caller:
        """The API key. Here a wrong one is a client that is not known, in the words of RFC 7662 §2.3."""
        try:
            return await authenticate_key(self._instance, authorization)
        except OAuthError as error:
            raise OAuthError("invalid_client", error.description, detail=error.detail, scheme=error.scheme) from None

    async def _app(
        self, request: Request, form: dict[str, str], authorization: str | None, *, allow_public: bool
    ) -> Caller:
        """The app; too many wrong secrets from one address are answered before the next one is looked at."""
        claim = parse_client_claim(authorization, form)
        # Cut to the longest there can be: nobody fills the memory with names that were never anyone's.
        bucket = (claim.client_id[:MAX_CLIENT_ID], bucket_of(request.address))
        wait = self._wrong_secrets.is_empty(bucket)
        if wait:
            raise OAuthError(
                "too_many_requests", f"Too many wrong secrets. Try again in {wait} seconds.", retry_after=wait
            )
        try:
            return await authenticate_app(self._instance, claim, allow_public=allow_public)
        except OAuthError as error:
            if error.code == "invalid_client":
                self._wrong_secrets.take(bucket)
            raise


def _form(request: Request) -> dict[str, str]:
    request.check_media_type(b"application/x-www-form-urlencoded")
    if request.query:
        raise OAuthError("invalid_request", "Send parameters in the body, not in the URL.")
    return parse_form(request.body)


def _token(form: dict[str, str]) -> str:
    token = form.get("token")
    if not token:
        raise OAuthError("invalid_request", "token is missing.", field="token")
    return token
