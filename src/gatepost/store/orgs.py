"""Questions about organizations and the names that lead to them."""

from gatepost.records import Org
from gatepost.secrets import render_id
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.revocations import DISABLED, tell

_COLUMNS = "org, name, auth_token, disabled_at, created_at, rate_limit, apps_need_approval = 1, settings"


@question
def make_org(org: bytes, name: str, epoch: int, act: Act) -> Steps[Org]:
    """Make an organization. `epoch` is where its count of revocations starts: a number never used before."""
    yield SQL(
        "insert into orgs (org, name, auth_token, epoch, disabled_at, created_at) values (?, ?, null, ?, null, ?)",
        (org, name, epoch, act.at),
    )
    yield from record(org, "org.made", act)
    return Org(org, name, None, None, act.at)


@question
def find_org(org: bytes) -> Steps[Org | None]:
    """The organization with this id."""
    rows = yield SQL(f"select {_COLUMNS} from orgs where org = ?", (org,))
    return Org._make(rows[0]) if rows else None


@question
def list_orgs(after: bytes = b"", limit: int = 1000) -> Steps[list[Org]]:
    """Organizations in the order they were made. It looks across all of them, so only commands ask it."""
    rows = yield SQL(f"select {_COLUMNS} from orgs where org > ? order by org limit ?", (after, limit))
    return [Org._make(row) for row in rows]


@question
def set_org_disabled(org: bytes, disabled: bool, act: Act) -> Steps[bool]:
    """Disable or enable an organization. False when there is none."""
    rows = yield SQL("update orgs set disabled_at = ? where org = ? returning org", (act.at if disabled else None, org))
    if rows:
        if disabled:
            yield from _tell_disabled(org, act.at)
        yield from record(org, "org.disabled" if disabled else "org.enabled", act)
    return bool(rows)


@question
def change_org(org: bytes, old: Org, new: Org, act: Act) -> Steps[bool]:
    """Give an organization another name, other settings, another word on apps. False when it is not as `old` says (any more)."""
    rows = yield SQL(
        """update orgs set name = ?, settings = ?, apps_need_approval = ?
            where org = ? and name = ? and settings = ? and apps_need_approval = ? returning org""",
        (*_chosen(new), org, *_chosen(old)),
    )
    if rows and new.name != old.name:
        yield from record(org, "org.renamed", act)
    if rows and new.settings != old.settings:
        yield from record(org, "org.changed", act, detail=f'{{"before":{old.settings},"after":{new.settings}}}')
    if rows and new.apps_need_approval != old.apps_need_approval:
        yield from record(org, "org.approval_needed" if new.apps_need_approval else "org.approval_not_needed", act)
    return bool(rows)


def _chosen(org: Org) -> tuple[str, str, int]:
    return org.name, org.settings, int(org.apps_need_approval)


@question
def _tell_disabled(org: bytes, now: int) -> Steps[None]:
    """Tell verifiers of the organization, and of each of its apps: those hold tokens of other organizations too."""
    yield from tell(org, "org" + DISABLED, render_id("org", org), now)
    apps = yield SQL("select client_id from apps where org = ? order by client_id", (org,))
    for (client_id,) in apps:
        yield from tell(org, "app" + DISABLED, client_id, now)


@question
def give_auth_token(org: bytes, candidate: str, act: Act) -> Steps[str | None]:
    """The organization's auth_token: the one it has, else `candidate` from now on.

    None when the candidate is another's, or there is no such organization.

    The update's own condition decides between two first calls at once; both answer the winner's value.
    """
    rows = yield SQL("select auth_token from orgs where org = ?", (org,))
    if not rows or rows[0][0] is not None:
        return rows[0][0] if rows else None
    if (yield from claim_name("auth_token", candidate, org)) != org:
        return None
    won = yield SQL(
        "update orgs set auth_token = ? where org = ? and auth_token is null returning org", (candidate, org)
    )
    if won:
        yield from record(org, "org.auth_token_made", act)
    rows = yield SQL("select auth_token from orgs where org = ?", (org,))
    token: str = rows[0][0]
    return token


@question
def claim_name(kind: str, name: str, owner: bytes) -> Steps[bytes]:
    """Give a name to an owner if nobody has it, and answer whose it is. A name is never given back."""
    yield SQL(
        "insert into names (org, kind, name, owner) values (?, ?, ?, ?) on conflict do nothing",
        (INSTANCE, kind, name, owner),
    )
    rows = yield SQL("select owner from names where org = ? and kind = ? and name = ?", (INSTANCE, kind, name))
    found: bytes = rows[0][0]
    return found


@question
def find_owner(kind: str, name: str) -> Steps[bytes | None]:
    """Whose name it is; None when nobody's."""
    rows = yield SQL("select owner from names where org = ? and kind = ? and name = ?", (INSTANCE, kind, name))
    return rows[0][0] if rows else None
