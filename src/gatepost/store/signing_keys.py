"""Questions about the instance's signing keys: next, active, retired."""

from gatepost.records import SigningKeyRecord
from gatepost.store.events import Act, record
from gatepost.store.orgs import claim_name
from gatepost.store.question import INSTANCE, SQL, Steps, question

_COLUMNS = "kid, alg, state, wrapped, created_at, published_at, activated_at, retired_at, remove_at"


@question
def list_signing_keys() -> Steps[list[SigningKeyRecord]]:
    """All signing keys, oldest first."""
    rows = yield SQL(f"select {_COLUMNS} from signing_keys where org = ? order by created_at, kid", (INSTANCE,))
    return [SigningKeyRecord._make(row) for row in rows]


@question
def make_first_keys(active: tuple[str, bytes], coming: tuple[str, bytes], act: Act, alg: str = "ES256") -> Steps[bool]:
    """Keep the first two keys of an algorithm, one in use and one published ahead. False when there are some already."""
    rows = yield SQL("select 1 from signing_keys where org = ? and alg = ? limit 1", (INSTANCE, alg))
    if rows:
        return False
    # Of two instances that start at once the one whose key is named here goes on.
    kid, wrapped = active
    first = kid.encode()
    if (yield from claim_name("signing_keys", f"first {alg}", first)) != first:
        return False
    yield SQL(
        f"insert into signing_keys (org, {_COLUMNS}) values (?, ?, ?, 'active', ?, ?, ?, ?, null, null)",
        (INSTANCE, kid, alg, wrapped, act.at, act.at, act.at),
    )
    yield from _publish(coming, alg, act)
    return True


@question
def rotate_keys(
    expected_next: str, coming: tuple[str, bytes], remove_at: int, act: Act, alg: str = "ES256"
) -> Steps[bool]:
    """Activate an algorithm's published next key, retire the active one until `remove_at`, publish a new next one.

    False when `expected_next` is not the next key (any more): somebody else rotated.
    """
    rows = yield SQL(
        """update signing_keys set state = 'active', activated_at = ? where org = ? and state = 'next' and kid = ?
            and alg = ? returning kid""",
        (act.at, INSTANCE, expected_next, alg),
    )
    if not rows:
        return False
    yield SQL(
        """update signing_keys set state = 'retired', retired_at = ?, remove_at = ?
            where org = ? and state = 'active' and alg = ? and kid <> ?""",
        (act.at, remove_at, INSTANCE, alg, expected_next),
    )
    yield SQL("delete from signing_keys where org = ? and state = 'retired' and remove_at < ?", (INSTANCE, act.at))
    yield from _publish(coming, alg, act)
    yield from record(INSTANCE, "signing_key.rotated", act, detail=f'{{"kid":"{expected_next}"}}')
    return True


@question
def _publish(key: tuple[str, bytes], alg: str, act: Act) -> Steps[None]:
    kid, wrapped = key
    yield SQL(
        f"insert into signing_keys (org, {_COLUMNS}) values (?, ?, ?, 'next', ?, ?, ?, null, null, null)",
        (INSTANCE, kid, alg, wrapped, act.at, act.at),
    )
