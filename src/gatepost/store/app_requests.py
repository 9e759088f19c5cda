"""Questions about apps that people asked an organization's admins to approve.

An app has one row in an organization, whoever asks and however often: the queue's entry, and the answer to it. What was
agreed to stands apart from what is asked, so that nobody takes an app away from everybody else by asking for more of it.
"""

import json

from gatepost.light import replace
from gatepost.records import AGREED, REFUSED, WAITING, AppRequest, Letter
from gatepost.store.browsing import NEWEST, Page
from gatepost.store.events import Act, record
from gatepost.store.outbox import put_letter
from gatepost.store.question import SQL, Steps, question

_COLUMNS = """id, client_id, name, hosts, scope, digest, state, asked_by, asked_at, agreed_scope, agreed_digest,
    decided_by, decided_at, reason"""


@question
def find_app_request(org: bytes, client_id: str) -> Steps[tuple[bool, AppRequest | None]]:
    """Whether the organization approves apps before people connect them, and what was asked and said of this one."""
    rows = yield SQL("select apps_need_approval = 1 from orgs where org = ?", (org,))
    is_needed = bool(rows) and bool(rows[0][0])
    rows = yield SQL(f"select {_COLUMNS} from app_requests where org = ? and client_id = ?", (org, client_id))
    return is_needed, AppRequest._make(rows[0]) if rows else None


@question
def get_app_request(org: bytes, id: bytes) -> Steps[AppRequest | None]:
    """The request with this id."""
    rows = yield SQL(f"select {_COLUMNS} from app_requests where org = ? and id = ?", (org, id))
    return AppRequest._make(rows[0]) if rows else None


@question
def browse_app_requests(org: bytes, state: str, before: bytes | None, limit: int) -> Steps[Page[AppRequest]]:
    """The requests in this state, the newest first. The cursor is an id."""
    rows = yield SQL(
        f"select {_COLUMNS} from app_requests where org = ? and state = ? and id < ? order by id desc limit ?",
        (org, state, before or NEWEST, limit + 1),
    )
    found = [AppRequest._make(row) for row in rows[:limit]]
    return Page(found, found[-1].id if len(rows) > limit else None)


@question
def count_waiting(org: bytes, limit: int, asked_by: bytes | None = None) -> Steps[int]:
    """How many requests wait for an answer, or how many of one person's; it counts up to `limit`."""
    whose, who = ("", ()) if asked_by is None else (" and asked_by = ?", (asked_by,))
    rows = yield SQL(
        f"select count(*) from (select 1 from app_requests where org = ? and state = ?{whose} limit ?) as waiting",
        (org, WAITING, *who, limit),
    )
    count: int = rows[0][0]
    return count


@question
def ask_for_app(org: bytes, asked: AppRequest, letters: tuple[Letter, ...], act: Act) -> Steps[bool]:
    """Put an app into the queue, with letters that tell of it. False when nothing comes of it.

    That is so when it waits there already, or was refused as it is, or somebody else asked at the same moment. What is asked
    of the same app comes on top of what was asked before. The update's own condition decides between two at once.
    """
    _, before = yield from find_app_request(org, asked.client_id)
    is_same = before is not None and before.digest == asked.digest
    if before and is_same:
        asked = asked._replace(scope=" ".join(dict.fromkeys((*before.scope.split(), *asked.scope.split()))))
        if before.state == REFUSED or (before.state == WAITING and before.scope == asked.scope):
            return False
    seen = (before.state, before.scope, before.digest) if before else ("", "", b"")
    rows = yield SQL(
        f"""insert into app_requests (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, null, null, null, '')
            on conflict (org, client_id) do update set name = excluded.name, hosts = excluded.hosts, scope = excluded.scope,
            digest = excluded.digest, state = excluded.state, asked_by = excluded.asked_by, asked_at = excluded.asked_at,
            decided_by = null, decided_at = null, reason = ''
            where app_requests.state = ? and app_requests.scope = ? and app_requests.digest = ? returning id""",
        (org, *asked[:9], *seen),
    )
    if not rows:
        return False
    if before is None or before.state != WAITING:
        for letter in letters:
            yield from put_letter(letter)
    about = replace(act, client_id=asked.client_id, user_id=asked.asked_by)
    yield from record(
        org, "request.approval_asked", about, detail=json.dumps({"name": asked.name, "scope": asked.scope})
    )
    return True


@question
def decide_app_request(
    org: bytes, shown: AppRequest, state: str, reason: str, letters: tuple[Letter, ...], act: Act
) -> Steps[bool]:
    """Approve or refuse what was shown of a request. False when it is no such request any more; then nothing changed.

    So of two who decide at once one does, and nobody says yes to more than they saw.
    """
    agreed = (shown.scope, shown.digest) if state == AGREED else (None, None)
    rows = yield SQL(
        """update app_requests set state = ?, agreed_scope = ?, agreed_digest = ?, decided_by = ?, decided_at = ?, reason = ?
            where org = ? and id = ? and state = ? and scope = ? and digest = ? returning id""",
        (state, *agreed, act.actor, act.at, reason, org, shown.id, shown.state, shown.scope, shown.digest),
    )
    if not rows:
        return False
    for letter in letters:
        yield from put_letter(letter)
    detail = {"name": shown.name, "scope": shown.scope} if state == AGREED else {"name": shown.name, "reason": reason}
    about = replace(act, client_id=shown.client_id)
    yield from record(org, "app.approved" if state == AGREED else "app.refused", about, detail=json.dumps(detail))
    return True
