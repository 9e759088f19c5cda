"""The approval queue: apps of others that people asked for."""

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import AppRequestDocument, Page
from gatepost.api.rendering import of_request
from gatepost.flows.app_requests import decide, request_of, requests_of
from gatepost.records import AGREED, REFUSED, AppRequest


async def list_requests(call: Call, ask: asks.RequestListing) -> Page[AppRequestDocument]:
    """List requests for apps, the newest first."""
    before = call.position(ask.after) or None
    page = await requests_of(call.instance, call.org, call.actor, ask.state, before, ask.limit + 1)
    return call.page(page.rows, ask.limit, of_request, lambda request: request.id)


async def show(call: Call, _: None) -> AppRequestDocument:
    """Show a request for an app."""
    return of_request(await _named(call))


async def approve(call: Call, _: None) -> AppRequestDocument:
    """Let everybody in the organization connect the app, for what was asked. Send `If-Match` to approve what you have seen."""
    return await _decide(call, AGREED, "")


async def refuse(call: Call, ask: asks.Refusal) -> AppRequestDocument:
    """Let nobody connect the app from now on."""
    return await _decide(call, REFUSED, ask.reason)


async def _decide(call: Call, state: str, reason: str) -> AppRequestDocument:
    request = await _named(call)
    call.check_unchanged(of_request(request))
    return of_request(await decide(call.instance, call.org, request, state, reason, call.actor))


async def _named(call: Call) -> AppRequest:
    return await request_of(call.instance, call.org, call.names["request"], call.actor)
