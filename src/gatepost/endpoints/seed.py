"""The four routes of the seed, in its JSON: auth_token, save, verify, refresh."""

from gatepost.errors import OAuthError
from gatepost.flows.actors import authenticate
from gatepost.flows.callers import Caller, authenticate_key, check_in_org
from gatepost.flows.clients import get_auth_token, save_client
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.minting import Issued
from gatepost.flows.refresh import refresh
from gatepost.flows.verify import VerifyAsk, verify
from gatepost.store.events import Act
from gatepost.web.json_body import parse_json_object, take_text
from gatepost.web.limits import Buckets
from gatepost.web.message import Reply, Request, json_reply

_ACCESS_TOKEN = "eyJ"
"""How every access token begins, and no API key."""


class Seed:
    """The handlers of the four routes."""

    def __init__(self, instance: Instance, verified: VerifiedTokens, by_key: Buckets) -> None:
        self._instance = instance
        self._verified = verified
        self._by_key = by_key

    async def auth_token(self, request: Request) -> Reply:
        caller = await self._caller(request)
        act = Act(self._instance.clock(), caller.actor, request.address)
        return json_reply({"auth_token": await get_auth_token(self._instance, check_in_org(caller), act)})

    async def save(self, request: Request) -> Reply:
        caller = await self._caller(request)
        content = _content(request)
        redirect_uri = take_text(content, "redirection_url", required=True) or ""
        saved = await save_client(
            self._instance,
            caller,
            take_text(content, "client_id"),
            redirect_uri,
            take_text(content, "name"),
            request.address,
        )
        result = {
            "client_id": saved.client_id,
            "redirection_url": saved.redirect_uri,
            "name": saved.name,
            "auth_token": saved.auth_token,
            "is_new": saved.is_new,
        }
        message = "Auth token saved successfully"
        return json_reply({"success": True, "message": message, "result": result}, 201 if saved.changed else 200)

    async def verify(self, request: Request) -> Reply:
        caller = await self._caller(request)
        content = _content(request)
        ask = VerifyAsk(
            take_text(content, "client_id", required=True) or "",
            take_text(content, "redirection_url", required=True) or "",
            take_text(content, "user_id"),
            take_text(content, "scope"),
            take_text(content, "resource"),
        )
        pair = await verify(self._instance, caller, ask, request.address)
        return _render_pair("Auth token verified successfully", pair)

    async def refresh(self, request: Request) -> Reply:
        token = take_text(_content(request), "refresh_token", required=True) or ""
        try:
            pair = await refresh(self._instance, token, request.address)
        except OAuthError as error:
            if error.code == "invalid_grant":
                # The seed says 401 where RFC 6749 says 400.
                error.status, error.scheme = 401, "Bearer"
            raise
        return _render_pair("Access token refreshed successfully", pair)

    async def _caller(self, request: Request) -> Caller:
        """An API key, or a person by an access token of their own with the scope gatepost; within their rate."""
        authorization = request.header(b"authorization")
        if (authorization or "").partition(" ")[2].startswith(_ACCESS_TOKEN):
            person = await authenticate(self._instance, self._verified, authorization, request.address)
            caller = Caller(person.org or b"", None, None, person)
        else:
            caller = await authenticate_key(self._instance, authorization)
        request.caller = caller
        wait = self._by_key.take(caller.key.id if caller.key else caller.actor)
        if wait:
            who = caller.actor
            raise OAuthError("too_many_requests", f"{who} asks too often. Wait {wait} seconds.", retry_after=wait)
        return caller


def _content(request: Request) -> dict[str, object]:
    request.check_media_type(b"application/json")
    return parse_json_object(request.body)


def _render_pair(message: str, pair: Issued) -> Reply:
    return json_reply(
        {
            "success": True,
            "message": message,
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "token_type": "Bearer",
            "expires_in": pair.expires_in,
            "scope": pair.scope,
        }
    )
