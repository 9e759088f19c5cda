"""Telling apps that somebody signed out, behind the person's back. OpenID Connect Back-Channel Logout 1.0.

The store leaves one letter in the transaction that ends a session, so signing out waits for no app and no app is forgotten.
From that letter follows one for each app that took part; where it goes is what the app has registered when it is sent.
"""

from uuid import UUID

from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import find_known_app
from gatepost.flows.minting import subject_for
from gatepost.flows.outbox import Content, UndeliveredError, write_letter
from gatepost.jose import LOGOUT_TOKEN_TYPE
from gatepost.oauth.logout_token import render_logout_token
from gatepost.outbound import OutboundError
from gatepost.records import Letter
from gatepost.secrets import new_id, parse_id
from gatepost.store.sessions import list_apps_of_session

LOGOUT_TOKEN = "logout_token"

_FORM = "application/x-www-form-urlencoded"


async def tell_apps(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """The letters to the apps that took part in a session and want to hear of its end."""
    session = parse_id("ses", target) or b""
    letters = []
    for org, client_id, user_id in await instance.store.read(list_apps_of_session(session)):
        known = await find_known_app(instance, client_id)
        if known and known.metadata.backchannel_logout_uri:
            about = {"org": org.hex(), "client_id": client_id, "user": user_id.hex()}
            about |= {"sid": target, "jti": str(UUID(bytes=new_id()))}
            letters.append(write_letter(instance, LOGOUT_TOKEN, client_id, about))
    return tuple(letters)


async def send_logout_token(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """Send one app its logout token; one that has gone meanwhile, or no longer listens, is left alone. §2.5."""
    known = await find_known_app(instance, target)
    uri = known.metadata.backchannel_logout_uri if known and not known.is_disabled else None
    if known is None or uri is None:
        return ()
    subject = await subject_for(instance, bytes.fromhex(content["user"]), known)
    claims = render_logout_token(
        instance.issuer, subject, target, sid=content["sid"], jti=content["jti"], now=instance.clock()
    )
    token = await instance.signing.mint(claims, LOGOUT_TOKEN_TYPE, known.metadata.id_token_signed_response_alg)
    body = f"logout_token={token}".encode()
    try:
        answer = await instance.fetcher.post(uri, _FORM, body)
    except OutboundError as error:
        raise UndeliveredError(str(error), final=error.reason == "url") from None
    if answer.status not in (200, 204):
        raise UndeliveredError(f"{uri} answered {answer.status}")
    return ()
