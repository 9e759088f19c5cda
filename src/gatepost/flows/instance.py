"""What every verb stands on: the store, the keys, the policy and the clock of one running Gatepost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from gatepost.flows.client_documents import ClientDocuments
from gatepost.flows.counting import Counts
from gatepost.flows.policy import Policy
from gatepost.flows.remote_keys import RemoteKeys
from gatepost.flows.signing import SigningRing
from gatepost.outbound import Fetcher
from gatepost.secrets import Keyring
from gatepost.settings import DpopSettings, PasswordSettings, SessionSettings, TokenSettings
from gatepost.store.question import Store


class Mailer(Protocol):
    """Writes mails in people's languages and sends them; see `mail` and `pages.mails`."""

    async def send(self, to: str, template: str, locale: str, view: dict[str, Any]) -> None:
        """Send one mail. Raises `mail.RefusedMailError`."""
        ...


def wall_clock() -> int:
    """Seconds since the epoch, UTC."""
    return int(time.time())


def fresh_epoch() -> int:
    """Where a new count of revocations starts: microseconds, so that no thing made again starts where the old one stood."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Instance:
    """One running Gatepost, as its verbs see it. `issuer` is empty for a command on data that no server has served yet."""

    store: Store
    keyring: Keyring
    signing: SigningRing
    policy: Policy
    counts: Counts
    fetcher: Fetcher
    remote_keys: RemoteKeys
    documents: ClientDocuments
    mailer: Mailer | None
    issuer: str
    tokens: TokenSettings
    dpop: DpopSettings
    passwords: PasswordSettings
    sessions: SessionSettings
    sign_up: str
    registration: str
    clock: Callable[[], int]
