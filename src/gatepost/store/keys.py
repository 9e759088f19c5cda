"""Questions about organizations' API keys. Ending one stands in `revocations`."""

from gatepost.records import ApiKey
from gatepost.store.events import Act, detail_of, record
from gatepost.store.question import SQL, Steps, question

_KEY = """select k.org, k.id, k.name, k.scopes, k.secret_hash, k.key_version, k.created_at, k.expires_at, k.revoked_at,
    o.disabled_at from api_keys k left join orgs o on o.org = k.org where k.org = ?"""


@question
def make_key(key: ApiKey, epoch: int, act: Act) -> Steps[None]:
    """Keep a new API key."""
    yield SQL(
        """insert into api_keys (org, id, name, scopes, secret_hash, key_version, epoch, created_at, expires_at, revoked_at)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, null)""",
        (key.org, key.id, key.name, key.scopes, key.secret_hash, key.key_version, epoch, act.at, key.expires_at),
    )
    yield from record(key.org, "key.made", act, detail=detail_of("key", key.id))


@question
def find_key(org: bytes, key: bytes) -> Steps[ApiKey | None]:
    """The organization's API key with this id, revoked or not."""
    rows = yield SQL(_KEY + " and k.id = ?", (org, key))
    return ApiKey(*rows[0]) if rows else None


@question
def list_keys(org: bytes) -> Steps[list[ApiKey]]:
    """The organization's API keys, oldest first, revoked ones too."""
    rows = yield SQL(_KEY + " order by k.id", (org,))
    return [ApiKey(*row) for row in rows]
