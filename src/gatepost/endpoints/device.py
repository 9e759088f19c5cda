"""`/device_authorization`: a device asks, and gets a code to show. RFC 8628 §3.1, §3.2."""

from urllib.parse import urlencode

from gatepost.endpoints.apps import Apps, read_form_with_resources
from gatepost.errors import too_many
from gatepost.flows.device import start_device
from gatepost.flows.instance import Instance
from gatepost.oauth.device import DEVICE_TTL, INTERVAL
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import ANY_ORIGIN, Reply, Request, json_reply

VERIFICATION = "/device"


class DeviceAuthorization:
    """The handler of devices that ask."""

    def __init__(self, instance: Instance, apps: Apps, by_device: Buckets) -> None:
        self._instance = instance
        self._apps = apps
        self._by_device = by_device

    async def device_authorization(self, request: Request) -> Reply:
        fields, resources = read_form_with_resources(request)
        app = (await self._apps.authenticate(request, fields, allow_public=True)).known.app
        wait = self._by_device.take((app.org, app.client_id, bucket_of(request.address)))
        if wait:
            raise too_many("devices", wait)
        started = await start_device(self._instance, app, fields.get("scope"), resources, request.address)
        page = self._instance.issuer.rstrip("/") + VERIFICATION
        content = {
            "device_code": started.device_code.reveal(),
            "user_code": started.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': started.user_code})}",
            "expires_in": DEVICE_TTL,
            "interval": INTERVAL,
        }
        return json_reply(content, extra=ANY_ORIGIN)
