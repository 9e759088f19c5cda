"""How each kind of letter is sent: one row to a kind."""

from gatepost.flows.outbox import Deliver

DELIVERIES: dict[str, Deliver] = {}
