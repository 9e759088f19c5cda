"""Questions about webhooks: where an organization wants to hear of its events, and what was delivered.

# Why the events are the queue

Every event is kept in the transaction of its act. So nothing has to be put into a queue there, and an act costs the same
whether somebody listens or not: a server reads the events of organizations that have webhooks behind a cursor, and has
`feed` make a delivery of each that is wanted. A delivery is one row to a webhook and an event, so whoever comes second,
another node or the same one looking back, makes nothing. It is made in one transaction with the letter that carries it.
"""

from typing import NamedTuple

from gatepost.records import Letter, Webhook
from gatepost.store.browsing import NEWEST
from gatepost.store.events import Act, detail_of, record
from gatepost.store.outbox import put_letter
from gatepost.store.question import SQL, Steps, question

_COLUMNS = "id, name, url, types, secrets, created_at, fed_id, disabled_at, failing_at"
_DELIVERY = "webhook_id, event_id, type, state, created_at, attempts"

_AS_IT_WAS = "name = ? and url = ? and types = ? and secrets = ? and disabled_at is not distinct from ?"

KEPT = 1000
"""Deliveries that are kept of a webhook: the newest."""

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


class Delivery(NamedTuple):
    """An event on its way to a webhook, or what became of it. `attempts` is a JSON array, the newest last."""

    webhook_id: bytes
    event_id: bytes
    type: str
    state: str
    created_at: int
    attempts: str


@question
def make_webhook(org: bytes, webhook: Webhook, act: Act) -> Steps[None]:
    """Keep a new webhook."""
    yield SQL(f"insert into webhooks (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (org, *webhook))
    yield from record(org, "webhook.made", act, detail=detail_of("whk", webhook.id))


@question
def list_webhooks(org: bytes) -> Steps[list[Webhook]]:
    """The organization's webhooks, oldest first."""
    rows = yield SQL(f"select {_COLUMNS} from webhooks where org = ? order by id", (org,))
    return [Webhook._make(row) for row in rows]


@question
def find_webhook(org: bytes, webhook: bytes) -> Steps[Webhook | None]:
    """One of the organization's webhooks."""
    rows = yield SQL(f"select {_COLUMNS} from webhooks where org = ? and id = ?", (org, webhook))
    return Webhook._make(rows[0]) if rows else None


@question
def replace_webhook(org: bytes, before: Webhook, webhook: Webhook, act: Act) -> Steps[bool]:
    """Keep what may change of a webhook. False when it is gone or not as it was `before`: a secret stays renewed."""
    rows = yield SQL(
        f"""update webhooks set name = ?, url = ?, types = ?, secrets = ?, disabled_at = ?,
            fed_id = case when fed_id < ? then ? else fed_id end where org = ? and id = ? and {_AS_IT_WAS} returning id""",
        (
            *(*_changeable(webhook), webhook.fed_id, webhook.fed_id),
            *(org, webhook.id, *_changeable(before)),
        ),
    )
    if rows:
        yield from record(org, "webhook.changed", act, detail=detail_of("whk", webhook.id))
    return bool(rows)


@question
def delete_webhook(org: bytes, webhook: Webhook, act: Act) -> Steps[bool]:
    """Delete a webhook, with what is known of its deliveries. False when it is gone, or not as it was any more."""
    rows = yield SQL(
        f"delete from webhooks where org = ? and id = ? and {_AS_IT_WAS} returning id",
        (org, webhook.id, *_changeable(webhook)),
    )
    if rows:
        yield SQL("delete from webhook_deliveries where org = ? and webhook_id = ?", (org, webhook.id))
        yield from record(org, "webhook.deleted", act, detail=detail_of("whk", webhook.id))
    return bool(rows)


@question
def list_listening() -> Steps[list[tuple[bytes, bytes]]]:
    """The organizations that have a webhook in use, each with the id up to which all of its are fed."""
    rows = yield SQL("select org, fed_id from webhooks where disabled_at is null order by org, fed_id")
    oldest: dict[bytes, bytes] = {}
    for org, fed in rows:
        oldest.setdefault(org, fed)
    return list(oldest.items())


@question
def feed(org: bytes, webhook: bytes, event: bytes, type: str, letter: Letter) -> Steps[bool]:
    """Make the delivery of an event to a webhook. False when it was made before, or the webhook is gone."""
    rows = yield SQL(
        f"""insert into webhook_deliveries (org, {_DELIVERY}) select w.org, w.id, ?, ?, ?, ?, '[]' from webhooks w
            where w.org = ? and w.id = ? on conflict do nothing returning event_id""",
        (event, type, PENDING, letter.created_at, org, webhook),
    )
    if rows:
        yield from put_letter(letter)
    return bool(rows)


@question
def note_fed(org: bytes, event: bytes) -> Steps[None]:
    """Everything up to this event is fed; the next look begins behind it. Sweep deliveries that are one too many."""
    rows = yield SQL(
        "update webhooks set fed_id = ? where org = ? and fed_id < ? and disabled_at is null returning id",
        (event, org, event),
    )
    for (webhook,) in rows:
        yield SQL(
            """delete from webhook_deliveries where org = ? and webhook_id = ? and event_id < ? and event_id <=
                (select event_id from webhook_deliveries where org = ? and webhook_id = ? order by event_id desc
                    limit 1 offset ?)""",
            (org, webhook, event, org, webhook, KEPT),
        )


@question
def find_delivery(org: bytes, webhook: bytes, event: bytes) -> Steps[Delivery | None]:
    """The delivery of one event to one webhook."""
    rows = yield SQL(
        f"select {_DELIVERY} from webhook_deliveries where org = ? and webhook_id = ? and event_id = ?",
        (org, webhook, event),
    )
    return Delivery._make(rows[0]) if rows else None


@question
def list_deliveries(org: bytes, webhook: bytes, limit: int, before: bytes | None = None) -> Steps[list[Delivery]]:
    """The newest `limit` deliveries to a webhook, those ahead of the id `before` if there is one; newest first."""
    rows = yield SQL(
        f"""select {_DELIVERY} from webhook_deliveries where org = ? and webhook_id = ? and event_id < ?
            order by event_id desc limit ?""",
        (org, webhook, before or NEWEST, limit),
    )
    return [Delivery._make(row) for row in rows]


@question
def note_attempt(org: bytes, delivery: Delivery, failing_at: int | None) -> Steps[None]:
    """Keep how a delivery stands.

    Only whoever holds its letter does this; `failing_at` is since when the webhook fails, if so.
    """
    yield SQL(
        "update webhook_deliveries set state = ?, attempts = ? where org = ? and webhook_id = ? and event_id = ?",
        (delivery.state, delivery.attempts, org, delivery.webhook_id, delivery.event_id),
    )
    condition = "failing_at is not null" if failing_at is None else "failing_at is null"
    yield SQL(
        f"update webhooks set failing_at = ? where org = ? and id = ? and {condition}",
        (failing_at, org, delivery.webhook_id),
    )


@question
def send_again(org: bytes, delivery: Delivery, letter: Letter, act: Act) -> Steps[bool]:
    """Send a delivery once more, from the first try on. False when it is under way, or gone."""
    rows = yield SQL(
        """update webhook_deliveries set state = ? where org = ? and webhook_id = ? and event_id = ? and state <> ?
            returning event_id""",
        (PENDING, org, delivery.webhook_id, delivery.event_id, PENDING),
    )
    if rows:
        yield from put_letter(letter)
        yield from record(org, "webhook.resent", act, detail=detail_of("whk", delivery.webhook_id))
    return bool(rows)


@question
def start_test(org: bytes, webhook: bytes, act: Act) -> Steps[bytes | None]:
    """Record an event that is for this webhook, and its delivery; answers the event's id. None when the webhook is gone."""
    rows = yield SQL("select id from webhooks where org = ? and id = ?", (org, webhook))
    if not rows:
        return None
    event = yield from record(org, "webhook.tested", act, detail=detail_of("whk", webhook))
    yield SQL(
        f"insert into webhook_deliveries (org, {_DELIVERY}) values (?, ?, ?, 'webhook.tested', ?, ?, '[]')",
        (org, webhook, event, PENDING, act.at),
    )
    return event


def _changeable(webhook: Webhook) -> tuple[str, str, str, bytes, int | None]:
    return webhook.name, webhook.url, webhook.types, webhook.secrets, webhook.disabled_at
