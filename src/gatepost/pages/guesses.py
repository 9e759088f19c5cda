"""How often somebody may be wrong about a secret of an account, before they have to wait."""

from gatepost.errors import too_many
from gatepost.flows.people import MAX_EMAIL, canonical_email
from gatepost.web.limits import Buckets, bucket_of


class Guesses:
    """Wrong guesses, counted for each account and address together, and for each address."""

    def __init__(self, by_account: Buckets, by_address: Buckets) -> None:
        self._by_account = by_account
        self._by_address = by_address

    def take(self, email: str, address: str) -> None:
        """Count a guess before it is looked at: many at once must be no way around. Raises `too_many_requests`."""
        buckets = self._buckets(email, address)
        _refuse(max(bucket.is_empty(key) for bucket, key in buckets))
        for bucket, key in buckets:
            bucket.take(key)

    def give_back(self, email: str, address: str) -> None:
        """It was no wrong guess."""
        for bucket, key in self._buckets(email, address):
            bucket.give_back(key)

    def _buckets(self, email: str, address: str) -> tuple[tuple[Buckets, object], ...]:
        place = bucket_of(address)
        return (self._by_account, (_named(email), place)), (self._by_address, place)


class CodeTries:
    """Tries of a code so short that it could be guessed: few for each account, from wherever they come."""

    def __init__(self, by_account: Buckets) -> None:
        self._by_account = by_account

    def take(self, user_id: bytes) -> None:
        """Count one before it is looked at: many at once must be no way around. Raises `too_many_requests`."""
        _refuse(self._by_account.take(user_id))


class MailOrders:
    """Mails that somebody asks for without having proved anything: one a minute to each mailbox, some from each address."""

    def __init__(self, by_mailbox: Buckets, by_address: Buckets) -> None:
        self._by_mailbox = by_mailbox
        self._by_address = by_address

    def take(self, email: str, address: str) -> bool:
        """Whether the mail may go out now.

        Whoever asks is not told. Raises `too_many_requests` for an address that asks often.
        """
        _refuse(self._by_address.take(bucket_of(address)))
        return not self._by_mailbox.take(_named(email))


def _named(email: str) -> str:
    """The e-mail as it is counted: cut to the longest there can be, so nobody fills the memory with names of nobody."""
    return canonical_email(email)[:MAX_EMAIL]


def _refuse(wait: int) -> None:
    if wait:
        raise too_many("tries", wait)
