"""Questions that set how many requests a minute tokens are good for: an organization's, an app's, a grant's."""

from gatepost.light import replace
from gatepost.store.events import Act, record
from gatepost.store.question import SQL, Steps, question


@question
def limit_org(org: bytes, rate: int | None, act: Act) -> Steps[bool]:
    """Limit all tokens of an organization together; None takes the limit away. False when there is no such organization."""
    rows = yield SQL("update orgs set rate_limit = ? where org = ? returning org", (rate, org))
    if rows:
        yield from record(org, "org.limited", act, detail=_detail(rate))
    return bool(rows)


@question
def limit_app(org: bytes, client_id: str, before: int | None, rate: int | None, act: Act) -> Steps[bool]:
    """Limit all tokens of an app together; None takes the limit away. False when no such app has the limit `before`."""
    rows = yield SQL(
        """update apps set rate_limit = ?, version = version + 1 where org = ? and client_id = ?
            and rate_limit is not distinct from ? returning client_id""",
        (rate, org, client_id, before),
    )
    if rows:
        yield from record(org, "app.limited", replace(act, client_id=client_id), detail=_detail(rate))
    return bool(rows)


@question
def limit_grant(org: bytes, grant: bytes, before: int | None, rate: int | None, act: Act) -> Steps[bool]:
    """Limit the tokens of one grant; None takes the limit away. False when no such grant has the limit `before`."""
    rows = yield SQL(
        """update grants set rate_limit = ? where org = ? and id = ? and rate_limit is not distinct from ?
            returning client_id, user_id""",
        (rate, org, grant, before),
    )
    for client_id, user_id in rows:
        about = replace(act, client_id=client_id, user_id=user_id, grant_id=grant)
        yield from record(org, "grant.limited", about, detail=_detail(rate))
    return bool(rows)


def _detail(rate: int | None) -> str:
    return f'{{"rate_limit":"{f"{rate}/m" if rate else "none"}"}}'
