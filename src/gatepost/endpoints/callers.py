"""Who calls a route that an API key may call, as a gateway holds, and an app too."""

from gatepost.endpoints.apps import Apps
from gatepost.errors import OAuthError, too_many
from gatepost.flows.callers import Caller, authenticate_key
from gatepost.flows.instance import Instance
from gatepost.web.limits import Buckets
from gatepost.web.message import Request


class Callers:
    """Authenticates API keys and apps, and holds each to its rate."""

    def __init__(self, instance: Instance, apps: Apps, by_key: Buckets) -> None:
        self._instance = instance
        self._apps = apps
        self._by_key = by_key

    async def authenticate(self, request: Request, form: dict[str, str], *, allow_public: bool) -> Caller:
        """The caller, by the Authorization header or the form. Raises `invalid_client`, `too_many_requests`."""
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
            raise too_many("requests", wait)
        return caller
