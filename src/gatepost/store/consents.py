"""Questions about consent: what a person let an app do in an organization, and what of that they took back."""

from gatepost.light import replace
from gatepost.records import App, Consent
from gatepost.secrets import render_id
from gatepost.store.apps import keep_free_app
from gatepost.store.events import Act, record
from gatepost.store.question import SQL, Steps, question
from gatepost.store.revocations import tell
from gatepost.store.spent import spend

ANSWER = "flow"
"""What the answer to a page of consent uses up, be it yes or no: the first one counts."""

_COLUMNS = "org, user_id, client_id, scope, digest, created_at"


@question
def find_consent(org: bytes, user_id: bytes, client_id: str) -> Steps[Consent | None]:
    """What this person let this app do here; None when they were never asked, or took it back."""
    rows = yield SQL(
        f"select {_COLUMNS} from consents where org = ? and user_id = ? and client_id = ?", (org, user_id, client_id)
    )
    return Consent._make(rows[0]) if rows else None


@question
def give_consent(
    org: bytes,
    consent: Consent,
    flow: bytes,
    started_at: int,
    expires_at: int,
    act: Act,
    newcomer: tuple[App, tuple[str, ...], int] | None = None,
) -> Steps[bool]:
    """Remember a consent, once for each flow: False when this flow's page was answered before; then nothing changed.

    `newcomer` is what `keep_free_app` takes, for an app that belongs to no organization: with the consent it gets its row.
    A wider consent given before to the same app stays as wide, if it was given on the same terms.
    """
    if not (yield from spend(ANSWER, flow, started_at, expires_at, act.at)):
        return False
    if newcomer:
        yield from keep_free_app(*newcomer, act)
    before = yield from find_consent(org, consent.user_id, consent.client_id)
    scopes = before.scope.split() if before and before.digest == consent.digest else []
    scope = " ".join(dict.fromkeys((*scopes, *consent.scope.split())))
    yield SQL(
        f"""insert into consents ({_COLUMNS}) values (?, ?, ?, ?, ?, ?)
            on conflict (org, user_id, client_id) do update
            set scope = excluded.scope, digest = excluded.digest, created_at = excluded.created_at""",
        (org, consent.user_id, consent.client_id, scope, consent.digest, act.at),
    )
    who = replace(act, client_id=consent.client_id, user_id=consent.user_id)
    yield from record(org, "grant.consented", who)
    return True


@question
def list_consents(org: bytes, user_id: bytes) -> Steps[list[Consent]]:
    """All that a person let apps do in an organization."""
    rows = yield SQL(
        f"select {_COLUMNS} from consents where org = ? and user_id = ? order by client_id", (org, user_id)
    )
    return [Consent._make(row) for row in rows]


@question
def take_back_consents(org: bytes, client_id: str, user_id: bytes | None) -> Steps[None]:
    """Take back what a person let an app do; or, without one, what everybody in the organization did."""
    of_one, values = ("", ()) if user_id is None else (" and user_id = ?", (user_id,))
    yield SQL(f"delete from consents where org = ? and client_id = ?{of_one}", (org, client_id, *values))


@question
def end_connection(org: bytes, user_id: bytes, client_id: str, act: Act) -> Steps[int]:
    """Take back what a person let an app do: the consent, and every grant that came of it. Answers how many grants ended."""
    yield from take_back_consents(org, client_id, user_id)
    ended = yield SQL(
        """update grants set revoked_at = ? where org = ? and user_id = ? and client_id = ? and revoked_at is null
            returning id""",
        (act.at, org, user_id, client_id),
    )
    for (grant,) in ended:
        yield from tell(org, "grant", render_id("gnt", grant), act.at)
    yield from record(org, "grant.disconnected", replace(act, client_id=client_id, user_id=user_id))
    return len(ended)
