"""Links that are sent by mail: sealed, for one purpose, good for a while. What spends them is the question they belong to."""

from typing import NamedTuple
from urllib.parse import quote

import orjson

from gatepost.flows.instance import Instance
from gatepost.secrets import MAIL_LINK, new_id

RESET = "reset"
VERIFY = "verify"
SIGN_UP = "sign_up"
INVITE = "invite"

PATHS = {RESET: "/reset/new", VERIFY: "/verify-email", SIGN_UP: "/sign-up/new", INVITE: "/invite"}
TTLS = {RESET: 1800, VERIFY: 86_400, SIGN_UP: 86_400, INVITE: 7 * 86_400}


class MailLink(NamedTuple):
    """What a link stands for. `subject` is a person or an e-mail; `state` has to be as it was when the link was made."""

    purpose: str
    id: str
    subject: str
    state: str
    made_at: int

    @property
    def expires_at(self) -> int:
        return self.made_at + TTLS[self.purpose]


def make_mail_link(instance: Instance, purpose: str, subject: str, state: str = "") -> str:
    """The URL of a new link. The token is in the query, which is never logged."""
    link = MailLink(purpose, new_id().hex(), subject, state, instance.clock())
    token = instance.keyring.seal_text(MAIL_LINK, orjson.dumps(list(link)))
    return f"{instance.issuer.rstrip('/')}{PATHS[purpose]}?link={quote(token)}"


def open_mail_link(instance: Instance, purpose: str, text: str) -> MailLink | None:
    """What a link stands for; None when it is not ours, of another purpose, or too old."""
    plain = instance.keyring.unseal_text(MAIL_LINK, text)
    link = MailLink(*orjson.loads(plain)) if plain else None
    return link if link and link.purpose == purpose and instance.clock() < link.expires_at else None
