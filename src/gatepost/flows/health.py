"""What an organization should look after: one literal table of checks, each a pure judgement of the facts.

`gatepost doctor` looks at the whole machine, and what it finds there is the operator's. An organization may be one of
many on a server, and no role of it is the operator's; so its people are told what concerns them, and of the server only
what anybody can see from outside or has to reckon with: how it is reached, whether it sends mails, how its keys stand.
Whoever may not see a thing is not told about it either.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.flows.upkeep.deployment import LISTED, SOON
from gatepost.flows.upkeep.doctor import OLD_KEY, shown_instant
from gatepost.records import SigningKeyRecord, Webhook
from gatepost.store.browsing import Expiring, list_expiring_of
from gatepost.store.migrating import schema_version
from gatepost.store.migrations import NEWEST
from gatepost.store.signing_keys import list_signing_keys
from gatepost.store.webhooks import list_webhooks

OK, ADVICE, PROBLEM = "ok", "advice", "problem"


class Finding(NamedTuple):
    """What is not as it should be: a name out of WORDS, what it is about, and since or until when.

    `about` is how people call it, `place` the client_id of its app, if it is an app's.
    """

    name: str
    about: str = ""
    at: int | None = None
    place: str = ""


class Facts(NamedTuple):
    """An organization as it was found; empty is also what whoever asks may not see."""

    now: int
    issuer: str
    sends_mails: bool
    schema: int
    signing_keys: list[SigningKeyRecord]
    expiring: list[Expiring]
    webhooks: list[Webhook]


Findings: TypeAlias = Iterator[Finding]


class Check(NamedTuple):
    """A thing that is looked at, what holds when all is well, the judgement, and what one has to be allowed to see."""

    name: str
    what: str
    judge: Callable[[Facts], Findings]
    deed: Deed = Deed.ORG_READ


class Words(NamedTuple):
    """A finding in words: how bad it is, what was found, and what to do."""

    status: str
    why: str
    fix: str


WORDS = {
    "http": Words(ADVICE, "the server is reached by http, which is for work on one machine", "an https issuer"),
    "no_mails": Words(ADVICE, "the server sends no mails: invitations are handed on by hand", "the setting mail.url"),
    "schema": Words(PROBLEM, "the database has another version's schema", "gatepost migrate"),
    "no_next_key": Words(PROBLEM, "no next {about} key is published", "gatepost doctor"),
    "old_key": Words(ADVICE, "the {about} key has been in use since {at}", "gatepost signing-key rotate"),
    "secret_over": Words(ADVICE, "the secret of {place} that ends in {about} expired at {at}", "delete it"),
    "secret_ends": Words(
        ADVICE, "the secret of {place} that ends in {about} expires at {at}", "add another and roll it out before"
    ),
    "api_key_over": Words(ADVICE, "the API key {about} expired at {at}", "end it, or make another"),
    "api_key_ends": Words(ADVICE, "the API key {about} expires at {at}", "make another and roll it out before"),
    "webhook_fails": Words(
        PROBLEM, "the webhook {about} has not been reached since {at}", "gatepost webhook deliveries"
    ),
}
"""Everything that may be found. Pages say the same in their reader's language."""


def _https(facts: Facts) -> Findings:
    # Before a server was started nobody knows how it will be reached.
    if facts.issuer and not facts.issuer.startswith("https:"):
        yield Finding("http")


def _mails(facts: Facts) -> Findings:
    if not facts.sends_mails:
        yield Finding("no_mails")


def _schema(facts: Facts) -> Findings:
    if facts.schema != NEWEST:
        yield Finding("schema")


def _signing_keys(facts: Facts) -> Findings:
    coming = {key.alg for key in facts.signing_keys if key.state == "next"}
    for key in facts.signing_keys:
        if key.state == "active" and key.alg not in coming:
            yield Finding("no_next_key", key.alg)
        if key.state == "active" and facts.now - (key.activated_at or facts.now) > OLD_KEY:
            yield Finding("old_key", key.alg, key.activated_at)


def _credentials(facts: Facts) -> Findings:
    for each in facts.expiring:
        kind = "secret" if each.client_id else "api_key"
        end = "over" if each.expires_at <= facts.now else "ends"
        yield Finding(f"{kind}_{end}", each.name, each.expires_at, each.client_id)


def _webhooks(facts: Facts) -> Findings:
    for each in facts.webhooks:
        if each.failing_at is not None and each.disabled_at is None:
            yield Finding("webhook_fails", each.name or each.url, each.failing_at)


CHECKS = (
    Check("https", "the server is reached by https", _https),
    Check("mails", "mails are sent", _mails),
    Check("schema", "the database is of this version", _schema),
    Check("signing keys", "the next signing key is published, and none is old", _signing_keys, Deed.SIGNING_READ),
    Check("credentials", "no API key or secret ends soon", _credentials, Deed.KEYS_READ),
    Check("webhooks", "webhooks are reached", _webhooks, Deed.WEBHOOKS_READ),
)
"""Everything that is looked at, in the order it is told."""


class Examined(NamedTuple):
    """A check, and what it found."""

    check: Check
    findings: list[Finding]

    @property
    def status(self) -> str:
        """The worst that was found."""
        found = {WORDS[each.name].status for each in self.findings}
        return next((each for each in (PROBLEM, ADVICE) if each in found), OK)


class Told(NamedTuple):
    """A check as the doctor tells of one; `why` and `fix` are None when all is well."""

    name: str
    status: str
    what: str
    why: str | None
    fix: str | None


async def examine(instance: Instance, org: bytes, actor: Actor) -> list[Examined]:
    """Every check of what this actor may see. Raises as `Actor.check` does."""
    actor.check(Deed.ORG_READ, org)
    facts = await _look(instance, org, actor)
    return [Examined(each, list(each.judge(facts))) for each in CHECKS if actor.may(each.deed)]


async def _look(instance: Instance, org: bytes, actor: Actor) -> Facts:
    read, now = instance.store.read, instance.clock()
    sees_keys, sees_webhooks = actor.may(Deed.KEYS_READ), actor.may(Deed.WEBHOOKS_READ)
    return Facts(
        now=now,
        issuer=instance.issuer,
        sends_mails=instance.mailer is not None,
        schema=await read(schema_version()),
        signing_keys=await read(list_signing_keys()),
        expiring=await read(list_expiring_of(org, now + SOON, LISTED)) if sees_keys else [],
        webhooks=await read(list_webhooks(org)) if sees_webhooks else [],
    )


def tell(examined: list[Examined]) -> Iterator[Told]:
    """All of it in words, a row for each finding and one for each check without."""
    for check, findings in examined:
        for each in findings:
            status, why, fix = WORDS[each.name]
            at = shown_instant(each.at) if each.at else ""
            yield Told(check.name, status, check.what, why.format(about=each.about, at=at, place=each.place), fix)
        if not findings:
            yield Told(check.name, OK, check.what, None, None)


def retiring(keys: list[SigningKeyRecord], now: int) -> list[SigningKeyRecord]:
    """The keys that leave the JWKS by themselves, and have not yet."""
    return [key for key in keys if key.remove_at is not None and key.remove_at > now]
