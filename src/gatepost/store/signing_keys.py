"""Questions about the instance's signing keys: next, active, retired."""

from gatepost.records import SigningKeyRecord
from gatepost.store.events import Act, record
from gatepost.store.orgs import claim_name
from gatepost.store.question import INSTANCE, SQL, Steps, question

_COLUMNS = "kid, state, wrapped, created_at, published_at, activated_at, retired_at, remove_at"


@question
def list_signing_keys() -> Steps[list[SigningKeyRecord]]:
    """All signing keys, oldest first."""
    rows = yield SQL(f"select {_COLUMNS} from signing_keys where org = ? order by created_at, kid", (INSTANCE,))
    return [SigningKeyRecord._make(row) for row in rows]


@question
def make_first_keys(active: tuple[str, bytes], coming: tuple[str, bytes], act: Act) -> Steps[bool]:
    """Keep the instance's first two keys, one in use and one published ahead. False when there are keys already."""
    rows = yield SQL("select 1 from signing_keys where org = ? limit 1", (INSTANCE,))
    if rows:
        return False
    # Of two instances that start at once the one whose key is named here goes on.
    first = active[0].encode()
    if (yield from claim_name("signing_keys", "first", first)) != first:
        return False
    yield SQL(
        f"insert into signing_keys (org, {_COLUMNS}) values (?, ?, 'active', ?, ?, ?, ?, null, null)",
        (INSTANCE, *active, act.at, act.at, act.at),
    )
    yield from _publish(coming, act)
    return True


@question
def rotate_keys(expected_next: str, coming: tuple[str, bytes], remove_at: int, act: Act) -> Steps[bool]:
    """Activate the published next key, retire the active one until `remove_at`, publish a new next one.

    False when `expected_next` is not the next key (any more): somebody else rotated.
    """
    rows = yield SQL(
        """update signing_keys set state = 'active', activated_at = ? where org = ? and state = 'next' and kid = ?
            returning kid""",
        (act.at, INSTANCE, expected_next),
    )
    if not rows:
        return False
    yield SQL(
        """update signing_keys set state = 'retired', retired_at = ?, remove_at = ?
            where org = ? and state = 'active' and kid <> ?""",
        (act.at, remove_at, INSTANCE, expected_next),
    )
    yield SQL("delete from signing_keys where org = ? and state = 'retired' and remove_at < ?", (INSTANCE, act.at))
    yield from _publish(coming, act)
    yield from record(INSTANCE, "signing_key.rotated", act, detail=f'{{"kid":"{expected_next}"}}')
    return True


@question
def _publish(key: tuple[str, bytes], act: Act) -> Steps[None]:
    yield SQL(
        f"insert into signing_keys (org, {_COLUMNS}) values (?, ?, 'next', ?, ?, ?, null, null, null)",
        (INSTANCE, *key, act.at, act.at),
    )
