"""How each kind of letter is sent: one row to a kind."""

from gatepost.flows.logout_tokens import LOGOUT_TOKEN, send_logout_token, tell_apps
from gatepost.flows.mails import KIND, send_mail
from gatepost.flows.outbox import Deliver
from gatepost.flows.webhook_sending import LATE, WEBHOOK, send_event, send_late
from gatepost.store.sessions import SESSION_ENDED

DELIVERIES: dict[str, Deliver] = {
    SESSION_ENDED: tell_apps,
    LOGOUT_TOKEN: send_logout_token,
    KIND: send_mail,
    WEBHOOK: send_event,
    LATE: send_late,
}
