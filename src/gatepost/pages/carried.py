"""The flow that a page carries along, and what is said where it is over: that, and where its app starts."""

from gatepost.flows.authorize import find_flow, open_flow
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import find_known_app
from gatepost.oauth.flow import Flow
from gatepost.oauth.newcomers import CLIENT_IDS
from gatepost.ui.faults import PageError, page_over
from gatepost.ui.visit import Visit, Visits


async def open_carried(instance: Instance, visit: Visit, text: str) -> Flow:
    """The flow that a page of this browser carries. Raises `page_expired` for one that is too old or another browser's."""
    flow = find_flow(instance, text, visit.browser)
    if flow is None or flow.is_over(instance.clock()):
        raise await flow_over(instance, visit, flow)
    return flow


async def follow(instance: Instance, visits: Visits, visit: Visit, text: str) -> tuple[Visit, str]:
    """The visit as the flow leads it that it came with, and that flow. Of one that is over or another browser's, nothing.

    For pages that are good without: a mailed link may be opened in another browser than the one that asked for it.
    """
    flow = open_flow(instance, text, visit.browser)
    return await visits.led_by(visit, flow), text if flow else ""


async def flow_over(instance: Instance, visit: Visit, flow: Flow | None) -> PageError:
    """The refusal of a page whose flow is over. It leads back to the home page of its app, if somebody here registered it."""
    if flow is None or flow.client_id.startswith(CLIENT_IDS):
        return page_over(visit)
    known = await find_known_app(instance, flow.client_id)
    return page_over(visit, known.metadata.client_uri or "" if known else "")
