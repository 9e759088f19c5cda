"""`/register`, and `/register/…` for each registration: apps that register themselves. RFC 7591 §3, RFC 7592 §2."""

from typing import Any

from gatepost.errors import too_many
from gatepost.flows.instance import Instance
from gatepost.flows.registration import (
    Registered,
    delete_registration,
    get_registration,
    register,
    update_registration,
)
from gatepost.oauth.registration import describe_newcomer
from gatepost.web.json_body import parse_json_object
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import ANY_ORIGIN, EMPTY, Reply, Request, json_reply

REGISTER = "/register"


class Registration:
    """The handlers of registrations. Whatever writes or could be tried without end is limited for each address."""

    def __init__(self, instance: Instance, by_address: Buckets) -> None:
        self._instance = instance
        self._by_address = by_address

    async def register(self, request: Request) -> Reply:
        self._take(request)
        registered = await register(self._instance, _content(request), _bearer(request))
        secret = registered.secret
        issued: dict[str, Any] = {"client_id_issued_at": registered.known.app.created_at}
        issued |= {"client_secret": secret.reveal(), "client_secret_expires_at": 0} if secret else {}
        return json_reply({**self._described(registered), **issued}, 201, ANY_ORIGIN)

    async def read(self, request: Request) -> Reply:
        return json_reply(
            self._described(await get_registration(self._instance, _client_id(request), _bearer(request)))
        )

    async def update(self, request: Request) -> Reply:
        self._take(request)
        client_id, content = _client_id(request), _content(request)
        return json_reply(
            self._described(
                await update_registration(self._instance, client_id, _bearer(request), content, request.address)
            )
        )

    async def delete(self, request: Request) -> Reply:
        self._take(request)
        await delete_registration(self._instance, _client_id(request), _bearer(request), request.address)
        return Reply(204, EMPTY, b"")

    def _take(self, request: Request) -> None:
        wait = self._by_address.take(bucket_of(request.address))
        if wait:
            raise too_many("registrations", wait)

    def _described(self, registered: Registered) -> dict[str, Any]:
        app = registered.known.app
        place = f"{self._instance.issuer.rstrip('/')}{REGISTER}/{app.client_id}"
        return {
            **describe_newcomer(app, registered.known.redirect_uris),
            "registration_client_uri": place,
            "registration_access_token": registered.token.reveal(),
        }


def _content(request: Request) -> dict[str, Any]:
    request.check_media_type(b"application/json")
    return parse_json_object(request.body)


def _bearer(request: Request) -> str | None:
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _client_id(request: Request) -> str:
    return request.path.rpartition("/")[2]
