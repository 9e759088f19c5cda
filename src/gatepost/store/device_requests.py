"""Questions about devices that wait for a person's answer. A request is found by its user code, and becomes a grant.

A user code says nothing of an organization, and whoever reads it may be of another one than the app; so the requests are
the instance's, and the answer names the organization that the grant will be for.
"""

from gatepost.records import DeviceRequest
from gatepost.store.events import Act, record
from gatepost.store.grants import NewGrant, make_grant
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.restored import restored_at

SWEEP = 16
"""How many expired requests one new one clears away."""

SLOWER = 5
"""Seconds by which a device that asks too often has to wait longer, from then on. RFC 8628 §3.5."""

SLACK = 1
"""Seconds that the way through a network may take from an interval that was kept."""

_COLUMNS = "user_code, client_id, app_org, scope, resource, address, created_at, expires_at, state, approval"
_THIS = "org = ? and user_code = ? and created_at = ?"


@question
def make_device_request(request: DeviceRequest, interval: int) -> Steps[bool]:
    """Keep a new request. False when another one has its user code. Passing by, it clears away a few that expired."""
    yield SQL(
        """delete from device_requests where org = ? and user_code in
            (select user_code from device_requests where org = ? and expires_at <= ? order by expires_at limit ?)""",
        (INSTANCE, INSTANCE, request.created_at, SWEEP),
    )
    rows = yield SQL(
        f"""insert into device_requests (org, {_COLUMNS}, polled_at, poll_seconds)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) on conflict do nothing returning user_code""",
        (INSTANCE, *request, interval),
    )
    return bool(rows)


@question
def find_device_request(user_code: str) -> Steps[DeviceRequest | None]:
    """The request with this user code, expired or not."""
    rows = yield SQL(f"select {_COLUMNS} from device_requests where org = ? and user_code = ?", (INSTANCE, user_code))
    return DeviceRequest._make(rows[0]) if rows else None


@question
def note_poll(request: DeviceRequest, now: int) -> Steps[bool]:
    """Note that the device asked. False when it did so too early, and then it has to wait longer next time."""
    this = (INSTANCE, request.user_code, request.created_at)
    rows = yield SQL(
        f"update device_requests set polled_at = ? where {_THIS} and polled_at + poll_seconds <= ? returning user_code",
        (now, *this, now + SLACK),
    )
    if not rows:
        yield SQL(
            f"update device_requests set polled_at = ?, poll_seconds = poll_seconds + ? where {_THIS}",
            (now, SLOWER, *this),
        )
    return bool(rows)


@question
def answer_device_request(
    org: bytes, request: DeviceRequest, state: str, approval: str | None, act: Act
) -> Steps[bool]:
    """Keep what the person said. False when somebody answered before, or too much time went by; then nothing changed."""
    rows = yield SQL(
        f"""update device_requests set state = ?, approval = ?
            where {_THIS} and state = ? and expires_at > ? returning user_code""",
        (state, approval, INSTANCE, request.user_code, request.created_at, request.state, act.at),
    )
    if rows:
        yield from record(org, "grant.device_approved" if approval else "grant.device_denied", act)
    return bool(rows)


@question
def redeem_device_request(org: bytes, request: DeviceRequest, new: NewGrant, act: Act) -> Steps[bool]:
    """Turn an approved request into its grant. The id of an approval is its grant's, so it becomes one grant only.

    False for whoever comes second, for what stands on something that is not live any more, and for a request from before
    the database was restored from a backup.
    """
    if request.created_at < (yield from restored_at()):
        return False
    if not (yield from make_grant(org, new, act)):
        return False
    yield SQL(f"delete from device_requests where {_THIS}", (INSTANCE, request.user_code, request.created_at))
    return True
