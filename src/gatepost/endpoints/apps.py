"""What every route for apps begins with: its form, and the app that proves who it is, within its limits."""

from gatepost.errors import OAuthError, too_many
from gatepost.flows.app_auth import AuthenticatedApp, authenticate_app
from gatepost.flows.callers import Caller
from gatepost.flows.instance import Instance
from gatepost.oauth.client_auth import parse_client_claim
from gatepost.oauth.client_metadata import MAX_CLIENT_ID
from gatepost.oauth.form import parse_form, parse_repeatable, take_resources, take_values
from gatepost.web.limits import Buckets, bucket_of
from gatepost.web.message import FORM, Request


class Apps:
    """Authenticates apps and holds each to its rate, and each address to a number of wrong secrets."""

    def __init__(self, instance: Instance, by_app: Buckets, wrong_secrets: Buckets) -> None:
        self._instance = instance
        self._by_app = by_app
        self._wrong_secrets = wrong_secrets

    async def authenticate(self, request: Request, form: dict[str, str], *, allow_public: bool) -> AuthenticatedApp:
        """The app; too many wrong secrets from one address are answered before the next one is looked at."""
        claim = parse_client_claim(request.header(b"authorization"), form)
        # Cut to the longest there can be: nobody fills the memory with names that were never anyone's.
        bucket = (claim.client_id[:MAX_CLIENT_ID], bucket_of(request.address))
        wait = self._wrong_secrets.is_empty(bucket)
        if wait:
            raise too_many("wrong secrets", wait)
        try:
            found = await authenticate_app(self._instance, claim, allow_public=allow_public)
        except OAuthError as error:
            if error.code == "invalid_client":
                self._wrong_secrets.take(bucket)
            raise
        app = found.known.app
        caller = Caller(app.org, None, app)
        request.caller = caller if caller.is_proven else None
        wait = self._by_app.take((app.org, app.client_id))
        if wait:
            raise too_many("requests", wait)
        return found


def read_form(request: Request) -> dict[str, str]:
    """The fields of a form body, each once. Raises `unsupported_media_type`, `invalid_request`."""
    _check_form(request)
    return parse_form(request.body)


def read_form_with_resources(request: Request) -> tuple[dict[str, str], tuple[str, ...]]:
    """The same, but for `resource`, which may be repeated. RFC 8707 §2."""
    _check_form(request)
    fields, repeated = parse_repeatable(request.body)
    resources = take_resources(fields, repeated)
    _refuse_repeated(repeated)
    return fields, resources


def read_form_with_targets(request: Request) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """The same where tokens are exchanged: `audience` may be repeated there too. RFC 8693 §2.1."""
    _check_form(request)
    fields, repeated = parse_repeatable(request.body)
    resources, audiences = take_resources(fields, repeated), take_values(fields, repeated, "audience")
    _refuse_repeated(repeated)
    return fields, resources, audiences


def _refuse_repeated(repeated: dict[str, list[str]]) -> None:
    if repeated:
        name = min(repeated)
        raise OAuthError("invalid_request", "A field is in the form twice; each may be sent once.", field=name[:64])


def _check_form(request: Request) -> None:
    # Where nothing is sent, the answer is what is missing, not what type nothing should have.
    if request.body:
        request.check_media_type(FORM)
    if request.query:
        raise OAuthError("invalid_request", "Send parameters in the body, not in the URL.")
